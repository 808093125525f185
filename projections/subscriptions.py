"""How far each webhook is in the log, and what it signs with: `desk.subscriptions`."""

from base64 import b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from domain.runtime.database import Reading
from domain.runtime.keys import Keyring

ACTIVE, STOPPED, GONE = "active", "stopped", "gone"
CHANNEL: Final = "webhooks"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  what Standard Webhooks has each begin with
SLOT: Final = "webhook"
OVERLAP: Final = timedelta(hours=24)
MOST_SIGNATURES: Final = 2

REGISTER: Final = """
INSERT INTO desk.subscriptions (id, position) VALUES (%(id)s, %(position)s)
    ON CONFLICT DO NOTHING RETURNING id
"""
# One look says whether there is more to look at.
LOOK: Final = """
SELECT id, position, ahead, run, state, why, failures, failing_since, next_try, made_at,
       EXISTS (SELECT FROM desk.subscription_cases c WHERE c.subscription = s.id) AS has_cases,
       EXISTS (SELECT FROM desk.subscription_tests t WHERE t.subscription = s.id) AS has_tests
  FROM desk.subscriptions s WHERE s.id = %(id)s
"""
ALL: Final = "SELECT id FROM desk.subscriptions ORDER BY id"
OF: Final = """
SELECT id, position, ahead, run, state, why, failures, failing_since, next_try, made_at
  FROM desk.subscriptions WHERE id = ANY(%(ids)s)
"""
TAKE_OVER: Final = "UPDATE desk.subscriptions SET run = run + 1 WHERE id = %(id)s"
# Whatever was on its way while somebody else moved it moves nothing: `run` is another then.
MOVE: Final = """
UPDATE desk.subscriptions SET (position, ahead) = (%(position)s, %(ahead)s)
 WHERE id = %(id)s AND run = %(run)s AND state = 'active'
"""
ACKNOWLEDGED: Final = """
UPDATE desk.subscriptions
   SET position = %(position)s, ahead = %(ahead)s, why = NULL,
       failures = 0, failing_since = NULL, next_try = NULL
 WHERE id = %(id)s AND run = %(run)s AND state = 'active'
"""
FAILED: Final = """
UPDATE desk.subscriptions
   SET failures = failures + 1, failing_since = coalesce(failing_since, now()),
       next_try = %(next_try)s, why = %(why)s
 WHERE id = %(id)s AND run = %(run)s AND state = 'active'
"""
ENDED: Final = """
UPDATE desk.subscriptions SET state = %(state)s, why = %(why)s, next_try = NULL, run = run + 1
 WHERE id = %(id)s AND run = %(run)s AND state = 'active'
"""
WHY: Final = "SELECT why FROM desk.subscriptions WHERE id = %(id)s AND state <> 'active'"
ENABLED: Final = """
UPDATE desk.subscriptions
   SET state = 'active', why = NULL, run = run + 1,
       failures = 0, failing_since = NULL, next_try = NULL
 WHERE id = %(id)s
"""
REWOUND: Final = """
UPDATE desk.subscriptions
   SET position = %(position)s, ahead = '{}', run = run + 1,
       failures = 0, failing_since = NULL, next_try = NULL
 WHERE id = %(id)s
"""
# What was set aside behind that is sent anew with all that is.
FORGET_CASES: Final = """
DELETE FROM desk.subscription_cases WHERE subscription = %(id)s AND position > %(position)s
"""
NOTIFY: Final = "SELECT pg_notify('webhooks', %(id)s::text)"

# Held while a secret is added: two that come at once would give both the same number.
HOLD: Final = "SELECT id FROM desk.subscriptions WHERE id = %(id)s FOR UPDATE"
LAST: Final = """
SELECT coalesce(max(number), 0) FROM desk.subscription_secrets WHERE subscription = %(id)s
"""
ADD: Final = """
INSERT INTO desk.subscription_secrets (subscription, number, wrapped)
VALUES (%(id)s, %(number)s, %(wrapped)s)
"""
SHORTEN: Final = """
UPDATE desk.subscription_secrets SET expires_at = now() + %(overlap)s
 WHERE subscription = %(id)s AND number = %(last)s
"""
DROP_SECRETS: Final = """
DELETE FROM desk.subscription_secrets
 WHERE subscription = %(id)s AND (number < %(last)s OR expires_at <= now())
"""
SECRETS: Final = """
SELECT number, wrapped FROM desk.subscription_secrets
 WHERE subscription = %(id)s AND (expires_at IS NULL OR expires_at > now())
 ORDER BY number DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands; each field is a column of `desk.subscriptions`."""

    id: UUID
    position: int
    ahead: list[int]
    run: int
    state: str
    why: str | None
    failures: int
    failing_since: datetime | None
    next_try: datetime | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Look(Standing):
    """The same, and whether cases are set aside or tests wait."""

    has_cases: bool
    has_tests: bool


