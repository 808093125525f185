"""Who is told of what: the table of notifications as one pure function, without a clock or I/O.

A service level that is about to be missed tells nobody yet: there are no clocks that would know.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Final
from uuid import UUID, uuid5

from consumers.happening import Happening, kinds
from consumers.mentions import mentioned
from domain import events as e
from domain.configuration import Person
from domain.preferences import SHIPPED, Channel, Digest, Kind, Preferences, Relation
from domain.recorded import Recorded
from domain.sight import is_hidden, sees
from domain.values import Actor, Erased, Role

_DELIVERIES: Final = UUID("5b1c2c0e-7d0d-5f43-8a55-6b6f5f1f7c21")
SILENT: Final = frozenset({"import", "seed"})  # causes of which nobody is told

_CUSTOMERS: Final = frozenset({Relation.CONTACT, Relation.SUBMITTER, Relation.WATCHER})
_DESK: Final = frozenset({Relation.ASSIGNEE, Relation.TEAM})
_EVERYBODY: Final = _CUSTOMERS | {Relation.CC} | _DESK
# Of what is internal only these are told, and of them only who may see it.
_INSIDE: Final = _DESK | {Relation.MENTIONED}

TABLE: Final[Mapping[Kind, frozenset[Relation]]] = MappingProxyType({
    Kind.CREATED: _EVERYBODY,
    Kind.ADDED: frozenset({Relation.CC}),
    Kind.POST: _EVERYBODY,
    Kind.FILE: _EVERYBODY,
    Kind.STATUS: _EVERYBODY,
    Kind.SEVERITY: _EVERYBODY,
    Kind.CRITICAL: frozenset({Relation.ADMIN}),
    Kind.ESCALATED: _EVERYBODY | {Relation.ADMIN},
    Kind.DEESCALATED: _EVERYBODY,
    Kind.PROPOSED: _EVERYBODY,
    Kind.ANSWERED: _EVERYBODY,
    Kind.REQUESTED: _EVERYBODY,
    Kind.DECLINED: _EVERYBODY,
    Kind.WITHDRAWN: _EVERYBODY,
    Kind.CLOSED: _EVERYBODY,
    Kind.REOPENED: _EVERYBODY,
    Kind.REDACTED: _EVERYBODY,
    Kind.ASSIGNED: _DESK | {Relation.CONTACT},
    Kind.NOTE: _DESK,
    # Assignee and team are told of the words in which it stands.
    Kind.MENTION: frozenset({Relation.MENTIONED}),
    Kind.AWAIT: _DESK,
    Kind.SURVEY: frozenset({Relation.CONTACT}),
    Kind.REMINDER: _CUSTOMERS | _DESK,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Circle:
    """Who there is to be told, and what they want.

    `people` has everybody who may come in question, by id; `ended` are the recipients who have
    ended the e-mail of this case.
    """

    people: Mapping[UUID, Person]
    preferences: Mapping[UUID, Preferences] = field(default_factory=dict)
    ended: Collection[str] = ()
    channels: Collection[Channel] = tuple(Channel)


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody is to be told of an event by a channel; `recipient` is a person's id or an address.

    `id` follows from event, recipient and channel: whoever makes it again makes the same.
    """

    id: UUID
    recipient: str
    relation: Relation
    kind: Kind
    channel: Channel
    digest: Digest = Digest.OFF


def notices(happening: Happening, circle: Circle) -> tuple[Notice, ...]:
    """Who is told of an event, at most once by each channel; nobody of what came from elsewhere."""
    if happening.recorded.cause.kind in SILENT:
        return ()
    return of_kinds(happening, kinds(happening), circle)


def reminders(happening: Happening, circle: Circle) -> tuple[Notice, ...]:
    """Who is reminded that nobody has answered what happened, before the timer closes the case."""
    return of_kinds(happening, (Kind.REMINDER,), circle)


def of_kinds(happening: Happening, told: Sequence[Kind], circle: Circle) -> tuple[Notice, ...]:
    """Who is told of these kinds: as the strongest of what they are that wants to know."""
    found: dict[tuple[str, Channel], Notice] = {}
    related = [
        (relation, person)
        for relation, person in _related(happening, circle.people)
        if _may_know(happening, relation, person, circle.people)
    ]
    for (relation, person), channel in product(related, circle.channels):
        if channel is Channel.EMAIL and not _has_mail(person, circle):
            continue
        wanted = circle.preferences.get(person, SHIPPED)
        kind = _first_wanted(happening, told, relation, person, channel, wanted)
        if kind is not None:
            digest = wanted.digest if channel is Channel.EMAIL else Digest.OFF
            notice = _notice(happening, str(person), relation, kind, channel, digest)
            found.setdefault((notice.recipient, channel), notice)
    if Channel.EMAIL not in circle.channels:
        return tuple(found.values())
    known = {circle.people[person].email for _, person in related}
    return (*found.values(), *_copies(happening, told, circle, known))


