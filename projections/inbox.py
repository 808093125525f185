"""What was somebody told, as far as they may still see it, and who was told of a case?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed

Seen = tuple[LiteralString, Mapping[str, Any]]
Place = tuple[int, UUID]


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told in the portal; `internal`: customers may not know of it now."""

    id: UUID
    position: int
    case_id: UUID
    number: str
    subject: str
    kind: str
    relation: str
    internal: bool
    made_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Somebody is told, or was, by a channel, and what came of each attempt."""

    id: UUID
    position: int
    version: int
    recipient: str
    relation: str
    channel: str
    kind: str
    state: str
    why: str | None
    due_at: datetime
    made_at: datetime
    done_at: datetime | None
    read_at: datetime | None
    attempts: list[dict[str, Any]] = field(default_factory=list)


_OWN: Final = """
  FROM desk.deliveries d
  JOIN read.activity a ON a.position = d.position
  JOIN read.cases c ON c.id = d.stream
 WHERE d.channel = 'in_app' AND d.recipient = %(person)s AND (%(internal)s OR NOT a.internal)
   AND """
INBOX: Final = SQL("""
SELECT d.id, d.position, c.id AS case_id, c.number, c.subject, d.kind, d.relation, a.internal,
       d.made_at, d.read_at {own}{seen}
   AND (d.position, d.id) < (%(position)s, %(id)s) AND d.position > %(after)s
   AND (NOT %(unread)s OR d.read_at IS NULL)
 ORDER BY d.position DESC, d.id DESC LIMIT %(most)s
""")
UNREAD: Final = SQL("SELECT count(*) {own}{seen} AND d.read_at IS NULL")
READ: Final = SQL("""
UPDATE desk.deliveries SET read_at = coalesce(read_at, now())
 WHERE id IN (SELECT d.id {own}{seen} AND d.id = %(id)s) RETURNING id
""")
# What came after `through` was not seen by whoever says so.
READ_ALL: Final = SQL("""
UPDATE desk.deliveries SET read_at = now()
 WHERE id IN (SELECT d.id {own}{seen} AND d.read_at IS NULL AND d.position <= %(through)s)
""")
# For whoever has the portal open twice.
CHANGED: Final = "SELECT pg_notify('noticed', %(person)s)"
OF_CASE: Final = """
SELECT d.id, d.position, d.version, d.recipient, d.relation, d.channel, d.kind, d.state, d.why,
       d.due_at, d.made_at, d.done_at, d.read_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('number', t.number, 'at', t.at,
                                                     'answer', t.answer) ORDER BY t.number)
                   FROM desk.attempts t WHERE t.delivery = d.id), '[]') AS attempts
  FROM desk.deliveries d JOIN read.activity a ON a.position = d.position
 WHERE d.stream = %(case)s AND (%(internal)s OR NOT a.internal)
   AND (d.position, d.id) < (%(position)s, %(id)s)
 ORDER BY d.position DESC, d.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Inbox:
    """What one person was told; `seen` is the condition that the cases they see fulfil."""

    person: str
    seen: Seen
    internal: bool

    async def page(
        self,
        conn: AsyncConnection[TupleRow],
        *,
        before: Place,
        most: int,
        unread: bool = False,
        after: int = 0,
    ) -> list[Told]:
        """The newest first, behind the place at which a page ended."""
        asked = {"position": before[0], "id": before[1], "most": most, "unread": unread}
        async with conn.cursor(row_factory=class_row(Told)) as cursor:
            await cursor.execute(self._of(INBOX), {**self._values, **asked, "after": after})
            return await cursor.fetchall()

    async def unread(self, conn: AsyncConnection[TupleRow]) -> int:
        """How many of them are not read."""
        row = await (await conn.execute(self._of(UNREAD), self._values)).fetchone()
        return int(row[0]) if row else 0

    async def read(self, conn: AsyncConnection[TupleRow], id_: UUID) -> bool:
        """Marks one as read; whether it is one of theirs."""
        cursor = await conn.execute(self._of(READ), {**self._values, "id": id_})
        found = await cursor.fetchone() is not None
        await conn.execute(CHANGED, self._values)
        return found

    async def read_all(self, conn: AsyncConnection[TupleRow], through: int) -> None:
        """Marks all of them as read, up to a position."""
        await conn.execute(self._of(READ_ALL), {**self._values, "through": through})
        await conn.execute(CHANGED, self._values)

    @property
    def _values(self) -> dict[str, Any]:
        return {**self.seen[1], "person": self.person, "internal": self.internal}

    def _of(self, statement: SQL) -> Composed:
        return statement.format(own=SQL(_OWN), seen=SQL(self.seen[0]))


async def of_case(
    conn: AsyncConnection[TupleRow], case: UUID, *, internal: bool, before: Place, most: int
) -> list[Delivery]:
    """Who was told of what in a case, the newest first. The caller has asked who may see it."""
    asked = {"case": case, "internal": internal, "position": before[0], "id": before[1]}
    async with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        await cursor.execute(OF_CASE, {**asked, "most": most})
        return await cursor.fetchall()
