"""Preferences over HTTP: what one wants to be told, by which channel, as what."""

from typing import Final

from fastapi import APIRouter
from psycopg.types.json import Jsonb

from api.auth import Scope
from api.deps import SECURITY, By
from api.strict import StrictRoute
from domain.preferences import SHIPPED, Preferences

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
        row = await (await conn.execute(CHOSEN, {"person": by.by.person})).fetchone()
    return Preferences.model_validate(row[0]) if row else SHIPPED


@router.put("/me/preferences", openapi_extra=SECURITY)
async def keep_preferences(preferences: Preferences, by: By) -> Preferences:
    """Keeps what one wants to be told. A field that is null stands for all of its kind."""
    by.needs_a_person()
    chosen = Jsonb(preferences.model_dump(mode="json"))
    async with by.given.store.pool.connection() as conn:
        await conn.execute(CHOOSE, {"person": by.by.person, "chosen": chosen})
    return preferences
