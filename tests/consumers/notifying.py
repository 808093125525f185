"""A desk whose notifier has everything that is in its log."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from consumers.notifier import NAME, Notifier
from consumers.runner import Consumer
from domain.preferences import Channel
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from tests.consumers.sinks import drained
from tests.desks import Desk
from tests.projections.following import codec_of

Made = TypeVar("Made")
DELIVERED: Final = """
SELECT id, stream, version, recipient, relation, channel, kind, state, why
  FROM desk.deliveries ORDER BY position, recipient, channel
"""


@dataclass(frozen=True)
class Delivered:
    """A row of `desk.deliveries`."""

    id: UUID
    stream: UUID
    version: int
    recipient: str
    relation: str
    channel: str
    kind: str
    state: str
    why: str | None


def notifier(settings: Settings, channels: Collection[Channel] = tuple(Channel)) -> Consumer:
    """As in production, but from the log's beginning."""
    return Consumer(NAME, Notifier(codec_of(settings), channels).handle, from_start=True)


def notified(desk: Desk, channels: Collection[Channel] = tuple(Channel)) -> None:
    drained(desk, notifier(desk.settings, channels))


def delivered(settings: Settings) -> list[Delivered]:
    with (
        psycopg.connect(settings.database_url) as conn,
        conn.cursor(row_factory=class_row(Delivered)) as cursor,
    ):
        return cursor.execute(DELIVERED).fetchall()


def done(desk: Desk, work: Callable[[Store], Awaitable[Made]]) -> Made:
    """What a piece of work on the desk's log comes to."""

    async def run() -> Made:
        async with asyncio.timeout(60), open_store(desk.settings, "casebook test") as store:
            return await work(store)

    return asyncio.run(run())
