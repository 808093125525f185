"""The end of the log, looked at once for all who wait there."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from domain.runtime.database import DATABASE_AWAY, Pool
from domain.runtime.reader import Reader
from domain.runtime.tasks import ended
from projections import activity
from projections.positions import Positions
from projections.seen import MODELS

LOOK_SECONDS: Final = 2.0  # a look without having been woken
AT_ONCE: Final = 4  # readers that look at the database at a time, so that others can too
MOST_REMEMBERED: Final = 1_000
TAIL_LOST, TAIL_FAILED = "tail_lost", "tail_failed"
log = structlog.get_logger()


async def within(seconds: float, movement: asyncio.Event) -> None:
    """Returns once something has moved, or after so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await movement.wait()


@dataclass(slots=True)
class Tail:
    """How far the log goes (`head`) and how far read models show it (`through`)."""

    positions: Positions
    reader: Reader
    reads: Pool
    head: int = 0
    through: int = 0
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    """Taken by whoever reads on for an answer that goes on."""
    _readers: int = 0
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    # (after, up to, in whose cases something happened there), one after the other.
    _seen: deque[tuple[int, int, frozenset[UUID]]] = field(
        default_factory=lambda: deque(maxlen=MOST_REMEMBERED)
    )

    @asynccontextmanager
    async def watched(self) -> AsyncIterator["Tail"]:
        """Looks whenever something has moved, until the end of the block."""
        task = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            await ended(task)

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Somebody waits here until the end of the block: without anybody, nobody looks."""
        self._readers += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self._wanted.clear()
                # Whoever comes next does not want to know what happened meanwhile.
                self.head = self.through = 0
                self._seen.clear()

    @property
    def movement(self) -> asyncio.Event:
        """Set when either end moves. Taken before a look, it misses nothing."""
        return self._moved

    def touches(self, account: UUID, after: int) -> bool:
        """Whether something may have happened in the cases of an account between there and here."""
        known = self._seen[0][0] if self._seen else self.through
        if after < known:
            return True
        return any(account in accounts for _, up_to, accounts in self._seen if up_to > after)

    async def _watch(self) -> None:
        while True:
            await self._wanted.wait()
            movement = self.positions.movement
            try:
                await self._look()
            except DATABASE_AWAY as error:
                log.warning(TAIL_LOST, error=type(error).__name__)
            except Exception:
                log.exception(TAIL_FAILED)  # a defect costs a look, never all after it
            await within(LOOK_SECONDS, movement)

    async def _look(self) -> None:
        head = await self.reader.head()
        async with self.reads.connection() as conn:
            through = await activity.through(conn, MODELS)
            if through > self.through > 0:  # what was there before is not looked through
                accounts = await activity.accounts(conn, self.through, through)
                self._seen.append((self.through, through, accounts))
        if (head, through) != (self.head, self.through):
            self.head, self.through = head, through
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
