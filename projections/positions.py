"""Read your writes: waits until the read models have what a command has just written."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from domain.runtime.database import Pool
from domain.runtime.history import HEAD
from domain.runtime.tasks import ended

PATIENCE_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 0.1  # a look without having been woken
PAUSE_SECONDS: Final = 0.5

NOTICED: Final = "noticed"
LISTEN: Final = "LISTEN projected; LISTEN events; LISTEN noticed"
POSITIONS: Final = "SELECT name, position, failure FROM read.models"
EAR_LOST: Final = "position_ear_lost"
log = structlog.get_logger()


class BeyondTheHead(Exception):
    """The log has no position {wanted}: it ends at {head}."""

    def __init__(self, wanted: int, head: int) -> None:
        super().__init__((self.__doc__ or "").format(wanted=wanted, head=head))


class AheadOfTheLog(Exception):
    """The log ends at {head}: whoever has position {after} has it from another one."""

    def __init__(self, after: int, head: int) -> None:
        super().__init__((self.__doc__ or "").format(after=after, head=head))


class NotYetThere(Exception):
    """The read model '{model}' has not reached position {wanted} yet{because}."""

    def __init__(self, model: str, wanted: int, failure: str | None) -> None:
        because = f": it stopped ({failure})" if failure else ""
        said = (self.__doc__ or "").format(model=model, wanted=wanted, because=because)
        super().__init__(said)


class Positions:
    """How far the read models of a database are, as the follower says."""

    def __init__(self, url: str, pool: Pool, of_the_log: Pool | None = None) -> None:
        """`url` is the primary's, for a standby hears nothing; its head is asked in `of_the_log`.

        `pool` is where the read models are read: there too, or on a standby that lags.
        """
        self._url, self._pool, self._of_the_log = url, pool, of_the_log or pool
        self._moved = asyncio.Event()
        self._noticed: Counter[str] = Counter()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hears the log and its follower until the end of the block."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            await ended(task)

    @property
    def movement(self) -> asyncio.Event:
        """Set when something is appended or shown. Taken before a look, it misses nothing."""
        return self._moved

    async def wait(self, wanted: int, models: Collection[str]) -> None:
        """Returns once all of the read models have `wanted`.

        Raises:
            BeyondTheHead: there is no such position.
            NotYetThere: after two seconds one of them still has not, or it has stopped.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Taken before the look: what moves during it ends the wait at once.
                moved = self._moved
                while (behind := await self._behind(wanted, models)) and not behind[1]:
                    # A standby has it a little after the primary has told.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await moved.wait()
                    moved = self._moved
        except TimeoutError:
            behind = await self._behind(wanted, models)
        if behind:
            raise NotYetThere(behind[0], wanted, behind[1])

    async def all(self) -> dict[str, tuple[int, str | None]]:
        """Where each read model stands, and why it stopped if it did."""
        async with self._pool.connection() as conn:
            rows = await (await conn.execute(POSITIONS)).fetchall()
        return {name: (position, failure) for name, position, failure in rows}

    async def stopped(self) -> str | None:
        """Which read model has stopped and why, in a sentence; None: none has."""
        for name, (position, failure) in (await self.all()).items():
            if failure:
                return f"The read model '{name}' stopped at position {position}: {failure}."
        return None

    async def _behind(self, wanted: int, models: Collection[str]) -> tuple[str, str | None] | None:
        """The first that is not there yet, and why it stopped if it did."""
        there = await self.all()
        late = [m for m in models if there.get(m, (0, None))[0] < wanted]
        if late:
            async with self._of_the_log.connection() as conn:
                row = await (await conn.execute(HEAD)).fetchone()
            head: int = row[0] if row else 0
            if wanted > head:
                raise BeyondTheHead(wanted, head)
        return (late[0], there.get(late[0], (0, None))[1]) if late else None

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def noticed(self, person: str) -> int:
        """How often somebody was told something since this process began: more, and it is new."""
        return self._noticed[person]

    async def _listen(self) -> None:
        url = make_conninfo(self._url, application_name="casebook api ear")
        while True:
            try:
                async with await AsyncConnection.connect(url, autocommit=True) as conn:
                    await conn.execute(LISTEN)
                    self._wake()
                    async for told in conn.notifies():
                        if told.channel == NOTICED:
                            self._noticed[told.payload] += 1
                        else:
                            self._wake()
            except psycopg.OperationalError as error:
                log.warning(EAR_LOST, sqlstate=error.sqlstate)
            await asyncio.sleep(PAUSE_SECONDS)
