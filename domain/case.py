"""A case as decisions see it: what `fold` makes of its history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from domain.values import (
    Actor,
    Awaited,
    Badge,
    Ground,
    LinkKind,
    Resolution,
    ResolvedBy,
    Severity,
    Slot,
    Status,
    Window,
    Word,
)

Person: TypeAlias = UUID | str


@dataclass(frozen=True, slots=True)
class Act:
    """Who did something, and when."""

    by: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """What the case waits for; `until` None: until somebody says otherwise."""

    awaited: Awaited
    until: datetime | None


@dataclass(frozen=True, slots=True)
class CloseRequest(Act):
    """`closes_at` None: a customer wrote since, so the timer no longer runs."""

    resolved_by: ResolvedBy
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal(Act):
    """A resolution that waits for the customer's word."""

    resolution: Resolution
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Closing(Act):
    """How the case was closed last."""

    ground: Ground
    customers_word: bool
    window: Window
    resolution: Resolution | None


@dataclass(frozen=True, slots=True)
class Life:
    """Where the case stands. Closed, it is nothing else."""

    escalated: Act | None = None
    awaiting: Wait | None = None
    requested: CloseRequest | None = None
    proposed: Proposal | None = None
    closed: Closing | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """Into which case, and what `Unmerge` gives back."""

    into: UUID
    number: str
    before: Life


@dataclass(frozen=True, slots=True)
class Entry:
    """A post (`post` None) or a comment. `versions` are the events that hold its words."""

    author: Person
    by_desk: bool
    text: str
    post: UUID | None
    internal: bool
    versions: tuple[int, ...]
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of the case; `version` is the event that holds its name."""

    uploader: Person
    entry: UUID | None
    name: str
    internal: bool
    version: int
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Rating:
    """`first_at` is when it was given first, whatever it was changed to."""

    score: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Details:
    """The fields that `ChangeDetails` changes, in the words that were in force."""

    contact: UUID
    phone: str | None
    tech_profile: Word | None
    application: Word
    product_version: Word | None
    component: Word | None
    type: Word
    category: Word | None
    customer_reference: str | None
    external_ids: Mapping[str, str]
    subject: str
    description: str


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a decision needs.

    `version` counts all events, `public_version` those that a customer may see;
    `internal_versions` are the others.
    """

    id: UUID
    number: str
    account: UUID
    submitter: UUID
    details: Details
    severity: Word
    team: Word | None
    created_at: datetime
    version: int
    modified_at: datetime
    public_version: int
    public_modified_at: datetime
    assignee: Person | None = None
    assigned_at: datetime | None = None
    life: Life = Life()
    merge: Merge | None = None
    entries: Mapping[UUID, Entry] = field(default_factory=dict)
    attachments: Mapping[UUID, Attachment] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    watchers: frozenset[UUID] = frozenset()
    links: frozenset[tuple[LinkKind, UUID]] = frozenset()
    rating: Rating | None = None
    internal_versions: frozenset[int] = frozenset()
    redacted: frozenset[tuple[int, Slot]] = frozenset()
    personal: tuple[int, ...] = ()
    """The versions that keep a telephone number or addresses."""
    erased: bool = False

    @property
    def is_open(self) -> bool:
        """Neither closed nor merged."""
        return self.life.closed is None and self.merge is None

    def version_for(self, viewer: Actor) -> int:
        """The version that this viewer is shown: it tells only of events that exist for them."""
        return self.version if viewer.sees_internal else self.public_version

    @property
    def is_critical(self) -> bool:
        """Whether operations stand still."""
        return self.severity.key == Severity.CRITICAL

    @property
    def status(self) -> Status:
        """The status as everybody is shown it."""
        if not self.is_open:
            return Status.CLOSED
        if self.life.escalated:
            return Status.ESCALATED
        return Status.IN_PROGRESS if self.assignee else Status.UNASSIGNED

    @property
    def badges(self) -> tuple[Badge, ...]:
        """What stands beside the status."""
        if self.merge:
            return (Badge.MERGED,)
        shown: list[Badge] = []
        if self.life.awaiting:
            shown.append(_AWAITED[self.life.awaiting.awaited])
        if self.life.requested:
            shown.append(Badge.CLOSE_REQUESTED)
        if self.life.proposed:
            shown.append(Badge.RESOLUTION_PROPOSED)
        return tuple(shown)


_AWAITED: Final = {
    Awaited.CUSTOMER: Badge.AWAITING_CUSTOMER,
    Awaited.THIRD_PARTY: Badge.AWAITING_THIRD_PARTY,
    Awaited.DATE: Badge.AWAITING_DATE,
}
