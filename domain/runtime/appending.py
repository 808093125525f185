"""Group commit: whatever gathers while one flush is in the air goes out with the next, in one call.

A flush whose answer was lost is sent again byte for byte: each command carries its id, so that the
log answers `repeated` instead of writing it twice.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self
from uuid import UUID

import structlog
from psycopg import Error, InterfaceError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction

from domain.runtime.frames import Frame, encode, encode_batch, encode_unchanged
from domain.runtime.pipeline import Outcome, Pipeline, Rows

MOST_ITEMS = 256  # in a flush: more would hold the lock longer without writing more a second
MOST_FLUSHES = 2  # in the air: while the server works on one, the next is on its way
LEAST_FLUSH = 8  # a second one for fewer costs another commit and gains nothing
ITEM_COST = 60e-6  # seconds that an item costs this process, its caller included: at least that
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0  # seconds between tries to connect

CONNECTION_LOST = "append_connection_lost"
COMMAND_REFUSED = "append_command_refused"
FLUSH_FAILED = "append_flush_failed"

log = structlog.get_logger()


class Answer(NamedTuple):
    outcome: Outcome
    first_position: int | None
    """Of the command's first event; its events are neighbours. None after a conflict."""
    resent: bool = False
    """The flush went out more than once: `repeated` may mean this command's own first try."""


# AppendError
# ├── QueueFull         nothing was written
# ├── QueueClosed       nothing was written
# ├── CommandRefused    nothing was written
# └── OutcomeUnknown    it may have been written
class AppendError(Exception):
    def __init__(self, **details: object) -> None:
        super().__init__((self.__doc__ or "").format(**details))
        self.details = details


class QueueFull(AppendError):
    """{waiting} commands are waiting to be written already. Nothing was written; try again."""

    retry_after = timedelta(seconds=1)


class QueueClosed(AppendError):
    """The service is stopping and takes no more commands. Nothing was written; try again."""

    retry_after = timedelta(seconds=2)


class OutcomeUnknown(AppendError):
    """The database is away. The command may be written or not: repeating it with its id tells."""

    retry_after = timedelta(seconds=5)


class CommandRefused(AppendError):
    """The database refused the events of this command ({sqlstate}). Nothing was written."""


