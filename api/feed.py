"""The feed: all that happened, in the order of the log, for programs that keep one number."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.auth import Scope
from api.bodies import Happened, shown
from api.cases import unseen
from api.deps import READING, Asking, By, case_id
from api.showing import Showing
from domain.recorded import Recorded
from projections import access, activity, cases
from projections.positions import AheadOfTheLog

router = APIRouter(prefix="/api/v1", tags=["feed"])

MODELS: Final = (access.NAME, activity.NAME, cases.NAME)
MOST_PAGE: Final = 1_000
HIGHEST: Final = 2**62


class EpochDiffers(Exception):
    """This log is in epoch {epoch}: it was restored, and what was read before may be gone."""

    def __init__(self, epoch: int) -> None:
        super().__init__((self.__doc__ or "").format(epoch=epoch))


class FeedEvent(Happened):
    """An event in the feed: `prev` is the position of the one before in this reader's own view."""

    id: str
    stream: UUID
    prev: int


class Feed(BaseModel):
    """A page of the log. Send `next` as `after`; complete up to `through`.

    `prev` is the position before its first event, `log` and `epoch` say which log this is.
    """

    log: UUID
    epoch: int
    events: list[FeedEvent]
    prev: int
    next: int
    through: int


@router.get("/events", openapi_extra=READING)
async def feed(
    by: By,
    after: Annotated[
        int, Query(ge=0, lt=HIGHEST, description="The `next` of the page before.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE, description="Events a page.")] = 100,
    type: Annotated[list[str] | None, Query(max_length=60, description="Of these types.")] = None,  # noqa: A002  its name in the query
    case: Annotated[str | None, Query(max_length=40, description="Of this case.")] = None,
    account: Annotated[UUID | None, Query(description="Of the cases of this account.")] = None,
    epoch: Annotated[int | None, Query(ge=1, description="Of the log that one has read.")] = None,
) -> Feed:
    """Everything that happened, in the order of the log: begin with 0, and keep one number.

    Readers who do not see everything have the public events of the cases that they see now.
    """
    by.needs(Scope.EVENTS_READ)
    await by.reached(MODELS)
    log, now = await by.given.store.identity()
    if epoch is not None and epoch != now:
        raise EpochDiffers(now)
    if after > (head := await by.given.store.head()):
        raise AheadOfTheLog(after, head)
    stream = case_id(by.given, case) if case is not None else None
    page = await _page(by, after, limit, type, stream, account, head)
    events = await _told(page.recorded[:limit], page.before, by)
    before = page.recorded[:limit][-1].position if events else page.before
    full = len(page.recorded) > limit
    return Feed(
        log=log,
        epoch=now,
        events=events,
        prev=page.before,
        next=before if full else max(after, page.through),
        through=before if full else page.through,
    )


async def _told(read: Sequence[Recorded], before: int, by: Asking) -> list[FeedEvent]:
    """These events, each with the position of the one before it."""
    others, named = await unseen(read, by), (await Showing.to(by)).names_assignee
    told = []
    for recorded in read:
        as_shown = shown(recorded, by.by, others, names_assignee=named).model_dump()
        place = f"{recorded.stream}:{recorded.version}"
        told.append(FeedEvent(**as_shown, id=place, stream=recorded.stream, prev=before))
        before = recorded.position
    return told


@dataclass(frozen=True, slots=True)
class Page:
    """Events for a reader, one more than asked for if there are more."""

    recorded: Sequence[Recorded]
    before: int
    through: int


async def _page(
    by: Asking,
    after: int,
    limit: int,
    types: Collection[str] | None,
    stream: UUID | None,
    account: UUID | None,
    head: int,
) -> Page:
    store, viewer = by.given.store, by.by
    if viewer.sees_internal and account is None:
        recorded, before = await store.page_of(
            after, up_to=head, most=limit + 1, topics=list(types) if types else None, stream=stream
        )
        return Page(recorded, before, head)
    filters: dict[str, Any] = {"names": list(types)} if types else {}
    if stream is not None:
        filters["case"] = stream
    if viewer.account is not None or account is not None:
        filters["account"] = viewer.account or account
    async with by.given.reads.connection() as conn:
        through = await activity.through(conn, MODELS)
        if account is not None and viewer.account not in {None, account}:
            return Page([], 0, through)
        found, before = await activity.positions(
            conn,
            access.visible_to(viewer),
            filters,
            internal=viewer.sees_internal,
            after=after,
            up_to=through,
            most=limit + 1,
        )
    return Page(await store.at(found), before, through)
