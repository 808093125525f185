"""Bench: very many cases, decided, encrypted and copied into the log."""

import asyncio
import time

from domain.runtime.opening import open_store
from domain.runtime.seed.bulk import prepare, sow
from domain.runtime.seed.inventing import Setting
from domain.runtime.settings import Settings
from tests.bench.measuring import Figure, durable_postgres, settings_of

CASES = 30_000


def measure() -> list[Figure]:
    """`casebook seed --cases`: events a second, from the first decision to the last commit."""
    with durable_postgres() as server:
        settings = settings_of(server)
        setting = asyncio.run(prepared(settings, CASES))
        began = time.perf_counter()
        sown = sow(settings, setting, lambda _lot: None)
        speed = sown.events / (time.perf_counter() - began)
    return [Figure("seed: by COPY", speed, "events/s", 20_000)]


async def prepared(settings: Settings, cases: int) -> Setting:
    """The desk, with accounts enough for so many cases."""
    async with open_store(settings, "casebook bench") as store:
        return await prepare(store, settings, cases, 1)
