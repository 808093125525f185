"""What can happen, said in full: nothing that a rule computed is computed again when it is read.

Fields carry no bounds, so that history is never refused. `Text`, `Personal` and `DeskText` are
kept encrypted, and `DeskText` is for the desk even where the event is public.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, TypeAlias, get_args, get_type_hints
from uuid import UUID

from pydantic import Field

from domain.calendar import Calendar
from domain.configuration import Account, Catalogue, Person, ServiceLevels, Subscription
from domain.values import (
    Awaited,
    Desk,
    DeskText,
    EscalationReason,
    FileKey,
    Ground,
    Instant,
    LinkKind,
    Personal,
    Resolution,
    ResolvedBy,
    Slot,
    Text,
    Unshown,
    Value,
    Window,
    Word,
)


class Event(Value):
    """Something that happened."""

    # Events of which nothing may reach a customer, not even that they happened.
    always_internal: ClassVar[bool] = False
    # Events of which only the given fields are stored: a field that is absent did not change.
    partial: ClassVar[bool] = False

    @property
    def is_internal(self) -> bool:
        """Whether the event exists for the desk and auditors only."""
        return self.always_internal or bool(self.field("internal"))

    def field(self, name: str) -> Any:  # noqa: ANN401  whatever the field holds
        """What a field holds; None where events of this kind have none. Faster than to ask."""
        return self.__dict__.get(name)


class Created(Event):
    """A case was raised."""

    number: str
    account: UUID
    contact: UUID
    submitter: UUID
    phone: Personal | None = None
    tech_profile: Word | None = None
    application: Word
    product_version: Word | None = None
    component: Word | None = None
    type: Word
    category: Word | None = None
    severity: Word
    team: Word | None = None
    customer_reference: str | None = None
    external_ids: dict[str, str] = Field(default_factory=dict)
    subject: Text
    description: Text
    follows: UUID | None = None


class Assigned(Event):
    """Somebody has the case, or it stands in a team's queue: the assignment as it is now."""

    assignee: UUID | None
    team: Word | None


class Unassigned(Event):
    """Nobody has the case any more."""

    reason: DeskText


class Posted(Event):
    """Somebody wrote a post, or an internal note."""

    entry: UUID
    text: Text
    internal: bool = False


class Commented(Event):
    """Somebody wrote below a post; the comment is as internal as the post."""

    entry: UUID
    post: UUID
    text: Text
    internal: bool = False


class EntryEdited(Event):
    """An author replaced the words of an entry."""

    entry: UUID
    text: Text
    internal: bool = False


class EntryRemoved(Event):
    """An author took an entry back."""

    entry: UUID
    internal: bool = False


class MadeInternal(Event):
    """A public entry, with what stands below it, is for the desk only from now on."""

    always_internal: ClassVar[bool] = True
    entry: UUID


class AttachmentAdded(Event):
    """A file belongs to the case. `size` in bytes, `digest` SHA-256 in hex.

    `key` None: it came from elsewhere, and its bytes are not here. `scanned`: nothing was found.
    """

    attachment: UUID
    entry: UUID | None
    name: Text
    size: int
    media_type: str
    digest: Text
    internal: bool = False
    key: FileKey | None = None
    scanned: bool = False


class AttachmentRemoved(Event):
    """A file was taken off."""

    attachment: UUID
    internal: bool = False


class Awaiting(Event):
    """The case waits. `until` None: until somebody says otherwise."""

    awaited: Awaited
    until: Instant | None
    reason: DeskText | None


class Resumed(Event):
    """The case waits no longer: it was answered, its date came, or somebody said so."""

    ground: Literal["answered", "date", "resumed"]


class SeverityChanged(Event):
    """The severity is another one."""

    severity: Word


class DetailsChanged(Event):
    """Fields have other values; those that are absent have not changed."""

    partial: ClassVar[bool] = True
    contact: UUID | None = None
    phone: Personal | None = None
    tech_profile: Word | None = None
    application: Word | None = None
    product_version: Word | None = None
    component: Word | None = None
    type: Word | None = None
    category: Word | None = None
    customer_reference: str | None = None
    external_ids: dict[str, str] | None = None
    subject: Text | None = None
    description: Text | None = None


class TagsChanged(Event):
    """The tags as they are now."""

    always_internal: ClassVar[bool] = True
    tags: tuple[str, ...]


class RecipientsChanged(Event):
    """The CC addresses as they are now; `pending` ones wait for an agent's approval."""

    recipients: tuple[Personal, ...]
    pending: tuple[Personal, ...] = ()


class Escalated(Event):
    """Somebody wants more attention."""

    comment: Text
    reason: EscalationReason


class Deescalated(Event):
    """The escalation is over."""

    justification: DeskText
    message: Text


class Resolved(Event):
    """A resolution is proposed; unanswered, it closes the case at `closes_at`."""

    resolution: Resolution
    reminds_at: Instant | None
    closes_at: Instant | None


