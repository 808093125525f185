"""Webhooks over HTTP: who is sent which events, how that goes, and what to do about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.auth import Scope
from api.deps import READING, SECURITY, WRITING, Asking, By
from api.strict import StrictRoute
from domain import commands as c
from domain.administration import looks_after, may_subscribe
from domain.configuration import Person, Subscription
from domain.errors import DocumentUnknown, RoleMayNot
from domain.runtime.codec import NAMES
from domain.runtime.store import KEYS
from domain.values import EventName, Label, Role, Value, WebhookUrl
from projections import attempts, set_aside, subscriptions
from projections.attempts import Attempt
from projections.positions import AheadOfTheLog
from projections.set_aside import SetAside
from projections.subscriptions import Standing

router = APIRouter(prefix="/api/v1/subscriptions", tags=["webhooks"], route_class=StrictRoute)

DISABLED: Final = "disabled"
HIGHEST: Final = 2**62


class TypeUnknown(Exception):
    """There are no events of the type {name}."""

    def __init__(self, name: str) -> None:
        super().__init__((self.__doc__ or "").format(name=name))


class NotSetAside(Exception):
    """This case is not set aside, or stands at another event by now."""


class NewSubscription(Value):
    """What is to be sent, and where to."""

    url: Annotated[WebhookUrl, Field(description="https:// and without a password in it.")]
    description: Label
    owner: Annotated[
        UUID | None, Field(description="Whose rights decide what is sent; oneself without it.")
    ] = None
    types: Annotated[
        tuple[EventName, ...], Field(max_length=100, description="None: events of all types.")
    ] = ()
    account: Annotated[UUID | None, Field(description="Of the cases of this account alone.")] = None
    internal: Annotated[
        bool, Field(description="With what is internal: for owners of the desk.")
    ] = False
    active: bool = True


class Subscribed(BaseModel):
    """A subscription, and how it stands.

    `state`: active, disabled by somebody, stopped because its receiver was away for three days, or
    gone because it answered 410. `position`: all up to there was taken, or its case is set aside.
    """

    id: UUID
    version: int
    url: str
    description: str
    owner: UUID
    types: list[str]
    account: UUID | None
    internal: bool
    state: str
    position: int
    why: str | None
    failures: int
    failing_since: datetime | None
    next_try: datetime | None
    set_aside: int
    """How many cases are."""
    made_at: datetime


class Made(Subscribed):
    """A new subscription. `secret` is shown this once; null where the request was repeated."""

    secret: str | None


class Secret(BaseModel):
    """A new secret, shown this once. The one before signs too for 24 more hours."""

    secret: str


class Rewind(Value):
    """From where on it is to be sent: what comes behind this position."""

    position: Annotated[int, Field(ge=0, lt=HIGHEST)]


class Test(BaseModel):
    """A test event that is about to be sent; what comes of it stands among the attempts."""

    delivery: UUID


class Tried(BaseModel):
    """A try to send something. `status` null: there was no answer, and `answer` says why."""

    id: int
    delivery: UUID
    type: str
    position: int | None
    stream: UUID | None
    version: int | None
    at: datetime
    took_ms: int
    status: int | None
    answer: str


class Aside(BaseModel):
    """A case that the receiver refuses. `next_try` null: it is parked until somebody says what."""

    case: UUID
    position: int
    attempts: int
    next_try: datetime | None
    why: str
    since: datetime


class Skip(Value):
    """Which event is not to be sent, and why."""

    position: Annotated[int, Field(ge=1, lt=HIGHEST, description="Where the case stands.")]
    reason: Label


@router.post("", status_code=201, openapi_extra=WRITING)
async def add_subscription(asked: NewSubscription, by: By, response: Response) -> Made:
    """Has events sent to a program, from now on. The secret is shown this once."""
    by.needs(Scope.SUBSCRIPTIONS_WRITE)
    new = uuid5(KEYS, f"subscription {by.by.person} {by.key}") if by.key else uuid4()
    position = await _set(by, new, _document(asked, by), response)
    async with by.given.store.pool.connection() as conn, conn.transaction():
        secret = None
        if await subscriptions.registered(conn, new, position):
            secret = await subscriptions.rotated(conn, new, by.given.store.codec.keyring)
        await subscriptions.told(conn, new)
    return Made(**(await _shown(by, [new]))[0].model_dump(), secret=secret)


@router.get("", openapi_extra=READING)
async def list_subscriptions(by: By) -> list[Subscribed]:
    """The subscriptions that one looks after, the oldest first."""
    by.needs(Scope.SUBSCRIPTIONS_WRITE)
    if not may_subscribe(by.by) and by.by.role is not Role.AUDITOR:
        raise RoleMayNot(role=by.by.role, command="list subscriptions")
    async with by.given.store.pool.connection() as conn:
        ids = await subscriptions.all_ids(conn)
    return sorted(await _shown(by, ids), key=lambda one: (one.made_at, one.id))


@router.get("/{subscription}", openapi_extra=READING)
async def read_subscription(subscription: UUID, by: By, response: Response) -> Subscribed:
    """A subscription, and how it stands."""
    found = await _one(by, subscription)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.put("/{subscription}", openapi_extra=WRITING)
async def set_subscription(
    subscription: UUID, asked: NewSubscription, by: By, response: Response
) -> Subscribed:
    """Set what is sent, and where to; it goes on where it stands."""
    await _one(by, subscription)
    await _set(by, subscription, _document(asked, by), response)
    return await _new(by, subscription)


@router.post("/{subscription}/enable", openapi_extra=SECURITY)
async def enable_subscription(subscription: UUID, by: By, response: Response) -> Subscribed:
    """Goes on at the position at which it was stopped or disabled."""
    await _switch(by, subscription, response, active=True)
    async with by.given.store.pool.connection() as conn:
        await subscriptions.enabled(conn, subscription)
    return await _new(by, subscription)


@router.post("/{subscription}/disable", openapi_extra=SECURITY)
async def disable_subscription(subscription: UUID, by: By, response: Response) -> Subscribed:
    """Sends nothing until it is enabled; it keeps its position."""
    await _switch(by, subscription, response, active=False)
    return await _new(by, subscription)


@router.post("/{subscription}/secret/rotate", openapi_extra=SECURITY)
async def rotate_secret(subscription: UUID, by: By) -> Secret:
    """Make a new secret; for 24 hours events are signed with both. It is shown this once."""
    await _own(by, subscription, "rotate the secret")
    async with by.given.store.pool.connection() as conn:
        secret = await subscriptions.rotated(conn, subscription, by.given.store.codec.keyring)
    return Secret(secret=secret)


@router.post("/{subscription}/rewind", openapi_extra=SECURITY)
async def rewind_subscription(subscription: UUID, asked: Rewind, by: By) -> Subscribed:
    """Goes on behind any position of the log, sending again what was sent from there on."""
    await _own(by, subscription, "rewind a subscription")
    if asked.position > (head := await by.given.store.head()):
        raise AheadOfTheLog(asked.position, head)
    async with by.given.store.pool.connection() as conn:
        await subscriptions.rewound(conn, subscription, asked.position)
    return await _one(by, subscription)


@router.post("/{subscription}/test", status_code=202, openapi_extra=SECURITY)
async def test_subscription(subscription: UUID, by: By) -> Test:
    """Sends an event of the type casebook.test, once, in whichever state it is."""
    await _own(by, subscription, "test a subscription")
    async with by.given.store.pool.connection() as conn, conn.transaction():
        delivery = await attempts.ask_test(conn, subscription)
        await subscriptions.told(conn, subscription)
    return Test(delivery=delivery)


@router.get("/{subscription}/attempts", openapi_extra=READING)
async def subscription_attempts(
    subscription: UUID,
    by: By,
    before: Annotated[int, Query(ge=1, lt=HIGHEST, description="Older than this id.")] = HIGHEST
    - 1,
    limit: Annotated[int, Query(ge=1, le=200, description="Attempts a page.")] = 50,
) -> list[Tried]:
    """What came of each try of the last 30 days, the newest first."""
    await _one(by, subscription)
    async with by.given.store.pool.connection() as conn:
        return [_tried(one) for one in await attempts.listed(conn, subscription, before, limit)]


@router.get("/{subscription}/parked", openapi_extra=READING)
async def parked_cases(subscription: UUID, by: By) -> list[Aside]:
    """The cases that the receiver refuses: tried again ten times over three days, then parked."""
    await _one(by, subscription)
    async with by.given.store.pool.connection() as conn:
        return [_aside(one) for one in await set_aside.cases(conn, subscription)]


@router.post("/{subscription}/parked/{stream}/retry", status_code=204, openapi_extra=SECURITY)
async def retry_parked(subscription: UUID, stream: UUID, by: By) -> None:
    """Tries a case again at once, whether it is parked or waits."""
    await _own(by, subscription, "retry a case")
    async with by.given.store.pool.connection() as conn:
        if not await set_aside.retried(conn, subscription, stream):
            raise NotSetAside
        await subscriptions.told(conn, subscription)


@router.post("/{subscription}/parked/{stream}/skip", status_code=204, openapi_extra=SECURITY)
async def skip_parked(subscription: UUID, stream: UUID, asked: Skip, by: By) -> None:
    """Does not send the event at which a case stands, and goes on behind it."""
    await _own(by, subscription, "skip an event")
    store = by.given.store
    async with store.pool.connection() as conn, conn.transaction():
        if not await set_aside.skipped(conn, subscription, stream, asked.position):
            raise NotSetAside
        (recorded,) = await store.at([asked.position])
        said = f"Skipped by {by.by.person}: {asked.reason}"
        await attempts.skipped(conn, subscription, recorded, said)
        await subscriptions.told(conn, subscription)


def _document(asked: NewSubscription, by: Asking) -> Subscription:
    for name in asked.types:
        if name not in NAMES:
            raise TypeUnknown(name)
    owner = asked.owner or by.by.person
    if not isinstance(owner, UUID):
        raise DocumentUnknown(kind="person")
    return Subscription.model_validate({**asked.model_dump(), "owner": owner})


async def _set(by: Asking, stream: UUID, document: Subscription, response: Response) -> int:
    """Sets it; the position of that."""
    outcome = await by.given.store.handle(
        stream,
        c.SetSubscription(document=document),
        by=by.by,
        cause=by.cause,
        key=by.key,
        expecting=by.expecting,
    )
    response.headers["ETag"] = f'"{outcome.history[-1].version}"'
    response.headers["Position"] = str(outcome.position)
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return outcome.position


async def _switch(by: Asking, stream: UUID, response: Response, *, active: bool) -> None:
    document = await _own(by, stream, "enable or disable a subscription")
    await _set(by, stream, document.model_copy(update={"active": active}), response)


async def _new(by: Asking, stream: UUID) -> Subscribed:
    """As it stands now that whoever sends is told that it has changed."""
    async with by.given.store.pool.connection() as conn:
        await subscriptions.told(conn, stream)
    return await _one(by, stream)


async def _one(by: Asking, stream: UUID) -> Subscribed:
    """A subscription that one looks after.

    Raises:
        DocumentUnknown: it is somebody else's, or nobody's.
    """
    by.needs(Scope.SUBSCRIPTIONS_WRITE)
    found = await _shown(by, [stream])
    if not found:
        raise DocumentUnknown(kind="subscription")
    return found[0]


async def _own(by: Asking, stream: UUID, doing: str) -> Subscription:
    """The document of one that one may do something about."""
    await _one(by, stream)
    if not may_subscribe(by.by):
        raise RoleMayNot(role=by.by.role, command=doing)
    found = (await by.given.documents.fresh([stream]))[stream].document
    assert isinstance(found, Subscription), "it has just been shown"
    return found
