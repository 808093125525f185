"""Whether this process lives, and whether it can do its work."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from domain.runtime.database import Pool, unready

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["alive", "ready", "not ready"]
    because: str | None = None


@router.get("/livez", response_model_exclude_none=True)
async def livez() -> Health:
    """A process that does not answer here is to be started anew."""
    return Health(status="alive")


@router.get("/readyz", response_model_exclude_none=True, responses={503: {"model": Health}})
async def readyz(request: Request, response: Response) -> Health:
    """A process that is not ready gets no requests for now; `because` says what is missing."""
    pool: Pool = request.app.state.pool
    because = await unready(pool)
    if because is None:
        return Health(status="ready")
    response.status_code = 503
    return Health(status="not ready", because=because)
