"""Clara's case with somebody in every relation to it, and who is told of what happens next.

Clara is the contact, Carl the submitter, Sue watches, Anna has it, Alan is of the team in whose
queue it came, Ada is the account's admin, Rob is in copy.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from consumers.happening import Happening, happening
from consumers.notices import Circle, Notice, notices
from domain import events as e
from domain.configuration import Person
from domain.preferences import Channel, Preferences
from domain.recorded import CommandRef, Recorded
from tests import examples as x
from tests.spec import recorded

ROB: Final = "rob@acme.com"
PEOPLE: Final[Mapping[UUID, Person]] = {
    **x.PEOPLE,
    x.id_of(x.ALAN): x.PEOPLE[x.id_of(x.ALAN)].model_copy(update={"teams": ("network",)}),
}
EVERYBODY: Final = Circle(PEOPLE)
RAISED: Final = x.Happened(x.raised(submitter=x.id_of(x.CARL), team=x.NETWORK.word), x.CARL)
BEFORE: Final = (
    RAISED,
    x.Happened(e.RecipientsChanged(recipients=(ROB,)), x.CARL),
    x.Happened(e.Watched(person=x.id_of(x.SUE)), x.SUE),
    x.Happened(e.Assigned(assignee=x.id_of(x.ANNA), team=x.NETWORK.word), x.ANNA),
    x.POSTED,
    x.NOTED,
)
RELATIONS: Final = {
    "contact": str(x.id_of(x.CLARA)),
    "submitter": str(x.id_of(x.CARL)),
    "watcher": str(x.id_of(x.SUE)),
    "cc": ROB,
    "assignee": str(x.id_of(x.ANNA)),
    "team": str(x.id_of(x.ALAN)),
    "admin": str(x.id_of(x.ADA)),
}


def happened(*past: e.Event | x.Happened) -> Happening:
    """The last one of a history, behind what is above unless it begins a case itself."""
    found = happening(history(*past))
    assert found is not None
    return found


def history(*past: e.Event | x.Happened) -> list[Recorded]:
    """Bare events are Casebook's own, so that they are nobody's own act."""
    told = [one if isinstance(one, x.Happened) else x.Happened(one, x.TIMEKEEPER) for one in past]
    begins = bool(told) and isinstance(told[0].event, e.Created)
    return recorded(*(() if begins else BEFORE), *told)


def at_once(events: list[Recorded], last: int, name: str = "Create") -> Happening:
    """The last event of a history whose `last` ones one command wrote."""
    command = CommandRef(x.COMMAND, name, "", last)
    told = happening([*events[:-last], *(replace(one, command=command) for one in events[-last:])])
    assert told is not None
    return told


def wants(actor_preferences: Mapping[str, Preferences]) -> Circle:
    """Everybody, with the preferences of some, by relation."""
    return Circle(PEOPLE, {UUID(RELATIONS[who]): of for who, of in actor_preferences.items()})


def told_of(happening: Happening, circle: Circle = EVERYBODY) -> dict[str, Notice]:
    """Who is told, by relation, for those who are told by e-mail."""
    found = [n for n in notices(happening, circle) if n.channel is Channel.EMAIL]
    assert len({n.recipient for n in found}) == len(found)
    return {n.relation: n for n in found}
