"""Runs a consumer: every event of the log once, in the order of its stream, over any kill.

The check of the version, the effects and the cursor are one transaction. An event whose version
follows the last one handled is handled; an earlier one has been before and is skipped; a later one
means a gap: an alarm, and what lacks is fetched from the log. An event that cannot be handled parks
its stream with the reason, and the others go on.
"""

import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import sleep
from typing import Any, Final, TypeAlias

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.sources import LogSource, Source
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.consuming import Cursor
from domain.runtime.database import connect
from domain.runtime.sealing import Stored
from projections.filling import Key
from projections.follower import once_connected, passes, why

Handle: TypeAlias = Callable[[Connection[TupleRow], Recorded], None]
Sources: TypeAlias = Callable[[Connection[TupleRow]], AbstractContextManager[Source]]

STANDBY_SECONDS: Final = 0.5  # between two tries to be the one

LEADING, STANDING_BY = "consumer_leads", "consumer_stands_by"
GAP_FOUND, CASE_PARKED, CASE_UNPARKED = "consumer_gap_found", "case_parked", "case_unparked"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Consumer:
    """What is done about each event, under a name that is kept for ever.

    `handle` has effects on the connection that it is given and nowhere else: rows, which are there
    if and only if the event is marked as handled. It may be tried twice. A new consumer begins at
    the head of the log unless `from_start`.
    """

    name: str
    handle: Handle
    from_start: bool = False


class LogLacks(Exception):
    """The log lacks version {version} of this stream."""

    def __init__(self, version: int) -> None:
        super().__init__((self.__doc__ or "").format(version=version))


def run(key: Key, consumer: Consumer, sources: Sources | None = None) -> None:
    """Runs the consumer until the process is ended, over any number of lost connections.

    `sources` opens another source than the log, on an ear of its own.
    """
    once_connected(lambda: _run_once(key, consumer, sources or _from_the_log))


def _from_the_log(ear: Connection[TupleRow]) -> AbstractContextManager[Source]:
    return nullcontext(LogSource(ear))


def _run_once(key: Key, consumer: Consumer, sources: Sources) -> None:
    with (
        connect(key.url, f"casebook {consumer.name}", autocommit=True) as conn,
        connect(key.url, f"casebook {consumer.name} ear", autocommit=True) as ear,
    ):
        cursor, codec = Cursor(conn, consumer.name), key.codec
        # Before the lead: whoever stands by is known, and begins where the first one began.
        cursor.register(from_start=consumer.from_start)
        _wait_for_the_lead(cursor)
        with sources(ear) as source:
            while True:
                while step(cursor, consumer, source, codec):
                    pass
                source.wait()


def _wait_for_the_lead(cursor: Cursor) -> None:
    told = False
    while not cursor.leads():
        if not told:
            log.info(STANDING_BY, consumer=cursor.name)
            told = True
        sleep(STANDBY_SECONDS)
    log.info(LEADING, consumer=cursor.name)


def step(cursor: Cursor, consumer: Consumer, source: Source, codec: Codec) -> bool:
    """One transaction: a stream that was released, or the next events. False: nothing to do."""
    with cursor.conn.transaction():
        if _go_on_with_released(cursor, consumer, codec):
            return True
        batch = source.batch(cursor)
        if not batch.rows:
            return False
        _take(cursor, consumer, codec, batch.rows)
        cursor.move(batch.up_to)
    source.done()
    return True


def _go_on_with_released(cursor: Cursor, consumer: Consumer, codec: Codec) -> bool:
    """Whether there was one; it goes on from where it stood, or is parked again."""
    stream = cursor.released()
    if stream is None:
        return False
    cursor.unpark(stream)
    after = cursor.versions([stream])[stream]
    rows = cursor.rest(stream, after)
    _take(cursor, consumer, codec, rows)
    log.info(CASE_UNPARKED, consumer=cursor.name, stream=str(stream), events=len(rows))
    return True


def _take(cursor: Cursor, consumer: Consumer, codec: Codec, rows: Sequence[Stored]) -> None:
    """Handles the events; should one fail, all again, each under a savepoint of its own."""
    try:
        with cursor.conn.transaction():
            _Pass(cursor, consumer, codec, rows, careful=False).all()
    except Exception as error:
        if passes(error):
            raise
        _Pass(cursor, consumer, codec, rows, careful=True).all()


class _Pass:
    """One pass over some events; a careful one parks the streams in which one fails."""

    def __init__(
        self,
        cursor: Cursor,
        consumer: Consumer,
        codec: Codec,
        rows: Sequence[Stored],
        *,
        careful: bool,
    ) -> None:
        self.cursor, self.consumer, self.codec, self.rows = cursor, consumer, codec, rows
        self.careful = careful
        streams = {row.stream for row in rows}
        self.versions, self.parked = cursor.versions(streams), cursor.parked(streams)
        self.moved: dict[Any, int] = {}

    def all(self) -> None:
        for row in self.rows:
            for event in self._due(row):
                if not self._handle(event):
                    break
        self.cursor.handled(self.moved)

    def _due(self, row: Stored) -> Iterable[Stored]:
        """What is to be handled when an event comes: nothing, it alone, or what lacks before it."""
        last = self.versions[row.stream]
        if row.stream in self.parked or row.version <= last:
            return ()
        if row.version == last + 1:
            return (row,)
        log.critical(
            GAP_FOUND,
            consumer=self.consumer.name,
            stream=str(row.stream),
            handled=last,
            came=row.version,
            position=row.position,
        )
        self.cursor.count_gap()
        return [*self.cursor.rest(row.stream, last, row.version - 1), row]

    def _handle(self, row: Stored) -> bool:
        """Whether the event is handled; if not, its stream is parked now."""
        try:
            with self.cursor.conn.transaction() if self.careful else nullcontext():
                _follows(row, self.versions[row.stream])
                self.consumer.handle(self.cursor.conn, self.codec.decode(row))
        except Exception as error:
            if not self.careful or passes(error):
                raise
            self._park(row, error)
            return False
        self.versions[row.stream] = self.moved[row.stream] = row.version
        return True

    def _park(self, row: Stored, error: Exception) -> None:
        reason = str(error) if isinstance(error, LogLacks) else why(error)
        stack = "".join(traceback.format_tb(error.__traceback__))
        log.error(
            CASE_PARKED,
            consumer=self.consumer.name,
            stream=str(row.stream),
            version=row.version,
            position=row.position,
            reason=reason,
            stack=stack,
        )
        self.cursor.park(row, reason)
        self.parked.add(row.stream)


def _follows(row: Stored, last: int) -> None:
    if row.version != last + 1:
        raise LogLacks(last + 1)
