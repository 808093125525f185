"""What may be asked: a command is HTTP body, portal form and the command line's JSON at once.

In a partial command (`ChangeDetails`) a field that is left out stays as it is, and null empties it.
"""

import re
from functools import cache
from typing import Annotated, ClassVar, Final, TypeAlias
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from domain.calendar import Calendar
from domain.configuration import Account, Catalogue, Person, ServiceLevels, Subscription
from domain.values import (
    Awaited,
    EmailAddresses,
    EscalationReason,
    ExternalIds,
    Instant,
    Key,
    LinkKind,
    PhoneInput,
    Reference,
    ResolutionType,
    ResolvedBy,
    Sentence,
    Severity,
    Subject,
    Tags,
    Uploads,
    Value,
    Words,
)


class Command(Value):
    """Something that a person or a program asks for."""

    @classmethod
    @cache
    def verb(cls) -> str:
        """The command in words: 'request close'."""
        return re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).lower()

    @classmethod
    @cache
    def path(cls) -> str:
        """The command in a URL and on the command line: 'request-close'."""
        return cls.verb().replace(" ", "-")


CaseReference = Annotated[
    str,
    StringConstraints(pattern=r"^([0-9]{1,8}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"),
]


class Create(Command):
    """Raise a case. Account and contact are preset to one's own."""

    account: UUID | None = None
    contact: UUID | None = None
    phone: PhoneInput | None = None
    tech_profile: Key | None = None
    application: Key | None = None
    product_version: Key | None = None
    component: Key | None = None
    type: Key
    category: Key | None = None
    severity: Severity = Severity.STANDARD
    team: Key | None = None
    customer_reference: Reference | None = None
    external_ids: ExternalIds = Field(default_factory=dict)
    subject: Subject
    description: Words
    recipients: EmailAddresses = ()
    attachments: Uploads = ()


class Take(Command):
    """Have a case that nobody has."""


class Assign(Command):
    """Give a case to a person, to a team's queue, or to a person in a team."""

    assignee: UUID | None = None
    team: Key | None = None

    @model_validator(mode="after")
    def _somebody(self) -> "Assign":
        if self.assignee is None and self.team is None:
            msg = "an assignee or a team is required"
            raise ValueError(msg)
        return self


class Unassign(Command):
    """Take a case away from whoever has it. The reason is for the desk."""

    reason: Sentence


class Post(Command):
    """Write something that everybody who sees the case can read."""

    text: Words
    attachments: Uploads = ()


class Note(Command):
    """Write something that only the desk can read."""

    text: Words
    attachments: Uploads = ()


class Comment(Command):
    """Answer below a post; whoever sees the post sees the comment."""

    post: UUID
    text: Words
    attachments: Uploads = ()


class MakeInternal(Command):
    """Hide an entry of the desk's that went out by mistake, with the comments below it."""

    entry: UUID


class EditEntry(Command):
    """Replace the words of one's own entry; earlier words stay in the history."""

    entry: UUID
    text: Words


class RemoveEntry(Command):
    """Take back one's own entry; its words stay in the history."""

    entry: UUID


class AddAttachment(Command):
    """Attach files that were uploaded, to an entry or to the case itself."""

    attachments: Annotated[Uploads, Field(min_length=1)]
    entry: UUID | None = None


class RemoveAttachment(Command):
    """Take a file off the case; auditors still find it."""

    attachment: UUID


class Await(Command):
    """Say what the case waits for; a date needs `until`. The reason is for the desk."""

    awaited: Awaited
    until: Instant | None = None
    reason: Sentence | None = None

    @model_validator(mode="after")
    def _date(self) -> "Await":
        if self.awaited is Awaited.DATE and self.until is None:
            msg = "a planned date needs `until`"
            raise ValueError(msg)
        return self


class Resume(Command):
    """Wait no longer."""


class ChangeSeverity(Command):
    """Say that more, or less, stands still than was thought."""

    severity: Severity


class ChangeDetails(Command):
    """Change fields; a field that is left out stays, null empties it."""

    contact: UUID | None = None
    phone: PhoneInput | None = None
    tech_profile: Key | None = None
    application: Key | None = None
    product_version: Key | None = None
    component: Key | None = None
    type: Key | None = None
    category: Key | None = None
    customer_reference: Reference | None = None
    external_ids: ExternalIds | None = None
    subject: Subject | None = None
    description: Words | None = None

    REQUIRED: ClassVar[frozenset[str]] = frozenset(
        {"contact", "application", "type", "external_ids", "subject", "description"}
    )

    @model_validator(mode="after")
    def _required(self) -> "ChangeDetails":
        for field in self.REQUIRED & self.model_fields_set:
            if getattr(self, field) is None:
                msg = f"{field} cannot be emptied"
                raise ValueError(msg)
        return self


class ChangeTags(Command):
    """Put tags on a case, or take them off."""

    add: Tags = ()
    remove: Tags = ()


