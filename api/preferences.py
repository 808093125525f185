"""Preferences over HTTP: what one wants to be told, by which channel, as what."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from api.auth import Scope
from api.deps import SECURITY, By
from api.strict import StrictRoute
from domain.preferences import MOST_SILENCES, SHIPPED, Channel, Preferences, Silence

router = APIRouter(prefix="/api/v1", tags=["notifications"], route_class=StrictRoute)

CHOSEN: Final = "SELECT chosen FROM desk.preferences WHERE person = %(person)s"
CHOOSE: Final = """
INSERT INTO desk.preferences (person, chosen) VALUES (%(person)s, %(chosen)s)
    ON CONFLICT (person) DO UPDATE SET (chosen, set_at) = (excluded.chosen, now())
"""


@router.get("/me/preferences", openapi_extra=SECURITY)
async def read_preferences(by: By) -> Preferences:
    """What one wants to be told: everything but what is off."""
    by.needs(Scope.CASES_READ)
    async with by.given.store.pool.connection() as conn:
        return await _chosen(conn, by.by.person)


@router.put("/me/preferences", openapi_extra=SECURITY)
async def keep_preferences(preferences: Preferences, by: By) -> Preferences:
    """Keeps what one wants to be told. A field that is null stands for all of its kind."""
    by.needs_a_person()
    async with by.given.store.pool.connection() as conn:
        await _choose(conn, by.by.person, preferences)
    return preferences


async def end_mail(conn: AsyncConnection[TupleRow], person: UUID) -> None:
    """Somebody wants no e-mail at all from now on; what they are told in the portal stays."""
    now, no_mail = await _chosen(conn, person), Silence(channel=Channel.EMAIL)
    if no_mail not in now.off:
        off = (*now.off[: MOST_SILENCES - 1], no_mail)
        await _choose(conn, person, now.model_copy(update={"off": off}))


async def _chosen(conn: AsyncConnection[TupleRow], person: UUID | str) -> Preferences:
    row = await (await conn.execute(CHOSEN, {"person": person})).fetchone()
    return Preferences.model_validate(row[0]) if row else SHIPPED


async def _choose(conn: AsyncConnection[TupleRow], person: UUID | str, to: Preferences) -> None:
    chosen = Jsonb(to.model_dump(mode="json"))
    await conn.execute(CHOOSE, {"person": person, "chosen": chosen})
