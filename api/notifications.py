"""Notifications over HTTP: what one was told, what is unread, and who was told of a case."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.activity import MODELS, Telling
from api.auth import Scope
from api.bodies import Somebody
from api.cases import now_shown
from api.cursors import FIRST_PLACE, HIGHEST, read_place, write_place
from api.deps import READING, SECURITY, Asking, By, case_id
from api.strict import StrictRoute
from domain.errors import CaseUnknown, RoleMayNot
from domain.values import Value
from projections import access, inbox
from projections.inbox import Inbox, Place, Told

router = APIRouter(prefix="/api/v1", tags=["notifications"], route_class=StrictRoute)

MOST_PAGE: Final = 100
Cursor = Annotated[str | None, Query(max_length=200, description="The `next` of a page.")]


class NotificationUnknown(Exception):
    """There is no such notification of yours."""


class Notification(BaseModel):
    """Something that one was told: `sentence` is to be read behind who did it."""

    id: UUID
    position: int
    case: UUID
    number: str
    subject: str
    kind: str
    relation: str
    at: datetime
    by: Somebody
    sentence: str | None
    internal: bool | None
    """For the desk."""
    made_at: datetime
    read_at: datetime | None


class Notifications(BaseModel):
    """What one was told, the newest first; `next` is to be sent as `cursor`."""

    notifications: list[Notification]
    unread: int
    next: str | None


class Unread(BaseModel):
    """How many notifications are not read."""

    unread: int


class Through(Value):
    """Up to where somebody has seen their notifications; null: all there are."""

    through: Annotated[int, Field(ge=0, lt=HIGHEST)] | None = None


class Attempt(BaseModel):
    """What came of a try to send: what the mail server said, or why there was no answer."""

    number: int
    at: datetime
    answer: str


class DeliveryShown(BaseModel):
    """Somebody is told, or was: `recipient` is a person's id, or an address in copy.

    `state`: waiting, digest, sent, given up, suppressed or withheld; `why` says why not.
    """

    id: UUID
    position: int
    version: int
    recipient: str
    name: str | None
    relation: str
    channel: str
    kind: str
    state: str
    why: str | None
    due_at: datetime
    made_at: datetime
    done_at: datetime | None
    read_at: datetime | None
    attempts: list[Attempt]


class Deliveries(BaseModel):
    """Who was told of a case, the newest first; `next` is to be sent as `cursor`."""

    deliveries: list[DeliveryShown]
    next: str | None


@router.get("/notifications", openapi_extra=READING)
async def list_notifications(
    by: By,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE, description="Notifications a page.")] = 25,
    only: Annotated[Literal["unread"] | None, Query(description="Those not read yet.")] = None,
) -> Notifications:
    """What one was told, the newest first, as far as one may still see it."""
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    before = read_place(cursor) if cursor else FIRST_PLACE
    return await page_of(by, before, limit, unread=only == "unread")


@router.post("/notifications/read-all", openapi_extra=SECURITY)
async def read_all_notifications(seen: Through, by: By) -> Unread:
    """Marks everything as read that one was told, up to a position."""
    by.needs_a_person()
    own, through = inbox_of(by), HIGHEST if seen.through is None else seen.through
    async with by.given.store.pool.connection() as conn:
        await own.read_all(conn, through)
        return Unread(unread=await own.unread(conn))


@router.post("/notifications/{notification}/read", openapi_extra=SECURITY)
async def read_notification(notification: UUID, by: By) -> Unread:
    """Marks one as read."""
    by.needs_a_person()
    own = inbox_of(by)
    async with by.given.store.pool.connection() as conn:
        if not await own.read(conn, notification):
            raise NotificationUnknown
        return Unread(unread=await own.unread(conn))


@router.get("/cases/{case}/deliveries", openapi_extra=READING)
async def case_deliveries(
    case: str,
    by: By,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE, description="Deliveries a page.")] = 100,
) -> Deliveries:
    """Who was told of a case by which channel, with every attempt: for the desk and auditors."""
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    row = await now_shown(case_id(by.given, case), by)
    if row is None:
        raise CaseUnknown
    if by.by.is_customer:
        raise RoleMayNot(command="read deliveries", role=by.by.role)
    before, internal = read_place(cursor) if cursor else FIRST_PLACE, by.by.sees_internal
    async with by.given.reads.connection() as conn:
        found = await inbox.of_case(conn, row.id, internal=internal, before=before, most=limit + 1)
    return Deliveries(
        deliveries=await _delivered(found[:limit], by),
        next=write_place(found[limit - 1].position, found[limit - 1].id)
        if len(found) > limit
        else None,
    )


async def page_of(by: Asking, before: Place, limit: int, *, unread: bool) -> Notifications:
    """A page of what whoever asks was told, behind a place."""
    own = inbox_of(by)
    async with by.given.reads.connection() as conn:
        found = await own.page(conn, before=before, most=limit + 1, unread=unread)
        count = await own.unread(conn)
    return Notifications(
        notifications=await shown(found[:limit], by),
        unread=count,
        next=write_place(found[limit - 1].position, found[limit - 1].id)
        if len(found) > limit
        else None,
    )


def inbox_of(by: Asking) -> Inbox:
    """What whoever asks was told."""
    return Inbox(str(by.by.person), access.visible_to(by.by), by.by.sees_internal)


async def shown(found: Sequence[Told], by: Asking) -> list[Notification]:
    """Notifications in words, with the names that people have now."""
    read = {r.position: r for r in await by.given.store.at([one.position for one in found])}
    telling = await Telling.to(by, list(read.values()))
    notifications = []
    for one in found:
        step = telling.step(read[one.position], internal=one.internal)
        notifications.append(
            Notification(
                id=one.id,
                position=one.position,
                case=one.case_id,
                number=one.number,
                subject=one.subject,
                kind=one.kind,
                relation=one.relation,
                at=step.at,
                by=step.by,
                sentence=step.sentence,
                internal=step.internal,
                made_at=one.made_at,
                read_at=one.read_at,
            )
        )
    return notifications


async def _delivered(found: Sequence[inbox.Delivery], by: Asking) -> list[DeliveryShown]:
    people = {UUID(one.recipient) for one in found if "@" not in one.recipient and one.recipient}
    documents = await by.given.documents.all(people)
    names = {str(id_): getattr(of.document, "name", None) for id_, of in documents.items()}
    return [
        DeliveryShown.model_validate(
            {"name": names.get(one.recipient), **{f: getattr(one, f) for f in one.__slots__}}
        )
        for one in found
    ]