class AppendQueue:
    """The process's one way into the log: `async with AppendQueue(url) as queue: …`.

    Leaving the block writes what was taken. While the database is away, commands wait up to
    `patience` from the loss on; then they fail with OutcomeUnknown, and the queue goes on trying.
    """

    def __init__(
        self, url: str, *, most_waiting: int = 4096, patience: timedelta = timedelta(seconds=30)
    ) -> None:
        self._url, self._most_waiting, self._patience = url, most_waiting, patience
        self._waiting: deque[_Item] = deque()
        self._in_the_air = 0
        self._woken = asyncio.Event()
        self._closing = False
        self._writers: list[asyncio.Task[None]] = []
        self._pipeline: Pipeline | None = None
        self._connecting = asyncio.Lock()
        self._lost_since: float | None = None

    async def __aenter__(self) -> Self:
        self._writers = [asyncio.create_task(self._write()) for _ in range(MOST_FLUSHES)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._woken.set()
        await asyncio.gather(*self._writers)
        if self._pipeline:
            self._pipeline.close()

    @property
    def healthy(self) -> bool:
        """Whether a command given now is likely to be written at once."""
        writing = bool(self._writers) and not any(writer.done() for writer in self._writers)
        return writing and not self._closing and self._lost_since is None

    @property
    def waiting(self) -> int:
        """How many commands wait for the next flush."""
        return len(self._waiting)

    async def append(self, frames: Sequence[Frame], command_id: UUID) -> Answer:
        """Writes a command's events, all or none, also over several streams.

        Cancelled while it waits: not written. Cancelled while in the air: as with a lost answer,
        the command id tells.

        Raises:
            StateTooLarge: an event is above 256 KiB.
            AppendError: see the tree above.
        """
        item = _Item(command_id, encode(command_id, frames), {frame.stream for frame in frames})
        return await self._enqueue(item)

    async def remember(
        self, command_id: UUID, *, digest: str, stream: UUID, version: int
    ) -> Answer:
        """Remembers a command that changes nothing while `stream` stands at `version`.

        Raises:
            AppendError: see the tree above.
        """
        encoded = encode_unchanged(command_id, digest, stream, version)
        return await self._enqueue(_Item(command_id, encoded, {stream}))

    async def _enqueue(self, item: "_Item") -> Answer:
        if self._closing:
            raise QueueClosed
        if len(self._waiting) >= self._most_waiting:
            raise QueueFull(waiting=len(self._waiting))
        self._waiting.append(item)
        self._woken.set()
        return await item.answer

    async def _write(self) -> None:
        flush: list[_Item] = []
        try:
            while True:
                if flush := self._take():
                    self._in_the_air += len(flush)
                    await self._deliver(flush)
                    self._in_the_air -= len(flush)
                elif self._closing:
                    return
                else:
                    self._woken.clear()
                    await self._woken.wait()
        except asyncio.CancelledError:  # the loop is torn down: nobody may wait for ever
            self._closing = True
            _leave_unknown([*flush, *self._waiting], None)
            raise

    @property
    def _worth_a_flush(self) -> float:
        """How many items pay for a commit of their own.

        Two flushes in the air commit twice for the same items. That is won back where the work of
        this process, which they hide, takes longer than a commit; on a slow disk it never does.
        """
        return max(LEAST_FLUSH, self._pipeline.commit_time / ITEM_COST if self._pipeline else 0)

    def _take(self) -> "list[_Item]":
        """The next flush; empty while it is better to let more gather."""
        gathered = len(self._waiting)
        worth = self._worth_a_flush
        if self._in_the_air and gathered < worth:
            return []
        fair = -(-(gathered + self._in_the_air) // MOST_FLUSHES)
        most = min(MOST_ITEMS, fair) if fair >= worth else MOST_ITEMS
        flush: list[_Item] = []
        later: list[_Item] = []
        claimed: set[UUID] = set()
        while self._waiting and len(flush) < most:
            item = self._waiting.popleft()
            if not item.answer.done():  # else its caller was cancelled
                (flush if claimed.isdisjoint(item.claims) else later).append(item)
                claimed |= item.claims
        self._waiting.extendleft(reversed(later))
        return flush

    async def _deliver(self, flush: "list[_Item]") -> None:
        """Answers each item of the flush, whatever happens."""
        try:
            await self._send(flush)
        except _Away as away:
            _leave_unknown(flush, away.__cause__)
        except Error as error:
            await self._narrow_down(flush, error)
        except Exception as error:  # a defect costs one flush, never the writer
            log.exception(FLUSH_FAILED, commands=len(flush))
            _leave_unknown(flush, error)

    async def _narrow_down(self, flush: "list[_Item]", error: Error) -> None:
        """The database refused the flush and wrote nothing: halves, down to the one to blame."""
        if len(flush) > 1:
            await self._deliver(flush[: len(flush) // 2])
            await self._deliver(flush[len(flush) // 2 :])
            return
        # The error's own message may quote what people wrote.
        log.error(COMMAND_REFUSED, command=flush[0].command_id, sqlstate=error.sqlstate)
        refused = CommandRefused(sqlstate=error.sqlstate)
        refused.__cause__ = error
        flush[0].fail(refused)

    async def _send(self, flush: "list[_Item]") -> None:
        """Sends until there is an answer: the same bytes each time."""
        batch = encode_batch([item.encoded for item in flush])
        pause, resent = FIRST_PAUSE, False
        while True:
            try:
                rows = await self._call(batch)
            except (OperationalError, InterfaceError, ReadOnlySqlTransaction) as error:
                self._lost(error)
                await asyncio.sleep(pause)
                pause, resent = min(2 * pause, LONGEST_PAUSE), True
            else:
                self._lost_since = None
                for item, (outcome, first_position) in zip(flush, rows, strict=True):
                    item.succeed(Answer(outcome, first_position, resent))
                return

    async def _call(self, batch: bytes) -> Rows:
        async with self._connecting:
            if self._pipeline is None or self._pipeline.closed:
                self._pipeline = await Pipeline.connect(self._url)
            pipeline = self._pipeline
        try:
            return await pipeline.append(batch)
        except (OperationalError, ReadOnlySqlTransaction) as error:
            # Also where the server only gave up: a new connection may lead to a better one.
            pipeline.close(error)
            raise

    def _lost(self, error: Error) -> None:
        if self._lost_since is None:
            self._lost_since = monotonic()
            log.warning(CONNECTION_LOST, sqlstate=error.sqlstate)
        if monotonic() - self._lost_since > self._patience.total_seconds():
            raise _Away from error


class _Item:
    """A command in the queue, encoded in its caller: what cannot be encoded harms nobody else."""

    __slots__ = ("answer", "claims", "command_id", "encoded")

    def __init__(self, command_id: UUID, encoded: bytes, streams: set[UUID]) -> None:
        self.command_id, self.encoded = command_id, encoded
        self.claims = {command_id, *streams}
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def succeed(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: AppendError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class _Away(Exception):
    """The database stayed away longer than the queue's patience."""


def _leave_unknown(items: Sequence[_Item], cause: BaseException | None) -> None:
    for item in items:
        unknown = OutcomeUnknown()
        unknown.__cause__ = cause
        item.fail(unknown)
