"""Cases that a receiver of webhooks refuses, while the others flow: `desk.subscription_cases`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from domain.runtime.database import Reading

OF: Final = """
SELECT stream, position, attempts, next_try, why, since
  FROM desk.subscription_cases WHERE subscription = %(subscription)s ORDER BY position
"""
COUNTED: Final = """
SELECT subscription, count(*) FROM desk.subscription_cases
 WHERE subscription = ANY(%(subscriptions)s) GROUP BY subscription
"""
PUT: Final = """
INSERT INTO desk.subscription_cases (subscription, stream, position, attempts, next_try, why)
VALUES (%(subscription)s, %(stream)s, %(position)s, %(attempts)s, %(next_try)s, %(why)s)
    ON CONFLICT (subscription, stream) DO UPDATE
   SET (position, attempts, next_try, why)
     = (%(position)s, %(attempts)s, %(next_try)s, %(why)s)
"""
STEP: Final = """
UPDATE desk.subscription_cases
   SET (position, attempts, next_try) = (%(position)s, 0, now())
 WHERE subscription = %(subscription)s AND stream = %(stream)s
"""
# What is on its way for the subscription counts no more: it would say where the case stood before.
SUPERSEDE: Final = "UPDATE desk.subscriptions SET run = run + 1 WHERE id = %(subscription)s"
DROP: Final = """
DELETE FROM desk.subscription_cases
 WHERE subscription = %(subscription)s AND stream = ANY(%(streams)s)
"""
# One try more for one that is parked; for one that waits it comes at once.
RETRY: Final = """
UPDATE desk.subscription_cases SET next_try = now()
 WHERE subscription = %(subscription)s AND stream = %(stream)s
RETURNING position
"""
SKIP: Final = """
UPDATE desk.subscription_cases
   SET (position, attempts, next_try) = (position + 1, 0, now())
 WHERE subscription = %(subscription)s AND stream = %(stream)s AND position = %(position)s
RETURNING stream
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A case that stands at `position`. `next_try` None: it is parked until somebody says what."""

    stream: UUID
    position: int
    attempts: int
    next_try: datetime | None
    why: str
    since: datetime


async def cases(conn: Reading, subscription: UUID) -> list[SetAside]:
    """All of a subscription, in the order in which they stand."""
    async with conn.cursor(row_factory=class_row(SetAside)) as cursor:
        await cursor.execute(OF, {"subscription": subscription})
        return await cursor.fetchall()


async def counted(conn: Reading, subscriptions: Collection[UUID]) -> dict[UUID, int]:
    """How many cases of each are set aside; those of which none is are not there."""
    rows = await conn.execute(COUNTED, {"subscriptions": list(subscriptions)})
    return dict(await rows.fetchall())


async def put(
    conn: Reading,
    subscription: UUID,
    stream: UUID,
    *,
    position: int,
    attempts: int,
    next_try: datetime | None,
    why: str,
) -> None:
    """Sets a case aside, or keeps it there after one more try."""
    place = {"subscription": subscription, "stream": stream, "position": position}
    how = {"attempts": attempts, "next_try": next_try, "why": why}
    await conn.execute(PUT, {**place, **how})


async def step(conn: Reading, subscription: UUID, stream: UUID, position: int) -> None:
    """It stands at another event now, which was not tried yet."""
    asked = {"subscription": subscription, "stream": stream, "position": position}
    await conn.execute(STEP, asked)


async def drop(conn: Reading, subscription: UUID, streams: Collection[UUID]) -> None:
    """They flow with the others again."""
    await conn.execute(DROP, {"subscription": subscription, "streams": list(streams)})


async def retried(conn: Reading, subscription: UUID, stream: UUID) -> bool:
    """Tries it at once; False: it is not set aside."""
    asked = {"subscription": subscription, "stream": stream}
    async with conn.transaction():
        await conn.execute(SUPERSEDE, asked)
        return await (await conn.execute(RETRY, asked)).fetchone() is not None


async def skipped(conn: Reading, subscription: UUID, stream: UUID, position: int) -> bool:
    """Goes on behind the event at which it stands; False: it stands elsewhere by now."""
    asked = {"subscription": subscription, "stream": stream, "position": position}
    async with conn.transaction():
        await conn.execute(SUPERSEDE, asked)
        return await (await conn.execute(SKIP, asked)).fetchone() is not None
