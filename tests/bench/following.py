"""Bench: how fast the read models follow, and how soon what was written can be read."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from domain.recorded import Cause
from domain.runtime import database
from domain.runtime.opening import open_store
from domain.runtime.seed.bulk import sow
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from projections import access, cases
from projections.follower import LEADING, READ_MODELS
from projections.positions import Positions
from tests.bench.measuring import Figure, durable_postgres, settings_of
from tests.bench.seed import prepared
from tests.deploy.running import within
from tests.desks import MASTER_KEY, furnish
from tests.examples import CLARA, CREATE
from tests.projections.following import projected

CASES = 4_000
COMMANDS_A_SECOND, SECONDS = 100, 20
READS = 10_000
AT_ONCE = 16
MODELS = (access.NAME, cases.NAME)
REQUEST = Cause("request")


def measure() -> list[Figure]:
    """Events a second into all read models; from the answer to what a read with At-Least shows."""
    with durable_postgres() as server:
        settings = settings_of(server)
        speed = _caught_up(settings)
        with _following(settings):
            steady, stale, all_reads = asyncio.run(_written_and_read(settings))
    return [
        Figure(f"follower: into {len(READ_MODELS)} read models", speed, "events/s"),
        *_quantiles("answered to visible, 100 commands/s", steady, 0.15),
        *_quantiles(f"At-Least after each of {READS:,} writes", all_reads, 0.2),
        Figure("At-Least: reads that were stale", stale, "reads"),
    ]


def _caught_up(settings: Settings) -> float:
    setting = asyncio.run(prepared(settings, CASES))
    sown = sow(settings, setting, lambda _lot: None)
    began = time.perf_counter()
    projected(settings)
    return sown.events / (time.perf_counter() - began)


def _quantiles(name: str, seconds: list[float], most: float) -> Iterator[Figure]:
    cuts = statistics.quantiles(seconds, n=100)
    yield Figure(f"{name}: p50", cuts[49] * 1000, "ms")
    yield Figure(f"{name}: p99", cuts[98] * 1000, "ms")
    # As a ratio, so that more is better, as with all others.
    yield Figure(f"{name}: {most * 1000:.0f} ms / p99", most / cuts[98], "ratio", 1)


@contextmanager
def _following(settings: Settings) -> Iterator[None]:
    env = {
        **os.environ,
        "CASEBOOK_DATABASE_URL": settings.database_url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
    }
    command = [sys.executable, "-m", "projections"]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        assert within(20, lambda: _leads(settings)), LEADING
        yield
    finally:
        process.terminate()
        process.wait()


def _leads(settings: Settings) -> bool:
    with psycopg.connect(settings.database_url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'casebook follower'"
        ).fetchone()
    return bool(row and row[0])


async def _written_and_read(settings: Settings) -> tuple[list[float], int, list[float]]:
    async with (
        open_store(settings, "casebook bench") as store,
        database.pool(settings.database_url, "casebook bench reads") as reads,
    ):
        await furnish(store)
        positions = Positions(settings.database_url, reads, store.pool)
        async with positions.listening():
            steady = await _steadily(store, positions)
            stale, all_reads = await _each(store, positions, reads)
    return steady, stale, all_reads


async def _steadily(store: Store, positions: Positions) -> list[float]:
    """So many commands a second, whatever the last one took."""
    took: list[float] = []

    async def one() -> None:
        outcome = await store.handle(None, CREATE, by=CLARA, cause=REQUEST)
        answered = time.perf_counter()
        await positions.wait(outcome.position, MODELS)
        took.append(time.perf_counter() - answered)

    tasks: list[asyncio.Task[None]] = []
    began = time.perf_counter()
    for n in range(COMMANDS_A_SECOND * SECONDS):
        await asyncio.sleep(max(0.0, began + n / COMMANDS_A_SECOND - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    return took


async def _each(
    store: Store, positions: Positions, reads: database.Pool
) -> tuple[int, list[float]]:
    """A read with At-Least after each write: how many lacked it, and how long each took."""
    took: list[float] = []
    stale = 0

    async def some(number: int) -> None:
        nonlocal stale
        for _ in range(number):
            outcome = await store.handle(None, CREATE, by=CLARA, cause=REQUEST)
            answered = time.perf_counter()
            await positions.wait(outcome.position, MODELS)
            async with reads.connection() as conn:
                found = await conn.execute(
                    "SELECT version FROM read.cases WHERE id = %s", (outcome.case.id,)
                )
                stale += await found.fetchone() is None
            took.append(time.perf_counter() - answered)

    await asyncio.gather(*(some(READS // AT_ONCE) for _ in range(AT_ONCE)))
    return stale, took