def delivery_id(recorded: Recorded, recipient: str, channel: Channel, kind: Kind) -> UUID:
    """The id of a delivery; a reminder is another one than that of the event itself."""
    of = f"{recorded.stream}:{recorded.version}"
    again = ":reminder" if kind is Kind.REMINDER else ""
    return uuid5(_DELIVERIES, f"{of}{again} {recipient} {channel}")


def actor_of(id_: UUID, person: Person) -> Actor:
    """Somebody as the rules of sight know them."""
    return Actor(id=id_, role=person.role, account=person.account)


def _related(
    happening: Happening, people: Mapping[UUID, Person]
) -> Iterator[tuple[Relation, UUID]]:
    """Who has to do with the case, the strongest relations first."""
    recorded, case = happening.recorded, happening.case
    if isinstance(recorded.event, e.RecipientsChanged):
        return  # tells those who are in copy from now on
    for meant in sorted(_mentioned(recorded.event, people)):
        yield Relation.MENTIONED, meant
    for assignee in _assignees(happening):
        yield Relation.ASSIGNEE, assignee
    yield Relation.CONTACT, case.details.contact
    yield Relation.SUBMITTER, case.submitter
    for watcher in sorted(case.watchers):
        yield Relation.WATCHER, watcher
    for id_, person in sorted(people.items()):
        if case.team is not None and case.team.key in person.teams:
            yield Relation.TEAM, id_
        if person.role is Role.CUSTOMER_ADMIN and person.account == case.account:
            yield Relation.ADMIN, id_


def _mentioned(event: e.Event, people: Mapping[UUID, Person]) -> frozenset[UUID]:
    return (
        mentioned(event.text, people) if isinstance(event, e.Posted | e.Commented) else frozenset()
    )


def _assignees(happening: Happening) -> Iterator[UUID]:
    """Who has the case, and from whom it was taken."""
    moved = isinstance(happening.recorded.event, e.Assigned | e.Unassigned)
    for case in (happening.case, happening.before if moved else None):
        if case is not None and isinstance(case.assignee, UUID):
            yield case.assignee


def _may_know(
    happening: Happening, relation: Relation, id_: UUID, people: Mapping[UUID, Person]
) -> bool:
    person = people.get(id_)
    if person is None or not person.active or person.role is Role.SERVICE:
        return False
    actor, case = actor_of(id_, person), happening.case
    if is_hidden(case, happening.recorded.event):
        return relation in _INSIDE and actor.sees_internal and sees(case, id_, actor)
    return sees(case, id_, actor)


def _has_mail(person: UUID, circle: Circle) -> bool:
    email = circle.people[person].email
    return bool(email) and not isinstance(email, Erased) and str(person) not in circle.ended


def _first_wanted(
    happening: Happening,
    told: Sequence[Kind],
    relation: Relation,
    person: UUID,
    channel: Channel,
    wanted: Preferences,
) -> Kind | None:
    is_own = happening.recorded.by.person == person and not wanted.own_acts
    for kind in told:
        # Whoever closes their own case is asked how it went all the same.
        of_interest = relation in TABLE[kind] and not (is_own and kind is not Kind.SURVEY)
        if of_interest and wanted.wants(channel, kind, relation):
            return kind
    return None


def _copies(
    happening: Happening, told: Sequence[Kind], circle: Circle, known: Collection[str | None]
) -> Iterator[Notice]:
    """Those in copy; people of the case are told as what else they are, by their own wishes."""
    kind = next((kind for kind in told if Relation.CC in TABLE[kind]), None)
    if kind is None or is_hidden(happening.case, happening.recorded.event):
        return
    author = circle.people.get(_id(happening.recorded.by.person))
    for address in _addresses(happening):
        is_own = author is not None and author.email == address
        if not (is_own or address in known or address in circle.ended):
            yield _notice(happening, address, Relation.CC, kind, Channel.EMAIL, Digest.OFF)


def _addresses(happening: Happening) -> Iterator[str]:
    before, event = happening.before, happening.recorded.event
    had = before.recipients if before and isinstance(event, e.RecipientsChanged) else ()
    for address in happening.case.recipients:
        if address not in had and not isinstance(address, Erased):
            yield address


def _id(person: UUID | str) -> UUID:
    return person if isinstance(person, UUID) else UUID(int=0)


def _notice(
    happening: Happening,
    recipient: str,
    relation: Relation,
    kind: Kind,
    channel: Channel,
    digest: Digest,
) -> Notice:
    id_ = delivery_id(happening.recorded, recipient, channel, kind)
    return Notice(id_, recipient, relation, kind, channel, digest)
