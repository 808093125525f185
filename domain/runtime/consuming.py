"""Consumers as `desk.consumers` has them: how far each is, what it has handled, what is parked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from domain.runtime.history import STREAM_AFTER, stored
from domain.runtime.sealing import Stored

MOST_EXAMINED: Final = 10_000  # events that a position is moved over at a time

REGISTER: Final = """
INSERT INTO desk.consumers (name, began, position)
SELECT %(name)s, h.head, h.head
  FROM (SELECT CASE WHEN %(from_start)s THEN 0 ELSE coalesce(max(notification_id), 0) END AS head
          FROM log.events) h
    ON CONFLICT DO NOTHING
"""
# Whoever holds it is the one process that runs this consumer.
LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('casebook consumer ' || %(name)s, 0))"
POSITION: Final = "SELECT position FROM desk.consumers WHERE name = %(name)s"
# A stream that is new to the consumer stands where it stood when the consumer began.
VERSIONS: Final = """
SELECT s.stream, coalesce(h.version, (
           SELECT max(e.originator_version) FROM log.events e
            WHERE e.originator_id = s.stream AND e.notification_id <= c.began), 0)
  FROM unnest(%(streams)s::uuid[]) AS s(stream)
  JOIN desk.consumers c ON c.name = %(name)s
  LEFT JOIN desk.handled h ON h.consumer = c.name AND h.stream = s.stream
"""
HANDLED: Final = """
INSERT INTO desk.handled (consumer, stream, version)
SELECT %(name)s, s.stream, s.version
  FROM unnest(%(streams)s::uuid[], %(versions)s::integer[]) AS s(stream, version)
    ON CONFLICT (consumer, stream) DO UPDATE SET version = excluded.version
"""
MOVE: Final = """
UPDATE desk.consumers SET position = %(position)s, moved_at = now()
 WHERE name = %(name)s AND position < %(position)s
"""
# Up to the first event that is neither handled nor waits in a stream that is parked.
FIRST_LEFT: Final = """
SELECT coalesce(min(e.notification_id) FILTER (
           WHERE p.stream IS NULL AND (h.version IS NULL OR h.version < e.originator_version)) - 1,
           max(e.notification_id))
  FROM (SELECT notification_id, originator_id, originator_version FROM log.events
         WHERE notification_id > (SELECT position FROM desk.consumers WHERE name = %(name)s)
         ORDER BY notification_id LIMIT %(most)s) e
  LEFT JOIN desk.handled h ON h.consumer = %(name)s AND h.stream = e.originator_id
  LEFT JOIN desk.parked p ON p.consumer = %(name)s AND p.stream = e.originator_id
"""
GAP: Final = "UPDATE desk.consumers SET gaps = gaps + 1 WHERE name = %(name)s"
PARK: Final = """
INSERT INTO desk.parked (consumer, stream, version, position, reason)
VALUES (%(name)s, %(stream)s, %(version)s, %(position)s, %(reason)s)
    ON CONFLICT (consumer, stream) DO UPDATE
   SET (version, position, reason, at, released)
     = (excluded.version, excluded.position, excluded.reason, now(), false)
"""
PARKED: Final = """
SELECT stream FROM desk.parked WHERE consumer = %(name)s AND stream = ANY(%(streams)s)
"""
# Held to the end of the transaction: whoever releases comes before it or after it.
RELEASED: Final = """
SELECT stream FROM desk.parked WHERE consumer = %(name)s AND released
 ORDER BY position LIMIT 1 FOR UPDATE
"""
UNPARKED: Final = "DELETE FROM desk.parked WHERE consumer = %(name)s AND stream = %(stream)s"
RELEASE: Final = """
UPDATE desk.parked SET released = true
 WHERE stream = %(stream)s AND (%(name)s::text IS NULL OR consumer = %(name)s)
RETURNING consumer, pg_notify('unparked', consumer)
"""
ALL_PARKED: Final = """
SELECT consumer, stream, version, position, reason, at, released FROM desk.parked
 ORDER BY consumer, position
