"""What a delivery says when it is sent: read from the log then, for who may still see it then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers import deliveries, wording
from consumers.email import Item, Letter, Withheld
from consumers.happening import Happening, happening
from consumers.notices import actor_of
from consumers.roster import Roster
from consumers.stopped import stopped
from domain import events as e
from domain.configuration import Account, Person
from domain.fold import case_of
from domain.preferences import Kind, Relation
from domain.recorded import Recorded
from domain.runtime.unsubscribing import End, Ending
from domain.sight import is_hidden, sees
from domain.values import Erased

_BECAUSE: Final = {
    Relation.MENTIONED: "You receive this because somebody mentioned you.",
    Relation.ASSIGNEE: "You receive this because you have this case.",
    Relation.CONTACT: "You receive this because you are the contact of this case.",
    Relation.SUBMITTER: "You receive this because you raised this case.",
    Relation.WATCHER: "You receive this because you watch this case.",
    Relation.TEAM: "You receive this because this case stands in your team's queue.",
    Relation.ADMIN: "You receive this because you are an admin of your company.",
}
_DIGEST: Final = "You receive this because you asked for what happens in one mail."
ENDS, ENDS_DIGEST = "End the mails of this case", "End these mails"
SOMEBODY: Final = "somebody of the desk"


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is to be sent."""

    id: UUID
    stream: UUID
    version: int
    recipient: str
    relation: Relation
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who is told, as they are now; a person or an address in copy."""

    person: UUID | None
    address: str
    name: str | None


class Letters:
    """Writes letters, with the people of now."""

    def __init__(self, roster: Roster, ending: Ending, site: str) -> None:
        self._roster, self._ending, self._site = roster, ending, site

    def letter(self, conn: Connection[TupleRow], due: Due) -> Letter:
        """The letter of one delivery.

        Raises:
            Withheld: the recipient may not be told of it, or not any more.
        """
        if due.kind is Kind.STOPPED:
            end = self._unsubscribe(End(due.id, of_all=False))
            return stopped(conn, due.id, due.stream, due.recipient, self._roster, end)
        history = self._roster.history(conn, due.stream)
        reader, item = self._told(conn, due, history)
        return Letter(
            delivery=due.id,
            recipient=reader.address,
            name=reader.name,
            case=due.stream,
            items=[item],
            because=_BECAUSE.get(due.relation) or self._added_by(conn, due, history),
            ends=ENDS,
            unsubscribe=self._unsubscribe(End(due.id, of_all=False)),
        )

    def digest(
        self, conn: Connection[TupleRow], gathered: Sequence[Due]
    ) -> tuple[Letter | None, dict[UUID, str]]:
        """One letter of several deliveries to one person, and why some of them are not in it."""
        items, withheld, reader = list[Item](), dict[UUID, str](), None
        for due in gathered:
            try:
                reader, item = self._told(conn, due, self._roster.history(conn, due.stream))
            except Withheld as reason:
                withheld[due.id] = reason.why
                continue
            items.append(item)
        if reader is None:
            return None, withheld
        letter = Letter(
            delivery=gathered[0].id,
            recipient=reader.address,
            name=reader.name,
            case=None,
            items=items,
            because=_DIGEST,
            ends=ENDS_DIGEST,
            unsubscribe=self._unsubscribe(End(gathered[0].id, of_all=True)),
        )
        return letter, withheld

    def _told(
        self, conn: Connection[TupleRow], due: Due, history: Sequence[Recorded]
    ) -> tuple[_Reader, Item]:
        then, now = happening([r for r in history if r.version <= due.version]), case_of(history)
        if then is None or now is None or now.erased:
            raise Withheld("the case was erased")
        told = replace(then, case=now)
        if due.recipient in deliveries.ended(conn, due.stream):
            raise Withheld("the recipient has ended the mail of this case")
        if due.relation is Relation.CC:
            reader = _copy(due, told)
        else:
            reader = _person(due, told, self._roster.people(conn, [UUID(due.recipient)]))
        _still_there(told)
        return reader, self._item(conn, due, told, reader)

    def _item(self, conn: Connection[TupleRow], due: Due, told: Happening, reader: _Reader) -> Item:
        account = self._roster.account(conn, told.case.account)
        event, by = told.recorded.event, told.recorded.by.person
        ids = {by, event.field("assignee"), event.field("person")}
        people = self._roster.people(conn, [one for one in ids if isinstance(one, UUID)])
        nameless = isinstance(event, e.Assigned | e.Unassigned) and _hides_names(account, due)

        def name(whom: UUID | str) -> str:
            if nameless:
                return SOMEBODY
            if isinstance(whom, UUID):
                return people[whom].name if whom in people else "Somebody"
            return "Casebook" if whom.startswith("system:") else "Somebody"

        zone = account.zone if account else "UTC"
        who = name(by)
        return Item(
            number=told.case.number,
            subject=told.case.details.subject,
            headline=wording.headline(
                told, due.kind, due.relation, who[:1].upper() + who[1:], name
            ),
            words=wording.words(told) if due.kind is not Kind.REMINDER else None,
            outlook=wording.outlook(told, due.kind, due.relation, zone),
            link=f"{self._site}/cases/{told.case.number}" if reader.person else None,
        )

    def _added_by(self, conn: Connection[TupleRow], due: Due, history: Sequence[Recorded]) -> str:
        """Who put an address in copy; the last one, where it came and went."""
        by: UUID | str | None = None
        known: tuple[str, ...] = ()
        for recorded in history:
            if isinstance(recorded.event, e.RecipientsChanged):
                if due.recipient in recorded.event.recipients and due.recipient not in known:
                    by = recorded.by.person
                known = recorded.event.recipients
        people = self._roster.people(conn, [by]) if isinstance(by, UUID) else {}
        name = people[by].name if isinstance(by, UUID) and by in people else "somebody"
        return f"You receive this because {name} added you to this case."

    def _unsubscribe(self, end: End) -> str:
        return f"{self._site}/unsubscribe/{self._ending.secret(end)}"


def _copy(due: Due, told: Happening) -> _Reader:
    if due.recipient not in told.case.recipients:
        raise Withheld("the address is in copy no longer")
    if is_hidden(told.case, told.recorded.event):
        raise Withheld("it is internal by now")
    return _Reader(None, due.recipient, None)


def _person(due: Due, told: Happening, people: dict[UUID, Person]) -> _Reader:
    id_ = UUID(due.recipient)
    person = people.get(id_)
    if person is None or not person.active:
        raise Withheld("the recipient is here no longer")
    if not person.email or isinstance(person.email, Erased):
        raise Withheld("the recipient has no address")
    actor, case = actor_of(id_, person), told.case
    if not sees(case, id_, actor):
        raise Withheld("the recipient may see the case no longer")
    if is_hidden(case, told.recorded.event) and not actor.sees_internal:
        raise Withheld("it is internal by now")
    return _Reader(id_, person.email, person.name)


def _still_there(told: Happening) -> None:
    """What somebody took back is not sent after that."""
    event, case = told.recorded.event, told.case
    entry = case.entries.get(event.field("entry") or case.id)
    file = case.attachments.get(event.field("attachment") or case.id)
    if isinstance(event, e.Redacted):
        return
    if (entry is not None and entry.removed) or (file is not None and file.removed):
        raise Withheld("it was taken back")


def _hides_names(account: Account | None, due: Due) -> bool:
    desk = {Relation.ASSIGNEE, Relation.TEAM, Relation.MENTIONED}
    return account is not None and not account.shows_assignee and due.relation not in desk
