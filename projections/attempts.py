"""What came of each try to send a webhook: `desk.subscription_attempts`, and tests that wait."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import orjson
from psycopg.rows import class_row

from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF
from domain.runtime.database import Reading

KEPT: Final = timedelta(days=30)
_DELIVERIES: Final = UUID("5d1f2c39-7e60-5f0b-8f5f-0f4c6a2f9d11")

ADD: Final = """
INSERT INTO desk.subscription_attempts
       (subscription, delivery, type, position, stream, version, took_ms, status, answer)
SELECT %(subscription)s, delivery, type, position, stream, version, took_ms, status, answer
  FROM jsonb_populate_recordset(NULL::desk.subscription_attempts, %(rows)s::jsonb)
"""
LIST: Final = """
SELECT id, delivery, type, position, stream, version, at, took_ms, status, answer
  FROM desk.subscription_attempts
 WHERE subscription = %(subscription)s AND id < %(before)s ORDER BY id DESC LIMIT %(most)s
"""
FORGET: Final = "DELETE FROM desk.subscription_attempts WHERE at < now() - %(kept)s"
ASK: Final = "INSERT INTO desk.subscription_tests (subscription) VALUES (%(id)s) RETURNING id"
TESTS: Final = """
SELECT id, asked_at FROM desk.subscription_tests WHERE subscription = %(id)s ORDER BY asked_at, id
"""
DONE: Final = "DELETE FROM desk.subscription_tests WHERE id = %(test)s"


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: an event of the log, or, without a place in it, a test."""

    delivery: UUID
    type: str
    position: int | None = None
    stream: UUID | None = None
    version: int | None = None


def sent_of(recorded: Recorded, subscription: UUID) -> Sent:
    """An event on its way to a subscription, under the same id however often it is sent."""
    place = f"{recorded.stream}:{recorded.version}"
    return Sent(
        uuid5(_DELIVERIES, f"{place} {subscription} webhook"),
        NAME_OF[type(recorded.event)],
        recorded.position,
        recorded.stream,
        recorded.version,
    )


@dataclass(frozen=True, slots=True)
class Tried:
    """A try. `status` None: there was no answer, and `answer` says why."""

    id: int
    delivery: UUID
    type: str
    position: int | None
    stream: UUID | None
    version: int | None
    at: datetime
    took_ms: int
    status: int | None
    answer: str


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a try. `status` None: there was no answer, and `answer` says why."""

    sent: Sent
    took: timedelta
    status: int | None
    answer: str


async def add(conn: Reading, subscription: UUID, *tries: Came) -> None:
    """Keeps what came of some tries."""
    rows = [
        {
            **asdict(came.sent),
            "took_ms": round(came.took.total_seconds() * 1000),
            "status": came.status,
            "answer": came.answer,
        }
        for came in tries
    ]
    asked = {"subscription": subscription, "rows": orjson.dumps(rows).decode()}
    await conn.execute(ADD, asked)


async def skipped(conn: Reading, subscription: UUID, recorded: Recorded, said: str) -> None:
    """Keeps who did not want an event to be sent, and why."""
    sent = sent_of(recorded, subscription)
    await add(conn, subscription, Came(sent, timedelta(0), None, said))


async def listed(conn: Reading, subscription: UUID, before: int, most: int) -> list[Tried]:
    """Tries of a subscription, the newest first."""
    async with conn.cursor(row_factory=class_row(Tried)) as cursor:
        asked = {"subscription": subscription, "before": before, "most": most}
        await cursor.execute(LIST, asked)
        return await cursor.fetchall()


async def forget_old(conn: Reading) -> None:
    """Drops what is older than a month."""
    await conn.execute(FORGET, {"kept": KEPT})


async def ask_test(conn: Reading, subscription: UUID) -> UUID:
    """Asks for a test event; its id is the delivery's."""
    row = await (await conn.execute(ASK, {"id": subscription})).fetchone()
    assert row is not None, "an INSERT that returns has a row"
    test: UUID = row[0]
    return test


async def tests(conn: Reading, subscription: UUID) -> list[tuple[UUID, datetime]]:
    """Test events that wait, and since when."""
    return await (await conn.execute(TESTS, {"id": subscription})).fetchall()


async def tested(conn: Reading, test: UUID) -> None:
    """A test is sent once, whatever came of it."""
    await conn.execute(DONE, {"test": test})
