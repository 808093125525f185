"""Every refusal. The docstring is the message, one sentence; the class's name is the rule's name.

Refusal
├── NotPermitted                  by role or state: `permitted` says the same before anybody tries
│   ├── CaseUnknown               not there, or not for this actor: the two are told alike
│   ├── RoleMayNot
│   │   └── ContactOnly
│   ├── CaseClosed                └── CaseOpen, CaseMerged, CaseNotMerged, CaseErased
│   ├── AssignedAlready, NobodyAssigned
│   ├── EscalatedAlready, NotEscalated
│   ├── CloseRequestedAlready, NoCloseRequested, NoResolutionProposed
│   ├── NotAwaiting, TimerNotDue, TimerStopped
│   ├── ReopenWindowPassed, ReopenWindowOpen
│   └── RatingFixed
├── Unfit                         what was asked does not fit the case, the catalogue or the people
│   ├── FieldRequired, NotInCatalogue, NotConfigured, PhoneNotUnderstood
│   ├── NotOfTheAccount, PersonInactive, PersonUnknown, NotAnAgent
│   ├── EntryUnknown, EntryRemovedAlready, NotYourEntry, NotTheirsToChange, CustomersEntry, NotAPost
│   ├── AttachmentUnknown, NotYourAttachment, UploadUnknown
│   ├── OtherCaseUnknown, OtherAccount, TargetClosed, SameCase
│   ├── TooMany, ExternalIdTaken, WatcherCannotSee, DateNotAhead, NothingToRedact, ReasonRequired
│   └── NoWorkingTime
├── DocumentRefusal
│   ├── OwnRoles, DocumentUnknown, AccountUnknown, CalendarUnknown
│   ├── OwnerMayNot, InternalForTheDesk
│   └── RoleNeedsAccount, RoleNotForPeople, DocumentTooLarge
└── Conflict
    └── VersionDiffers, CommandIdTaken, TooMuchContention
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cached_property, partial
from typing import ClassVar
from uuid import UUID


class Refusal(Exception):
    """This cannot be done."""

    rule: ClassVar[str]
    """The rule's name in words: 'reopen window passed'."""
    message: ClassVar[str]
    """The sentence, with the names of its details in braces."""

    def __init_subclass__(cls) -> None:
        cls.rule = re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).lower()
        cls.message = " ".join((cls.__doc__ or "").split())

    def __init__(self, **details: object) -> None:
        super().__init__(details)
        self.details = details

    def __reduce__(self) -> tuple[Callable[[], "Refusal"], tuple[()]]:
        # As it is, an exception is made again from its `args`, which are no keywords.
        return partial(type(self), **self.details), ()

    @property
    def said(self) -> str:
        """The message with its details."""
        return self._in_full if self.details else self.message

    @cached_property
    def _in_full(self) -> str:
        return self.message.format(**{name: _said(of) for name, of in self.details.items()})

    def __str__(self) -> str:
        return self.said


def _said(value: object) -> str:
    match value:
        case datetime():
            return f"{value:%d %b %Y, %H:%M} UTC"
        case date():
            return f"{value:%d %b %Y}"
        case tuple() | list() | frozenset():
            return ", ".join(str(item) for item in value) or "none"
        case UUID():
            return str(value)
    return str(value)


class NotPermitted(Refusal):
    """This role may not do that now."""


class CaseUnknown(NotPermitted):
    """There is no such case."""


class RoleMayNot(NotPermitted):
    """You may not {command} as {role}."""


class ContactOnly(RoleMayNot):
    """Only the contact of the case may {command}."""


class CaseClosed(NotPermitted):
    """The case is closed: reopen it, or open a follow-up."""


class CaseOpen(NotPermitted):
    """The case is open; this is for closed cases."""


class CaseMerged(NotPermitted):
    """The case was merged into {target}: go on there."""


class CaseNotMerged(NotPermitted):
    """The case is not merged into another one."""


class CaseErased(NotPermitted):
    """The case was erased; nothing can be done with it any more."""


class AssignedAlready(NotPermitted):
    """{assignee} has had the case since {since}."""


class NobodyAssigned(NotPermitted):
    """Nobody has the case."""


class EscalatedAlready(NotPermitted):
    """The case was escalated by {by} on {since}, and is until it is de-escalated."""


class NotEscalated(NotPermitted):
    """The case is not escalated."""


class CloseRequestedAlready(NotPermitted):
    """Closing was requested on {since}."""


