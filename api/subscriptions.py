"""Webhooks over HTTP: who is sent which events, how that goes, and what to do about it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Query, Response

from api.auth import Scope
from api.deps import READING, SECURITY, WRITING, Asking, By
from api.strict import StrictRoute
from api.subscribed import (
    HIGHEST,
    Aside,
    Made,
    NewSubscription,
    Rewind,
    Secret,
    Skip,
    Subscribed,
    Test,
    subscribed,
)
from domain import commands as c
from domain.administration import looks_after, may_subscribe
from domain.configuration import Person, Subscription
from domain.errors import DocumentUnknown, RoleMayNot
from domain.runtime.codec import NAMES
from domain.runtime.documents import InForce
from domain.runtime.store import KEYS
from domain.values import Role
from projections import attempts, set_aside, subscriptions
from projections.attempts import Tried
from projections.positions import AheadOfTheLog
from projections.set_aside import SetAside

router = APIRouter(prefix="/api/v1/subscriptions", tags=["webhooks"], route_class=StrictRoute)


class TypeUnknown(Exception):
    """There are no events of the type {name}."""

    def __init__(self, name: str) -> None:
        super().__init__((self.__doc__ or "").format(name=name))


class NotSetAside(Exception):
    """This case is not set aside, or stands at another event by now."""


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
        return await attempts.listed(conn, subscription, before, limit)


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


async def _shown(by: Asking, ids: Sequence[UUID]) -> list[Subscribed]:
    """Those of the subscriptions that exist for whoever asks."""
    in_force = await by.given.documents.fresh(ids)
    documents = {
        id_: (found.document, found.version)
        for id_, found in in_force.items()
        if isinstance(found.document, Subscription)
    }
    owners = await by.given.documents.all(document.owner for document, _ in documents.values())
    own = [
        id_
        for id_, (document, _) in documents.items()
        if looks_after(by.by, document, _person(owners.get(document.owner)))
    ]
    async with by.given.store.pool.connection() as conn:
        standing = await subscriptions.standing(conn, own)
        aside = await set_aside.counted(conn, own)
    return [subscribed(*documents[id_], one, aside) for id_, one in standing.items()]


def _person(found: InForce | None) -> Person | None:
    return found.document if found and isinstance(found.document, Person) else None


def _aside(one: SetAside) -> Aside:
    told = asdict(one)
    return Aside(case=told.pop("stream"), **told)
