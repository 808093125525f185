"""What is true of every notice, whatever has happened and whoever there is."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.happening import Happening, happening
from consumers.notices import Circle, Notice, notices
from domain import events as e
from domain.case import Case
from domain.configuration import Person
from domain.preferences import Channel, Kind, Preferences, Relation, Silence
from domain.recorded import Cause, Recorded
from domain.sight import is_hidden, sees
from domain.values import Actor
from tests import examples as x
from tests.consumers.telling import BEFORE, PEOPLE, history
from tests.consumers.test_notices import EVENTS

ACTORS: Final = (x.CLARA, x.CARL, x.ADA, x.GINA, x.ANNA, x.ALAN, x.SUE, x.CRM_FOR_CLARA, x.BOT)
WATCHING: Final = (x.GINA, x.GUS, x.CHRIS, x.CARL, x.ADA, x.AUDREY, x.BOT, x.CRM)
MORE: Final = (
    *(e.Watched(person=x.id_of(actor)) for actor in WATCHING),
    e.Posted(entry=x.named("m"), text="@Gina @Ada @Audrey @Clara @CRM @Axel", internal=True),
    e.Posted(entry=x.named("o"), text="@Gina @Ada @Audrey @Clara @CRM @Axel"),
    e.DetailsChanged(contact=x.id_of(x.ADA)),
    e.RecipientsChanged(recipients=("gina@globex.com", "clara@acme.com", "x@y.org")),
    e.MadeInternal(entry=x.QUESTION),
)
EVENTS_AND_MORE: Final = (*(o for n, o in EVENTS.items() if not n.startswith("created")), *MORE)
CAUSES: Final = (Cause("request"), Cause("import"), Cause("seed"))

happenings = st.lists(
    st.builds(x.Happened, st.sampled_from(EVENTS_AND_MORE), st.sampled_from(ACTORS)), min_size=1
).map(lambda past: history(*past))
silences = st.builds(
    Silence,
    channel=st.none() | st.sampled_from(Channel),
    kind=st.none() | st.sampled_from(Kind),
    relation=st.none() | st.sampled_from(Relation),
)
wishes = st.dictionaries(
    st.sampled_from(sorted(PEOPLE)),
    st.builds(Preferences, off=st.lists(silences, max_size=3).map(tuple), own_acts=st.booleans()),
)
moved = st.dictionaries(
    st.sampled_from(sorted(PEOPLE)),
    st.sampled_from([{"active": False}, {"account": x.GLOBEX}, {"email": "rob@acme.com"}]),
)


def person_of(notice: Notice) -> UUID | None:
    return None if notice.relation is Relation.CC else UUID(notice.recipient)


def may_see(case: Case, recorded: Recorded, id_: UUID, person: Person) -> bool:
    actor = Actor(id=id_, role=person.role, account=person.account)
    shown = actor.sees_internal or not is_hidden(case, recorded.event)
    return person.active and shown and sees(case, id_, actor)


@settings(max_examples=150)
@given(happenings, wishes, moved, st.sampled_from(CAUSES))
def test_nobody_is_told_what_they_may_not_see_or_did_themselves_or_twice(
    past: list[Recorded],
    wanted: dict[UUID, Preferences],
    changed: dict[UUID, dict[str, object]],
    cause: Cause,
) -> None:
    people = {id_: p.model_copy(update=changed.get(id_, {})) for id_, p in PEOPLE.items()}
    told = happening([*past[:-1], replace(past[-1], cause=cause)])
    assert told is not None
    found = notices(told, Circle(people, wanted))
    assert not found or cause.kind == "request"
    assert (
        len({(n.recipient, n.channel) for n in found}) == len(found) == len({n.id for n in found})
    )
    for notice in found:
        _holds(told, notice, people, wanted)


def _holds(
    told: Happening,
    notice: Notice,
    people: dict[UUID, Person],
    wanted: dict[UUID, Preferences],
) -> None:
    recorded, case = told.recorded, told.case
    if (person := person_of(notice)) is None:
        assert notice.channel is Channel.EMAIL
        assert notice.recipient in case.recipients
        assert not is_hidden(case, recorded.event), "who is in copy has what is public alone"
        author = recorded.by.person
        if isinstance(author, UUID):
            assert people[author].email != notice.recipient
        return
    assert may_see(case, recorded, person, people[person])
    own = wanted.get(person, Preferences())
    assert own.wants(notice.channel, notice.kind, notice.relation)
    assert person != recorded.by.person or own.own_acts or notice.kind is Kind.SURVEY


def test_the_laws_are_of_histories_that_tell_somebody() -> None:
    assert notices(_last(x.ESCALATED.event), Circle(PEOPLE)) != ()
    assert len(history()) == len(BEFORE)


def _last(event: e.Event) -> Happening:
    told = happening(history(event))
    assert told is not None
    return told
