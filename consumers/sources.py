"""Where a consumer's events come from: the log itself, unless Kafka is configured."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.runtime.consuming import Cursor
from domain.runtime.history import page
from domain.runtime.sealing import Stored

MOST_EVENTS: Final = 500  # a transaction
IDLE_SECONDS: Final = 5.0  # a look without having been woken, should a notification get lost

LISTEN: Final = ("LISTEN events", "LISTEN unparked")


class Batch(NamedTuple):
    """Events in the order of each stream; `up_to` is the position to which nothing is left out.

    None: the source does not know, for its events come in several orders at once.
    """

    rows: Sequence[Stored]
    up_to: int | None


class Source(Protocol):
    """Gives events that the consumer may have had already, but leaves none out unnoticed."""

    def wait(self) -> None:
        """Returns when there may be something; never called within a transaction."""

    def batch(self, cursor: Cursor) -> Batch:
        """What comes next, within the transaction that handles it; no rows: nothing has come."""

    def done(self) -> None:
        """The transaction is committed: what it handled need not come again."""


class LogSource:
    """The log, in the order of its positions, and woken by whoever appends."""

    def __init__(self, ear: Connection[TupleRow]) -> None:
        """`ear` is a connection of its own, in autocommit."""
        self._ear = ear
        for statement in LISTEN:
            ear.execute(statement)

    def wait(self) -> None:
        # The first notification wakes; those that gather meanwhile are answered by one look.
        for _ in self._ear.notifies(timeout=IDLE_SECONDS, stop_after=1):
            pass

    def batch(self, cursor: Cursor) -> Batch:
        rows = page(cursor.conn, cursor.position, MOST_EVENTS)
        return Batch(rows, rows[-1].position if rows else None)

    def done(self) -> None:
        """The position has moved in the same transaction."""
