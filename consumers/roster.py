"""Who there is to be told of a case: read from the log, and remembered as far as it went."""

from collections.abc import Collection, Iterator
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers import deliveries
from consumers.happening import Happening, happening
from consumers.mentions import called
from consumers.notices import Circle
from domain import events as e
from domain.case import Case
from domain.configuration import Account, Person, Subscription
from domain.preferences import Channel
from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF, Codec
from domain.runtime.documents import document_of
from domain.runtime.history import HEAD, LAST_OF, PAGE_OF, STREAM, stored
from domain.values import Role

TOPICS: Final = [NAME_OF[e.PersonSet], NAME_OF[e.Erased]]
AT_ONCE: Final = 5_000


class Roster:
    """The desk's people and the admins of accounts in memory; everybody else is looked up."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._known: dict[UUID, Person] = {}
        self._seen = 0

    def happening(self, conn: Connection[TupleRow], of: Recorded) -> Happening | None:
        """An event in its case, as far as the case went then; None: it is no case's."""
        return happening([r for r in self.history(conn, of.stream) if r.version <= of.version])

    def history(self, conn: Connection[TupleRow], stream: UUID) -> list[Recorded]:
        """Everything that happened in a stream, in order."""
        rows = conn.execute(STREAM, {"stream": stream}, binary=True)
        return self.codec.decode_all(stored(row) for row in rows)

    def circle(
        self, conn: Connection[TupleRow], told: Happening, channels: Collection[Channel]
    ) -> Circle:
        """Who is to do with what happened, as they are now, and what they want."""
        self._refresh(conn, told.recorded.position)
        named = {person for person in _named(told) if person not in self._known}
        people = self.people(conn, named) | dict(self._concerned(told))
        return Circle(
            people,
            deliveries.wishes(conn, people),
            deliveries.ended(conn, told.case.id),
            channels,
        )

    def people(self, conn: Connection[TupleRow], wanted: Collection[UUID]) -> dict[UUID, Person]:
        """Those of these who are people, as they are now."""
        documents = self._documents(conn, wanted)
        return {id_: document for id_, document in documents if isinstance(document, Person)}

    def account(self, conn: Connection[TupleRow], account: UUID) -> Account | None:
        """The account as it is now."""
        found = dict(self._documents(conn, [account])).get(account)
        return found if isinstance(found, Account) else None

    def subscription(self, conn: Connection[TupleRow], stream: UUID) -> Subscription | None:
        """The subscription as it is now."""
        found = dict(self._documents(conn, [stream])).get(stream)
        return found if isinstance(found, Subscription) else None

    def _documents(
        self, conn: Connection[TupleRow], streams: Collection[UUID]
    ) -> Iterator[tuple[UUID, object]]:
        if not streams:
            return
        rows = conn.execute(LAST_OF, {"streams": list(streams)}, binary=True).fetchall()
        for recorded in self.codec.decode_all(stored(row) for row in rows):
            yield recorded.stream, document_of(recorded)

    def _refresh(self, conn: Connection[TupleRow], position: int) -> None:
        """Knows everybody at the head; the positions leave nobody out that was there before."""
        if position <= self._seen:
            return
        row = conn.execute(HEAD).fetchone()
        head: int = row[0] if row else 0
        while self._seen < head:
            asked = {"after": self._seen, "up_to": head, "most": AT_ONCE}
            rows = conn.execute(
                PAGE_OF, {**asked, "topics": TOPICS, "stream": None}, binary=True
            ).fetchall()
            for recorded in self.codec.decode_all(stored(row) for row in rows):
                self._take(recorded)
            self._seen = rows[-1][0] if len(rows) == AT_ONCE else head

    def _take(self, recorded: Recorded) -> None:
        person = document_of(recorded)
        admin = isinstance(person, Person) and person.role is Role.CUSTOMER_ADMIN
        if isinstance(person, Person) and (admin or person.account is None):
            self._known[recorded.stream] = person
        else:
            self._known.pop(recorded.stream, None)

    def _concerned(self, told: Happening) -> Iterator[tuple[UUID, Person]]:
        """Those in memory who are named, in the team, an admin of the account, or perhaps meant."""
        case, event, named = told.case, told.recorded.event, set(_named(told))
        words = called(event.text) if isinstance(event, e.Posted | e.Commented) else ()
        for id_, person in self._known.items():
            meant = words and {person.name.casefold(), person.email or ""} & words
            if id_ in named or meant or _belongs(person, case):
                yield id_, person


def _belongs(person: Person, case: Case) -> bool:
    in_team = case.team is not None and case.team.key in person.teams
    return in_team or (person.account == case.account and person.account is not None)


def _named(told: Happening) -> Iterator[UUID]:
    case, before = told.case, told.before
    yield case.details.contact
    yield case.submitter
    yield from case.watchers
    for one in (case.assignee, before and before.assignee, told.recorded.by.person):
        if isinstance(one, UUID):
            yield one