async def look(conn: Reading, id_: UUID) -> Look | None:
    """How one stands; None: there is none."""
    async with conn.cursor(row_factory=class_row(Look)) as cursor:
        return await (await cursor.execute(LOOK, {"id": id_})).fetchone()


async def registered(conn: Reading, id_: UUID, position: int) -> bool:
    """Makes one that begins with what comes behind a position; False: it was there."""
    asked = {"id": id_, "position": position}
    return await (await conn.execute(REGISTER, asked)).fetchone() is not None


async def all_ids(conn: Reading) -> list[UUID]:
    """Every subscription that there is, whatever its state."""
    return [id_ for (id_,) in await (await conn.execute(ALL)).fetchall()]


async def standing(conn: Reading, ids: Collection[UUID]) -> dict[UUID, Standing]:
    """How these stand, as far as they exist."""
    async with conn.cursor(row_factory=class_row(Standing)) as cursor:
        await cursor.execute(OF, {"ids": list(ids)})
        return {one.id: one for one in await cursor.fetchall()}


async def taken_over(conn: Reading, id_: UUID) -> None:
    """It is another's to send from now on; what was on its way moves nothing."""
    await conn.execute(TAKE_OVER, {"id": id_})


async def moved(conn: Reading, of: Standing, position: int, ahead: Sequence[int]) -> bool:
    """Past what is not for it; False: somebody else has moved it meanwhile."""
    place = {"position": position, "ahead": sorted(ahead)}
    return (await conn.execute(MOVE, {"id": of.id, "run": of.run, **place})).rowcount > 0


async def acknowledged(conn: Reading, of: Standing, position: int, ahead: Sequence[int]) -> bool:
    """The same after its receiver has taken one, so that it is well."""
    place = {"position": position, "ahead": sorted(ahead)}
    return (await conn.execute(ACKNOWLEDGED, {"id": of.id, "run": of.run, **place})).rowcount > 0


async def failed(conn: Reading, of: Standing, next_try: datetime, why: str) -> bool:
    """Its receiver takes nothing for now."""
    asked = {"id": of.id, "run": of.run, "next_try": next_try, "why": why}
    return (await conn.execute(FAILED, asked)).rowcount > 0


async def ended(conn: Reading, of: Standing, state: str, why: str) -> bool:
    """It is sent nothing until somebody enables it; it stands where it stood."""
    asked = {"id": of.id, "run": of.run, "state": state, "why": why}
    return (await conn.execute(ENDED, asked)).rowcount > 0


def why_ended(conn: Connection[TupleRow], id_: UUID) -> str | None:
    """Why it is sent nothing; None: it is sent what there is."""
    row = conn.execute(WHY, {"id": id_}).fetchone()
    return row[0] if row else None


async def enabled(conn: Reading, id_: UUID) -> None:
    """It goes on where it stood, at once."""
    await conn.execute(ENABLED, {"id": id_})
    await told(conn, id_)


async def rewound(conn: Reading, id_: UUID, position: int) -> None:
    """It goes on behind a position, wherever it stood."""
    async with conn.transaction():
        await conn.execute(REWOUND, {"id": id_, "position": position})
        await conn.execute(FORGET_CASES, {"id": id_, "position": position})
        await told(conn, id_)


async def told(conn: Reading, id_: UUID) -> None:
    """Wakes whoever sends: something about a subscription is new."""
    await conn.execute(NOTIFY, {"id": id_})


async def rotated(conn: Reading, id_: UUID, keyring: Keyring) -> str:
    """A new secret, shown this once; the one before signs for 24 more hours beside it."""
    async with conn.transaction():
        await conn.execute(HOLD, {"id": id_})
        row = await (await conn.execute(LAST, {"id": id_})).fetchone()
        last = row[0] if row else 0
        key, wrapped = keyring.new(id_, last + 1, SLOT)
        await conn.execute(SHORTEN, {"id": id_, "last": last, "overlap": OVERLAP})
        await conn.execute(DROP_SECRETS, {"id": id_, "last": last})
        await conn.execute(ADD, {"id": id_, "number": last + 1, "wrapped": wrapped})
    return SECRET_PREFIX + b64encode(key).decode()


async def secrets(conn: Reading, id_: UUID, keyring: Keyring) -> list[bytes]:
    """What to sign with, the newest first."""
    rows = await (await conn.execute(SECRETS, {"id": id_, "most": MOST_SIGNATURES})).fetchall()
    return [keyring.unwrap(bytes(wrapped), id_, number, SLOT) for number, wrapped in rows]
