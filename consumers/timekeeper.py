"""The timer: closes what nobody has answered, ends waiting for a date, and reminds in between.

It looks at the cases in which something runs, and asks like anybody else: the rules say whether it
is due. What was due while it was away is done once when it is back, for the id of each command
follows from the event that started its timer.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from consumers import deliveries
from consumers.notices import reminders
from consumers.notifier import channels_of
from consumers.roster import Roster
from consumers.timers import Running, Timer, due, running
from domain import commands as c
from domain import errors as no
from domain.recorded import Cause, Recorded
from domain.runtime.codec import Codec
from domain.runtime.database import connect
from domain.runtime.keys import Keyring
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.values import Actor, Role

TIMEKEEPER: Final = Actor(id="system:timekeeper", role=Role.SYSTEM)
LOOK_SECONDS: Final = 10.0
MOST_REMEMBERED: Final = 20_000
WAITING: Final = """
SELECT id, version FROM read.cases
 WHERE status <> 'Closed' AND (closes_at IS NOT NULL OR awaiting_until IS NOT NULL)
 ORDER BY id
"""
TIMER_CLOSED, TIMER_RESUMED = "timer_closed_case", "timer_resumed_case"
log = structlog.get_logger()


class Timekeeper:
    """Does what is due, in the cases that the read models show as waiting for something."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._url = store, settings.database_url
        self._channels = channels_of(settings)
        self._roster = Roster(Codec(Keyring(settings.master_key_bytes)))
        # By case: its version and what runs there, so that histories are read when they change.
        self._known: dict[UUID, tuple[int, tuple[Running, ...]]] = {}
        self._reminded: set[tuple[UUID, int]] = set()

    async def look(self, now: datetime) -> None:
        """Does what is due now, once."""
        async with self._store.pool.connection() as conn:
            rows = await (await conn.execute(WAITING)).fetchall()
        for case, version in rows:
            for one in due(await self._running(case, version), now):
                await self._do(case, one)

    async def _running(self, case: UUID, version: int) -> tuple[Running, ...]:
        known = self._known.get(case)
        if known is None or known[0] != version:
            if len(self._known) > MOST_REMEMBERED:
                self._known.clear()
            known = (version, running(await self._store.history(case)))
            self._known[case] = known
        return known[1]

    async def _do(self, case: UUID, one: Running) -> None:
        match one.timer:
            case Timer.CLOSE:
                await self._ask(case, c.Close(), one, TIMER_CLOSED)
            case Timer.RESUME:
                await self._ask(case, c.Resume(), one, TIMER_RESUMED)
            case Timer.REMIND if (case, one.version) not in self._reminded:
                history = await self._store.history(case)
                # The case may have gone on since the read models saw it.
                if one in running(history):
                    await asyncio.to_thread(self._remind, history[: one.version])
                self._reminded.add((case, one.version))

    async def _ask(self, case: UUID, command: c.Command, one: Running, done: str) -> None:
        key = f"{one.timer} {case}:{one.version} {one.at.isoformat()}"
        cause = Cause("timer", f"{case}:{one.version}")
        with suppress(no.Refusal):  # somebody was faster, or it is not due any more
            outcome = await self._store.handle(case, command, by=TIMEKEEPER, cause=cause, key=key)
            if not outcome.replayed:
                log.info(done, case=str(case), position=outcome.position)

    def _remind(self, history: Sequence[Recorded]) -> None:
        """Makes the deliveries of a reminder; those that are there already stay as they are."""
        with connect(self._url, "casebook timekeeper") as conn:
            told = self._roster.happening(conn, history[-1])
            if told is not None:
                circle = self._roster.circle(conn, told, self._channels)
                deliveries.record(conn, history[-1], reminders(told, circle), datetime.now(UTC))


def keep_time(settings: Settings) -> None:
    """Looks again and again until the process ends. Two that do so do nothing twice."""
    asyncio.run(_keep_time(settings))


async def _keep_time(settings: Settings) -> None:
    async with open_store(settings, "casebook timekeeper") as store:
        timekeeper = Timekeeper(store, settings)
        while True:
            await timekeeper.look(datetime.now(UTC))
            await asyncio.sleep(LOOK_SECONDS)
