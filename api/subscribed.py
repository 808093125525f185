"""What is asked and told about webhooks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from domain.configuration import Subscription
from domain.values import EventName, Label, Value, WebhookUrl
from projections.subscriptions import Standing

DISABLED: Final = "disabled"
HIGHEST: Final = 2**62


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


def subscribed(
    document: Subscription, version: int, standing: Standing, aside: Mapping[UUID, int]
) -> Subscribed:
    """A subscription as it is told of; `aside` are the numbers of cases that are set aside."""
    told: dict[str, Any] = {**document.model_dump(exclude={"active"}), "version": version}
    for field in ("id", "position", "why", "failures", "failing_since", "next_try", "made_at"):
        told[field] = getattr(standing, field)
    told["state"] = standing.state if document.active else DISABLED
    return Subscribed(**told, set_aside=aside.get(standing.id, 0))
