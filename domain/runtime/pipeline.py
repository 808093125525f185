"""A connection on which `log.append` is called again before the call before it was answered.

While the server works on one flush the next is under way already, so neither side waits for the
other: 1.3x the events a second with 64 writers, against one call at a time. psycopg's own pipeline
gives its lock to whoever waits for an answer; so this speaks libpq's pipeline mode itself.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import Any, Literal, Self

from psycopg import AsyncConnection, Error, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

Outcome = Literal["appended", "unchanged", "repeated", "conflict"]
Rows = list[tuple[Outcome, int | None]]

PREPARE = "PREPARE append (jsonb) AS SELECT outcome, first_position FROM log.append($1)"
PREPARED = b"append"
LOOK_SECONDS = 0.5  # between two looks at a call that nobody has said to be answered
OUTCOMES: dict[bytes | None, Outcome] = {
    b"appended": "appended",
    b"unchanged": "unchanged",
    b"repeated": "repeated",
    b"conflict": "conflict",
}
ITEM_COST = 25e-6  # seconds that an item costs the server
# A peer that vanished without a word is noticed within half a minute.
CONNECTION: dict[str, Any] = {
    "application_name": "casebook append",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Pipeline:
    """`await Pipeline.connect(url)`; each call is a transaction, in the order of the calls."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection, self._libpq = connection, connection.pgconn
        self._socket = self._libpq.socket  # known no more once the connection is lost
        self._loop = asyncio.get_running_loop()
        self._calls: deque[asyncio.Future[Rows]] = deque()
        self._result: PGresult | None = None
        self.commit_time = 0.0
        """Seconds of a call that its items do not explain, as of late: lock, commit, scheduling."""
        self._busy_since = 0.0
        self._watched = True
        self._timer: asyncio.TimerHandle | None = None
        self._libpq.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Raises OperationalError where no database answers."""
        connection = await AsyncConnection.connect(url, autocommit=True, **CONNECTION)
        try:
            await connection.execute(PREPARE)
        except Error:
            await connection.close()
            raise
        return cls(connection)

    @property
    def closed(self) -> bool:
        return not self._watched or self._connection.closed

    async def append(self, batch: bytes) -> Rows:
        """What `log.append` says: one row for each item.

        Raises:
            psycopg.OperationalError: the connection is lost; nobody knows whether it was written.
            psycopg.Error: the database refused the batch and wrote nothing.
        """
        self._libpq.send_query_prepared(PREPARED, [batch])
        self._libpq.pipeline_sync()
        if not self._calls:
            self._busy_since = monotonic()
        call: asyncio.Future[Rows] = self._loop.create_future()
        self._calls.append(call)
        self._write()
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        return await call

    def close(self, because: Exception | None = None) -> None:
        """Whoever still waits for an answer is told that the connection is lost."""
        # Not only while it is connected: libpq closes a lost socket by itself, and the next one may
        # get its number. A loop that still watched the old one would never hear of the new one.
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._libpq.finish()
        if self._timer:
            self._timer.cancel()
        for call in self._calls:
            if not call.done():
                lost = OperationalError("the connection is lost")
                lost.__cause__ = because
                call.set_exception(lost)
        self._calls.clear()

    def _write(self) -> None:
        try:
            if self._libpq.flush():  # the socket is full: the rest when it has room again
                self._loop.add_writer(self._socket, self._write)
            else:
                self._loop.remove_writer(self._socket)
        except Error as error:
            self.close(error)

    def _look(self) -> None:
        """Looks without having been called, and has the socket watched anew.

        libpq closes lost sockets behind the loop's back, and the loop may take a new one for the
        old: seen with uvloop under kills of the server. Nobody may wait for ever because of it.
        """
        self._timer = None
        if not self._watched or not self._calls:
            return
        try:
            there = self._libpq.socket == self._socket
        except OperationalError as error:
            self.close(error)
            return
        if there:
            self._loop.remove_reader(self._socket)
            self._loop.add_reader(self._socket, self._read)
        self._read()
        if self._watched:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _read(self) -> None:
        try:
            self._libpq.consume_input()
            self._take_results()
        except Exception as error:  # noqa: BLE001 - lost or a defect: nobody may wait for ever
            self.close(error)

    def _take_results(self) -> None:
        """Of each call there come: its result, nothing, a synchronisation point, nothing."""
        nothing = False
        while self._calls and not self._libpq.is_busy():
            result = self._libpq.get_result()
            if result is None and nothing:
                return
            nothing = result is None
            if result and result.status == ExecStatus.PIPELINE_SYNC:
                self._settle(self._calls.popleft())
            elif result:
                self._result = result

    def _settle(self, call: asyncio.Future[Rows]) -> None:
        result, self._result = self._result, None
        assert result, "a synchronisation point comes after a result"
        self._measure(result.ntuples)
        if call.done():
            return
        if result.status == ExecStatus.TUPLES_OK:
            call.set_result([_row(result, number) for number in range(result.ntuples)])
        else:
            call.set_exception(error_from_result(result))

    def _measure(self, items: int) -> None:
        now = monotonic()
        commit_time = max(0.0, now - self._busy_since - items * ITEM_COST)
        self.commit_time += (commit_time - self.commit_time) / 8
        self._busy_since = now


def _row(result: PGresult, number: int) -> tuple[Outcome, int | None]:
    position = result.get_value(number, 1)
    return OUTCOMES[result.get_value(number, 0)], None if position is None else int(position)