class ChangeRecipients(Command):
    """Add or remove CC addresses; an agent who adds one that waits approves it."""

    add: EmailAddresses = ()
    remove: EmailAddresses = ()


class Escalate(Command):
    """Ask for more attention."""

    comment: Words
    reason: EscalationReason = EscalationReason.OTHER


class Deescalate(Command):
    """End an escalation; the justification is for the desk, the message for the customer."""

    justification: Sentence
    message: Sentence


class Resolve(Command):
    """Propose a resolution to the customer."""

    type: ResolutionType
    root_cause: Sentence  # with a summary of full length beside it, the event has to fit
    summary: Words


class AcceptResolution(Command):
    """Agree with the proposed resolution, which closes the case."""

    comment: Words | None = None


class RejectResolution(Command):
    """Say why the proposed resolution does not help."""

    comment: Words


class RequestClose(Command):
    """Ask the desk to close the case."""

    resolved_by: ResolvedBy
    comment: Words | None = None


class WithdrawCloseRequest(Command):
    """Want the case open after all."""


class DeclineCloseRequest(Command):
    """Keep the case open although closing was requested; the customer reads the reason."""

    reason: Sentence


class Close(Command):
    """Close the case. Without a request or a proposal to confirm, a reason is required."""

    reason: Sentence | None = None


class Reopen(Command):
    """Go on with a closed case."""

    comment: Words


class FollowUp(Command):
    """Open a new case with the fields of one that can no longer be reopened.

    Without another `contact` the old one stays; where they have left, it is whoever asks.
    """

    contact: UUID | None = None
    subject: Subject | None = None
    description: Words


class Merge(Command):
    """Close the case in favour of another one of the same account."""

    into: CaseReference


class Unmerge(Command):
    """Take a merge back; the case is as it was."""


class Link(Command):
    """Tie the case to another one."""

    kind: LinkKind
    case: CaseReference

    @model_validator(mode="after")
    def _kind(self) -> "Link":
        if self.kind not in LINKABLE:
            msg = f"a link is one of: {', '.join(LINKABLE)}"
            raise ValueError(msg)
        return self


class Unlink(Command):
    """Untie the case from another one."""

    kind: LinkKind
    case: CaseReference


LINKABLE: Final = (
    LinkKind.RELATED,
    LinkKind.DUPLICATES,
    LinkKind.DUPLICATED_BY,
    LinkKind.CAUSED_BY,
    LinkKind.CAUSES,
)


class Rate(Command):
    """Say how it went: 1 is bad, 5 is good."""

    score: Annotated[int, Field(ge=1, le=5)]
    comment: Sentence | None = None


class Watch(Command):
    """Be told of what happens; customer admins and agents may name somebody who sees the case."""

    person: UUID | None = None


class Unwatch(Command):
    """Be told no longer."""

    person: UUID | None = None


class Redact(Command):
    """Destroy words for ever: of an entry, of a file, or of the event at a version."""

    entry: UUID | None = None
    attachment: UUID | None = None
    version: Annotated[int, Field(gt=0)] | None = None
    reason: Sentence

    @model_validator(mode="after")
    def _one_target(self) -> "Redact":
        if sum(x is not None for x in (self.entry, self.attachment, self.version)) != 1:
            msg = "exactly one of entry, attachment and version is required"
            raise ValueError(msg)
        return self


class Erase(Command):
    """Destroy every key of a case or of a person; operators only."""

    reason: Sentence


class Forget(Command):
    """Destroy what a case keeps of a person's own: phone numbers, addresses; operators only."""

    person: UUID
    email: str | None = None
    reason: Sentence


class SetAccount(Command):
    """Set an account."""

    document: Account


class SetPerson(Command):
    """Set a person."""

    document: Person


class SetCatalogue(Command):
    """Set what can be chosen in a case."""

    document: Catalogue


class SetCalendar(Command):
    """Set which days are working days."""

    document: Calendar


class SetServiceLevels(Command):
    """Set what is promised to whom."""

    document: ServiceLevels


class SetSubscription(Command):
    """Set which events a program is sent, and where to."""

    document: Subscription


CaseCommand: TypeAlias = (
    Create | Take | Assign | Unassign | Post | Note | Comment | MakeInternal | EditEntry
    | RemoveEntry | AddAttachment | RemoveAttachment | Await | Resume | ChangeSeverity
    | ChangeDetails | ChangeTags | ChangeRecipients | Escalate | Deescalate | Resolve
    | AcceptResolution | RejectResolution | RequestClose | WithdrawCloseRequest
    | DeclineCloseRequest | Close | Reopen | FollowUp | Merge | Unmerge | Link | Unlink | Rate
    | Watch | Unwatch | Redact | Erase | Forget
)  # fmt: skip
DocumentCommand: TypeAlias = (
    SetAccount | SetPerson | SetCatalogue | SetCalendar | SetServiceLevels | SetSubscription
)  # fmt: skip
