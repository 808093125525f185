"""Whether this process lives, and whether it can do its work."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.deps import Given
from domain.runtime.database import unready

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["alive", "ready", "not ready"]
    because: str | None = None


@router.get("/livez", response_model_exclude_none=True)
async def livez() -> Health:
    """A process that does not answer here is to be started anew."""
    return Health(status="alive")


@router.get("/readyz", response_model_exclude_none=True, responses={503: {"model": Health}})
async def readyz(given: Given, response: Response) -> Health:
    """A process that is not ready gets no requests for now; `because` says what is missing."""
    because = await unready(given.store.pool)
    if because is None and not given.store.queue.healthy:
        because = "The log cannot be written."
    if because is None:
        because = await given.positions.stopped()
    if because is None:
        return Health(status="ready")
    response.status_code = 503
    return Health(status="not ready", because=because)
