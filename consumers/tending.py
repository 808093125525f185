"""One subscription's own task: looks what is due, sends it, and waits for what comes next."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson
import structlog

from consumers.lanes import Round, planned
from consumers.ledger import Superseded, came_of
from consumers.sending import Answer, Sender
from consumers.signing import signed
from consumers.watching import House, View
from domain.configuration import Person, Subscription
from domain.runtime.database import DATABASE_AWAY, Pool
from domain.runtime.keys import Keyring
from projections import attempts, set_aside, subscriptions
from projections.attempts import Sent
from projections.set_aside import SetAside
from projections.subscriptions import ACTIVE, STOPPED, Standing

LOOK_SECONDS: Final = 5.0  # a look without having been woken, should a notification get lost
PAUSE_SECONDS: Final = 1.0  # after a failure of ours
IDLE_AT_MOST: Final = 1_000  # positions that are not for a subscription, before it says so
TEST: Final = "casebook.test"
JSON: Final = "application/cloudevents+json; charset=utf-8"
OWNER_GONE: Final = "Its owner is not active any more."

TASK_FAILED, DATABASE_LOST = "webhook_task_failed", "webhook_database_lost"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Post:
    """What every subscription is sent by."""

    pool: Pool
    keyring: Keyring
    house: House
    sender: Sender
    tells_owners: bool
    """Whether there is a mail server."""


class Tended:
    """A subscription, for as long as this process sends."""

    def __init__(self, id_: UUID, post: Post) -> None:
        self.id, self._by = id_, post
        self._bell = asyncio.Event()
        self._listens = True
        self._idle, self._idle_under = 0, (0, 0)

    def ring(self, *, changed: bool) -> None:
        """Something may be new for it: in the log, or about itself (`changed`)."""
        if changed:
            self._by.house.documents.forget(self.id)
        if changed or self._listens:
            self._bell.set()

    async def tend(self) -> None:
        """For ever; a defect costs a pause, and no other subscription anything."""
        owned = False
        while True:
            self._bell.clear()
            try:
                if not owned:
                    async with self._by.pool.connection() as conn:
                        await subscriptions.taken_over(conn, self.id)
                    owned = True
                wait = await self._look()
            except Superseded:
                continue
            except DATABASE_AWAY as error:
                log.warning(DATABASE_LOST, subscription=str(self.id), error=type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception:
                log.exception(TASK_FAILED, subscription=str(self.id))
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                # Not `wait_for`: before Python 3.12 it may lose that one is cancelled.
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._bell.wait()

    async def _look(self) -> float:
        """Sends what is due; how long there is nothing to do unless the bell rings."""
        found = await self._by.house.documents.one(self.id, Subscription)
        async with self._by.pool.connection() as conn:
            standing = await subscriptions.look(conn, self.id)
            aside = standing is not None and standing.has_cases
            cases = await set_aside.cases(conn, self.id) if aside else []
        self._listens = False
        if standing is None or found is None:
            return LOOK_SECONDS
        document, version = found
        if standing.has_tests:
            await self._send_tests(document)
        if standing.state != ACTIVE or not document.active:
            return LOOK_SECONDS
        now = datetime.now(UTC)
        if standing.next_try is not None and standing.next_try > now:
            return min(LOOK_SECONDS, (standing.next_try - now).total_seconds())
        view = await self._view()
        if view is None:
            await self._stop(standing, OWNER_GONE)
            return LOOK_SECONDS
        self._listens = True
        return await self._go_on(view, standing, cases, version=version)

    async def _go_on(
        self, view: View, standing: Standing, cases: list[SetAside], *, version: int
    ) -> float:
        """A round, if anything is due."""
        under = (standing.run, version)
        if self._idle_under != under:
            self._idle, self._idle_under = standing.position, under
        after, now = max(standing.position, self._idle), datetime.now(UTC)
        plan = await planned(view, standing, cases, after, now)
        if not plan.lanes:
            self._idle = plan.up_to
            if plan.up_to - standing.position >= IDLE_AT_MOST:
                await self._pass(standing, plan.up_to)
            return 0 if plan.is_full else _until_due(cases, now)
        document = (await self._by.house.documents.all([self.id]))[self.id].document
        assert isinstance(document, Subscription), "it was there a moment ago"
        post = await self._posting(document)
        owner = document.owner if self._by.tells_owners else None
        await Round(self._by.pool, standing, post, plan, owner).run(view)
        return 0

    async def _posting(self, document: Subscription) -> Callable[[Sent, bytes], Awaitable[Answer]]:
        """Sends to the receiver, signed with the secrets of now."""
        async with self._by.pool.connection() as conn:
            secrets = await subscriptions.secrets(conn, self.id, self._by.keyring)

        async def post(sent: Sent, body: bytes) -> Answer:
            headers = signed(body, sent.delivery, secrets, datetime.now(UTC))
            content = ("content-type", JSON)
            return await self._by.sender.post(document.url, body, [content, *headers])

        return post

    async def _view(self) -> View | None:
        """What the owner may see at this moment; None: there is no owner any more."""
        documents = self._by.house.documents
        found = await documents.one(self.id, Subscription)
        if found is None:
            return None
        # Never from memory: whose rights have ended is sent nothing from that moment on.
        owner = (await documents.fresh([found[0].owner])).get(found[0].owner)
        if owner is None or not isinstance(owner.document, Person) or not owner.document.active:
            return None
        return View.of(self._by.house, found[0], owner.document)

    async def _pass(self, standing: Standing, position: int) -> None:
        ahead = [one for one in standing.ahead if one > position]
        async with self._by.pool.connection() as conn:
            await subscriptions.moved(conn, standing, position, ahead)

    async def _send_tests(self, document: Subscription) -> None:
        """What was asked for as a test; it is sent once, and changes nothing."""
        async with self._by.pool.connection() as conn:
            waiting = await attempts.tests(conn, self.id)
        post = await self._posting(document)
        for test, asked_at in waiting:
            sent = Sent(test, TEST)
            answer = await post(sent, self._test(test, asked_at, document))
            async with self._by.pool.connection() as conn, conn.transaction():
                await attempts.tested(conn, test)
                await attempts.add(conn, self.id, came_of(sent, answer))

    def _test(self, test: UUID, asked_at: datetime, document: Subscription) -> bytes:
        told = {
            "specversion": "1.0",
            "id": str(test),
            "source": self._by.house.source,
            "type": TEST,
            "subject": str(self.id),
            "time": asked_at,
            "datacontenttype": "application/json",
            "data": {"description": document.description},
        }
        return orjson.dumps(told, option=orjson.OPT_UTC_Z)

    async def _stop(self, standing: Standing, why: str) -> None:
        async with self._by.pool.connection() as conn:
            await subscriptions.ended(conn, standing, STOPPED, why)


def _until_due(cases: list[SetAside], now: datetime) -> float:
    due = [(case.next_try - now).total_seconds() for case in cases if case.next_try]
    return max(0.01, min([LOOK_SECONDS, *due]))
