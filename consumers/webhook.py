"""Sends webhooks: one process at a time does, others stand by.

Every subscription has a task of its own, so that one whose receiver hangs holds up no other.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final
from uuid import UUID

import structlog
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from consumers.addresses import Rule
from consumers.sending import Sender
from consumers.tending import LOOK_SECONDS, Post, Tended
from consumers.watching import House
from domain.runtime import database
from domain.runtime.codec import Codec
from domain.runtime.database import Reading
from domain.runtime.documents import Documents
from domain.runtime.keys import Keyring
from domain.runtime.reader import Reader
from domain.runtime.settings import Settings
from domain.runtime.tasks import ended
from projections import attempts, subscriptions
from projections.envelope import source_of
from projections.subscriptions import CHANNEL

ONE_DELIVERS: Final = 0x0CA5EB005  # the advisory lock of the one that sends
STANDBY_SECONDS: Final = 0.5
GATHER_SECONDS: Final = 0.02  # what moves in quick succession wakes once
FORGET_SECONDS: Final = 3_600.0
MOST_CONNECTIONS: Final = 8
MOST_RESOLVING: Final = 32  # threads: a name server that hangs holds up one for each name

LOCK: Final = "SELECT pg_try_advisory_lock(%(key)s)"
LISTEN: Final = "LISTEN events; LISTEN projected; LISTEN webhooks"
LEADING, STANDING_BY = "webhooks_lead", "webhooks_stand_by"
log = structlog.get_logger()


def deliver_webhooks(given: Settings) -> None:
    """Sends until the connection is lost or the process ends; nothing is lost with either."""
    asyncio.run(delivering(given, Sender(Rule.read(given.webhooks_allow))))


async def delivering(given: Settings, sender: Sender) -> None:
    """The same with another way to send."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_RESOLVING))
    name = "casebook webhooks"
    ear_at = make_conninfo(given.database_url, application_name=f"{name} ear")
    async with (
        await AsyncConnection.connect(ear_at, autocommit=True) as ear,
        database.pool(given.database_url, name, most=MOST_CONNECTIONS) as pool,
    ):
        await _wait_for_the_lead(ear)
        keyring = Keyring(given.master_key_bytes)
        codec = Codec(keyring)
        reader = Reader(pool, codec)
        source = source_of(*await reader.identity())
        house = House(reader, Documents(pool, codec), source, given.site)
        post = Post(pool, keyring, house, sender, bool(given.smtp))
        await Deliverer(post).run(ear)


async def _wait_for_the_lead(ear: Reading) -> None:
    told = False
    while True:
        row = await (await ear.execute(LOCK, {"key": ONE_DELIVERS})).fetchone()
        if row and row[0]:
            log.info(LEADING)
            return
        if not told:
            log.info(STANDING_BY)
            told = True
        await asyncio.sleep(STANDBY_SECONDS)


class Deliverer:
    """Tends to every subscription that there is."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._tended: dict[UUID, Tended] = {}
        self._at_work: list[asyncio.Task[None]] = []

    async def run(self, ear: Reading) -> None:
        """Until the ear's connection is lost, and the lead with it."""
        await ear.execute(LISTEN)
        looked = forgot = float("-inf")
        try:
            while True:
                if monotonic() - looked >= LOOK_SECONDS:
                    await self._take_in()
                    looked = monotonic()
                if monotonic() - forgot >= FORGET_SECONDS:
                    await self._forget()
                    forgot = monotonic()
                async for one in ear.notifies(timeout=LOOK_SECONDS, stop_after=1):
                    if not self._rang(one.channel, one.payload):
                        looked = float("-inf")  # a new one: taken in at once
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            await ended(*self._at_work)

    def _rang(self, channel: str, payload: str) -> bool:
        """Wakes whom it concerns; False: nobody tends to that one yet."""
        if channel != CHANNEL:
            for tended in self._tended.values():
                tended.ring(changed=False)
            return True
        if (known := self._tended.get(UUID(payload))) is None:
            return False
        known.ring(changed=True)
        return True

    async def _take_in(self) -> None:
        async with self._post.pool.connection() as conn:
            ids = await subscriptions.all_ids(conn)
        for id_ in ids:
            if id_ not in self._tended:
                self._tended[id_] = tended = Tended(id_, self._post)
                self._at_work.append(asyncio.create_task(tended.tend()))
        for tended in self._tended.values():
            tended.ring(changed=False)

    async def _forget(self) -> None:
        async with self._post.pool.connection() as conn:
            await attempts.forget_old(conn)