class NoCloseRequested(NotPermitted):
    """Nobody has asked to close the case."""


class NoResolutionProposed(NotPermitted):
    """No resolution is proposed."""


class NotAwaiting(NotPermitted):
    """The case is not waiting for anything."""


class TimerNotDue(NotPermitted):
    """The timer is not due."""


class TimerStopped(NotPermitted):
    """An escalated or critical case is never closed by the timer."""


class ReopenWindowPassed(NotPermitted):
    """The case could be reopened until {until}; open a follow-up instead."""


class ReopenWindowOpen(NotPermitted):
    """The case can still be reopened until {until}; a follow-up is for later."""


class RatingFixed(NotPermitted):
    """The rating could be changed until {until}."""


class Unfit(Refusal):
    """What was asked does not fit."""


class FieldRequired(Unfit):
    """{field} is required."""


class NotInCatalogue(Unfit):
    """There is no such {field} here; known are: {known}."""


class NotConfigured(Unfit):
    """{application} has no {field} configured, so none can be chosen."""


class PhoneNotUnderstood(Unfit):
    """This is no phone number; an example of one is {example}."""


class NotOfTheAccount(Unfit):
    """The {what} does not belong to the account of the case."""


class PersonInactive(Unfit):
    """The {what} is inactive."""


class PersonUnknown(Unfit):
    """There is no such person as the {what}."""


class NotAnAgent(Unfit):
    """Only an active agent can have a case."""


class EntryUnknown(Unfit):
    """There is no such entry in this case."""


class EntryRemovedAlready(Unfit):
    """The entry was removed."""


class NotYourEntry(Unfit):
    """Only its author may change an entry."""


class NotTheirsToChange(Unfit):
    """You may not change {fields} of this case as {role}."""


class CustomersEntry(Unfit):
    """What a customer wrote stays public; redact it if it must go."""


class NotAPost(Unfit):
    """Comments stand below posts, not below comments."""


class AttachmentUnknown(Unfit):
    """There is no such attachment in this case."""


class NotYourAttachment(Unfit):
    """Only who uploaded it, a customer admin or an agent may remove an attachment."""


class UploadUnknown(Unfit):
    """There is no such upload of yours: {upload}."""


class OtherCaseUnknown(Unfit):
    """There is no such other case."""


class OtherAccount(Unfit):
    """The other case belongs to another account."""


class TargetClosed(Unfit):
    """The other case is closed."""


class SameCase(Unfit):
    """A case cannot be tied to itself."""


class TooMany(Unfit):
    """At most {most} {what} are possible."""


class ExternalIdTaken(Unfit):
    """{system} {external_id} stands for another case already."""


class WatcherCannotSee(Unfit):
    """Only people who see the case can watch it."""


class DateNotAhead(Unfit):
    """The date must lie ahead."""


class NothingToRedact(Unfit):
    """There are no words of that kind in this case."""


class ReasonRequired(Unfit):
    """Nobody asked to close the case and no resolution is proposed: a reason is required."""


class NoWorkingTime(Unfit):
    """The calendar '{calendar}' has no working day within a year of {day}."""


class DocumentRefusal(Refusal):
    """The configuration cannot be set to that."""


class OwnRoles(DocumentRefusal):
    """Nobody changes their own role or account."""


class DocumentUnknown(DocumentRefusal):
    """There is no such {kind}."""


class AccountUnknown(DocumentRefusal):
    """There is no such account."""


class CalendarUnknown(DocumentRefusal):
    """There is no such calendar: {calendar}."""


class OwnerMayNot(DocumentRefusal):
    """The owner of a subscription must be an active person whom you look after."""


class InternalForTheDesk(DocumentRefusal):
    """What is internal is sent only to owners of the desk, by whoever may read it."""


class RoleNotForPeople(DocumentRefusal):
    """Nobody can be given the role of {role}: it belongs to whoever has the machine."""


class RoleNeedsAccount(DocumentRefusal):
    """Customers belong to an account and nobody else does: that is not so for this {role}."""


class DocumentTooLarge(DocumentRefusal):
    """At most {most} KiB fit into a document; this one has {size}."""


class Conflict(Refusal):
    """Somebody else was faster."""


class VersionDiffers(Conflict):
    """The case has changed: it is at version {current}, not {expected}."""


class CommandIdTaken(Conflict):
    """This idempotency key was used for another command."""


class TooMuchContention(Conflict):
    """The case keeps changing; try again."""
