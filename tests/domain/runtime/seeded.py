"""Desks that were seeded, for the tests of both ways."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from domain.case import Case
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from domain.runtime.store import Store

Result = TypeVar("Result")


def on(settings: Settings, work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Does a piece of work on the log of these settings."""

    async def opened() -> Result:
        async with open_store(settings, "test seed") as store:
            return await work(store)

    return asyncio.run(opened())


async def log_of(store: Store) -> list[Recorded]:
    """The whole log, in its order."""
    found: list[Recorded] = []
    while page := await store.page(found[-1].position if found else 0):
        found += page
    return found


def streams_of(log: list[Recorded]) -> dict[UUID, list[Recorded]]:
    """The events by stream."""
    streams: dict[UUID, list[Recorded]] = {}
    for recorded in log:
        streams.setdefault(recorded.stream, []).append(recorded)
    return streams


def cases_of(log: list[Recorded]) -> list[Case]:
    """The cases as they are at the end."""
    return [case for history in streams_of(log).values() if (case := case_of(history))]