class ResolutionRejected(Event):
    """The customer says that the resolution does not help."""

    comment: Text


class ResolutionAnswered(Event):
    """A proposal is withdrawn: somebody wrote or escalated instead of accepting it."""


class CloseRequested(Event):
    """The customer asks to close; unanswered, it closes the case at `closes_at`."""

    resolved_by: ResolvedBy
    comment: Text | None
    reminds_at: Instant | None
    closes_at: Instant | None


class CloseRequestWithdrawn(Event):
    """The request to close is off, at the customer's will."""


class CloseRequestDeclined(Event):
    """The desk keeps the case open."""

    reason: Text


class Closed(Event):
    """The case is closed. `customers_word` False: nobody had asked and nothing was proposed."""

    ground: Ground
    customers_word: bool
    reason: Text | None = None
    window: Window


class Reopened(Event):
    """The case is open again, with whoever is still there to have it."""

    comment: Text
    assignee: UUID | None


class Merged(Event):
    """The case is closed in favour of another one."""

    into: UUID
    number: str


class Unmerged(Event):
    """The case is as it was before it was merged."""

    source: UUID


class Linked(Event):
    """The case is tied to another one; internal when that one is not the account's."""

    kind: LinkKind
    case: UUID
    number: str
    internal: bool = False


class Unlinked(Event):
    """The tie is gone."""

    kind: LinkKind
    case: UUID
    internal: bool = False


class Rated(Event):
    """The contact said how it went: 1 is bad, 5 is good."""

    score: int
    comment: Text | None


class Watched(Event):
    """Somebody is told of what happens."""

    person: UUID
    internal: bool = False


class Unwatched(Event):
    """Somebody is told no longer."""

    person: UUID
    internal: bool = False


class FollowedUp(Event):
    """A new case goes on where this one ended."""

    case: UUID
    number: str


class Redacted(Event):
    """What these versions kept in a slot is destroyed; the events remain."""

    entry: UUID | None
    attachment: UUID | None
    versions: tuple[int, ...]
    slot: Slot = Slot.TEXT
    reason: DeskText
    internal: bool = False


class Erased(Event):
    """Every key of the stream was destroyed."""

    always_internal: ClassVar[bool] = True
    reason: DeskText


class ExternalIdClaimed(Event):
    """A foreign system's number stands for a case from now on."""

    case: UUID


class ExternalIdReleased(Event):
    """A foreign system's number no longer stands for a case."""

    case: UUID


class AccountSet(Event):
    """An account as it is now."""

    document: Account


class PersonSet(Event):
    """A person as they are now."""

    document: Person


class CatalogueSet(Event):
    """The catalogue as it is now."""

    document: Catalogue


class CalendarSet(Event):
    """A calendar as it is now."""

    document: Calendar


class ServiceLevelsSet(Event):
    """The service levels as they are now."""

    document: ServiceLevels


class SubscriptionSet(Event):
    """A subscription as it is now."""

    document: Subscription


CaseEvent: TypeAlias = (
    Created | Assigned | Unassigned | Posted | Commented | EntryEdited | EntryRemoved
    | MadeInternal | AttachmentAdded | AttachmentRemoved | Awaiting | Resumed | SeverityChanged
    | DetailsChanged | TagsChanged | RecipientsChanged | Escalated | Deescalated | Resolved
    | ResolutionRejected | ResolutionAnswered | CloseRequested | CloseRequestWithdrawn
    | CloseRequestDeclined | Closed | Reopened | Merged | Unmerged | Linked | Unlinked | Rated
    | Watched | Unwatched | FollowedUp | Redacted | Erased
)  # fmt: skip
ClaimEvent: TypeAlias = ExternalIdClaimed | ExternalIdReleased
DocumentEvent: TypeAlias = (
    AccountSet | PersonSet | CatalogueSet | CalendarSet | ServiceLevelsSet | SubscriptionSet
)  # fmt: skip


@cache
def desk_fields(event: type[Event]) -> frozenset[str]:
    """Which fields of a public event only the desk may see."""
    hints = get_type_hints(event, include_extras=True)
    return frozenset(field for field in event.model_fields if _is_marked(hints[field], Desk))


@cache
def unshown_fields(event: type[Event]) -> set[str]:
    """Which fields of an event nobody is shown."""
    hints = get_type_hints(event, include_extras=True)
    return {field for field in event.model_fields if _is_marked(hints[field], Unshown)}


def _is_marked(hint: object, mark: type[Desk | Unshown]) -> bool:
    inner = get_args(hint)
    return any(isinstance(one, mark) or _is_marked(one, mark) for one in inner)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An event that a command writes to another stream, together with those of its own."""

    stream: UUID
    event: Event


Events: TypeAlias = Sequence[Event | Elsewhere]