"""
ALL: Final = """
SELECT c.name, c.position, c.gaps,
       (SELECT count(*) FROM desk.parked p WHERE p.consumer = c.name) AS parked
  FROM desk.consumers c ORDER BY c.name
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a consumer is, how many gaps it has met, and how many streams are parked."""

    name: str
    position: int
    gaps: int
    parked: int


@dataclass(frozen=True, slots=True)
class Parked:
    """A stream that a consumer could not go on with, from this event on."""

    consumer: str
    stream: UUID
    version: int
    position: int
    reason: str
    at: datetime
    released: bool


class Cursor:
    """What one consumer keeps, on the connection of the transaction that has its effects."""

    def __init__(self, conn: Connection[TupleRow], name: str) -> None:
        self.conn, self.name = conn, name

    def leads(self) -> bool:
        """Whether this session is now the one that runs the consumer."""
        row = self.conn.execute(LOCK, {"name": self.name}).fetchone()
        return bool(row and row[0])

    def register(self, *, from_start: bool) -> None:
        """A new consumer begins at the head of the log, or at its beginning; others go on."""
        self.conn.execute(REGISTER, {"name": self.name, "from_start": from_start})

    @property
    def position(self) -> int:
        """Every event up to here is handled, or its stream is parked."""
        row = self.conn.execute(POSITION, {"name": self.name}).fetchone()
        return row[0] if row else 0

    def versions(self, streams: Collection[UUID]) -> dict[UUID, int]:
        """The last version of each stream that is handled."""
        asked = {"name": self.name, "streams": list(streams)}
        return dict(self.conn.execute(VERSIONS, asked).fetchall())

    def handled(self, versions: Mapping[UUID, int]) -> None:
        """Up to these versions the streams are handled."""
        streams, last = list(versions), list(versions.values())
        self.conn.execute(HANDLED, {"name": self.name, "streams": streams, "versions": last})

    def move(self, position: int | None = None) -> None:
        """Up to here everything has come; None: as far as it has, by what is handled."""
        if position is None:
            asked = {"name": self.name, "most": MOST_EXAMINED}
            row = self.conn.execute(FIRST_LEFT, asked).fetchone()
            position = row[0] if row and row[0] is not None else 0
        self.conn.execute(MOVE, {"name": self.name, "position": position})

    def count_gap(self) -> None:
        """An event has come before the one that precedes it."""
        self.conn.execute(GAP, {"name": self.name})

    def park(self, event: Stored, reason: str) -> None:
        """The stream goes no further than before this event until somebody releases it."""
        self.conn.execute(
            PARK,
            {
                "name": self.name,
                "stream": event.stream,
                "version": event.version,
                "position": event.position,
                "reason": reason,
            },
        )

    def parked(self, streams: Collection[UUID]) -> set[UUID]:
        """Which of the streams are parked."""
        asked = {"name": self.name, "streams": list(streams)}
        return {stream for (stream,) in self.conn.execute(PARKED, asked)}

    def released(self) -> UUID | None:
        """A parked stream that is to be tried again."""
        row = self.conn.execute(RELEASED, {"name": self.name}).fetchone()
        return row[0] if row else None

    def unpark(self, stream: UUID) -> None:
        """The stream goes on."""
        self.conn.execute(UNPARKED, {"name": self.name, "stream": stream})

    def rest(self, stream: UUID, after: int, up_to: int | None = None) -> list[Stored]:
        """The events of a stream after a version, from the log; None: to its end."""
        asked = {"stream": stream, "after": after, "up_to": up_to}
        rows = self.conn.execute(STREAM_AFTER, asked, binary=True).fetchall()
        return [stored(row) for row in rows]


def all_parked(conn: Connection[TupleRow]) -> list[Parked]:
    """Every stream that is parked, by consumer and position."""
    with conn.cursor(row_factory=class_row(Parked)) as cursor:
        return cursor.execute(ALL_PARKED).fetchall()


def release(conn: Connection[TupleRow], stream: UUID, consumer: str | None) -> list[str]:
    """Asks that a stream be tried again; the consumers by which it was parked."""
    rows = conn.execute(RELEASE, {"stream": stream, "name": consumer}).fetchall()
    return [name for name, _ in rows]
