"""Whether this process lives, and whether it can do its work."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.deps import Given
from domain.runtime.behind import behind
from domain.runtime.database import migrations, unready

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """`because` says what is missing; where the process is ready, what it does without.

    `behind` is how many events of the log have not come yet: to each consumer, and to Kafka.
    """

    status: Literal["alive", "ready", "not ready"]
    because: str | None = None
    behind: dict[str, int] | None = None


@router.get("/livez", response_model_exclude_none=True)
async def livez() -> Health:
    """A process that does not answer here is to be started anew."""
    return Health(status="alive")


@router.get("/readyz", response_model_exclude_none=True, responses={503: {"model": Health}})
async def readyz(given: Given, response: Response) -> Health:
    """A process that is not ready gets no requests for now.

    A read model that stopped does not make it so, nor a Kafka that is away: all the rest goes on,
    here as elsewhere.
    """
    because = await unready(given.store.pool)
    if because is None and not given.store.queue.healthy:
        because = "The log cannot be written."
    if because is None:
        others = await behind(given.store.pool)
        stopped = await given.positions.stopped() or others.stopped
        return Health(status="ready", because=stopped, behind=others.lacking or None)
    response.status_code = 503
    return Health(status="not ready", because=because)


class Version(BaseModel):
    """What answers: the release, which log and which epoch of it, and the schema's last step."""

    release: str
    log: UUID
    epoch: int
    schema_: str = Field(alias="schema", serialization_alias="schema")


@router.get("/version")
async def version(request: Request, given: Given) -> Version:
    """The release, which log this is, and how far its schema is."""
    log, epoch = await given.store.identity()
    last = max(migrations(), default="none")
    return Version(release=request.app.version, log=log, epoch=epoch, schema=last)
