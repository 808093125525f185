"""The feed: all that happened, in the order of the log, for programs that keep one number."""

from hashlib import sha256
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel

from api.auth import Scope
from api.deps import READING, SECURITY, Asking, By
from api.following import CloudEvent, View
from domain.errors import RoleMayNot
from domain.values import Role

router = APIRouter(prefix="/api/v1", tags=["feed"])

MOST_PAGE: Final = 1_000
HIGHEST: Final = 2**62
JSON: Final = "application/json"
MAY_PROVE: Final = frozenset({Role.AUDITOR, Role.SUPPORT_ADMIN})


class EventUnknown(Exception):
    """There is no event at this position."""


class ReaderTooSlow(Exception):
    """You do not read what is sent: connect again, and go on with the last id."""


class RightsChanged(Exception):
    """Your rights are others than when you connected: connect again."""


class ProcessEnds(Exception):
    """This process ends: connect again, and go on with the last id."""


class Feed(BaseModel):
    """A page of the log. Send `next` as `after`; complete up to `through`.

    `prev` is the position before its first event, `log` and `epoch` say which log this is.
    """

    log: UUID
    epoch: int
    events: list[CloudEvent]
    prev: int
    next: int
    through: int


class Head(BaseModel):
    """How far the log goes: the position of the last event, 0 where nothing has happened."""

    log: UUID
    epoch: int
    position: int


async def view(
    by: By,
    type: Annotated[list[str] | None, Query(max_length=60, description="Of these types.")] = None,  # noqa: A002  its name in the query
    case: Annotated[str | None, Query(max_length=40, description="Of this case.")] = None,
    account: Annotated[UUID | None, Query(description="Of the cases of this account.")] = None,
    epoch: Annotated[int | None, Query(ge=1, description="Of the log that one has read.")] = None,
) -> View:
    """Who reads, and of what."""
    return await View.of(by, type, case, account, epoch)


Viewed = Annotated[View, Depends(view)]


@router.get("/events", openapi_extra=READING, response_model=Feed)
async def feed(
    view: Viewed,
    after: Annotated[
        int, Query(ge=0, lt=HIGHEST, description="The `next` of the page before.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE, description="Events a page.")] = 100,
) -> Response:
    """Everything that happened, in the order of the log: begin with 0, and keep one number.

    Readers who do not see everything have the public events of the cases that they see now.
    """
    page = await view.page(after, limit, await view.head(after))
    told = {
        "log": view.log,
        "epoch": view.epoch,
        "events": await view.told(page),
        "prev": page.before,
        "next": page.through,
        "through": page.through,
    }
    return Response(orjson.dumps(told), media_type=JSON)


@router.get("/events/head", openapi_extra=SECURITY)
async def feed_head(by: By) -> Head:
    """How far the log goes: for whoever begins with what comes next."""
    by.needs(Scope.EVENTS_READ)
    log, epoch = await by.given.store.identity()
    return Head(log=log, epoch=epoch, position=await by.given.store.head())


@router.get(
    "/events/{position}/frame",
    openapi_extra=SECURITY,
    response_class=Response,
    responses={200: {"content": {JSON: {"schema": {"type": "object"}}}}},
)
async def event_frame(
    by: By, position: Annotated[int, Path(ge=1, lt=HIGHEST, description="Where in the log.")]
) -> Response:
    """The bytes of an event as they are stored, and proved; for auditors.

    What people wrote stands in them encrypted. `Leaf` is their SHA-256, in hex.
    """
    _may_prove(by)
    frame = await by.given.store.frame(position)
    if frame is None:
        raise EventUnknown
    recorded_at = frame.recorded_at.isoformat() if frame.recorded_at else ""
    headers = {"Leaf": sha256(frame.state).hexdigest(), "Recorded-At": recorded_at}
    return Response(frame.state, 200, headers, JSON)


def _may_prove(by: Asking) -> None:
    by.needs(Scope.EVIDENCE_READ)
    if by.by.role not in MAY_PROVE and not (by.by.role is Role.SERVICE and by.by.sees_internal):
        raise RoleMayNot(role=by.by.role, command="read stored events")
