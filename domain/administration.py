"""Who may set which document, and what happens then."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.configuration import Document, Person, Subscription
from domain.permitted import is_support_admin
from domain.values import Actor, Role

# An event has at most 256 KiB, and more in it than the document.
MOST_BYTES: Final = 240 * 1024


@dataclass(frozen=True, slots=True)
class Known:
    """What a document may refer to: the ids of accounts, the keys of calendars, its owner."""

    accounts: Container[UUID] = field(default_factory=frozenset)
    calendars: Container[str] = field(default_factory=frozenset)
    owner: Person | None = None


def set_document(
    current: Document | None, command: c.DocumentCommand, *, stream: UUID, by: Actor, known: Known
) -> e.Events:
    """The event that carries the whole document; none when it is as it was.

    Raises:
        Refusal: this role may not, or the document refers to what does not exist.
    """
    if isinstance(command, c.SetSubscription):
        _refuse_subscription(current, command.document, by, known)
    elif not is_support_admin(by):
        raise no.RoleMayNot(role=by.role, command=command.verb())
    if command.document == current:
        return []
    size = len(command.document.model_dump_json().encode())
    if size > MOST_BYTES:
        raise no.DocumentTooLarge(most=MOST_BYTES // 1024, size=-(-size // 1024))
    match command:
        case c.SetPerson(document=person):
            _refuse_person(current, person, stream, by, known)
            return [e.PersonSet(document=person)]
        case c.SetAccount(document=account):
            if account.calendar not in known.calendars:
                raise no.CalendarUnknown(calendar=account.calendar)
            return [e.AccountSet(document=account)]
        case c.SetCatalogue(document=catalogue):
            return [e.CatalogueSet(document=catalogue)]
        case c.SetCalendar(document=calendar):
            return [e.CalendarSet(document=calendar)]
        case c.SetServiceLevels(document=levels):
            return [e.ServiceLevelsSet(document=levels)]
        case c.SetSubscription(document=subscription):
            return [e.SubscriptionSet(document=subscription)]


def erase_person(current: Document | None, reason: str, *, by: Actor) -> e.Events:
    """What remains of a person whose keys are destroyed; none when that is all there is.

    Raises:
        Refusal: only operators may, and only for people.
    """
    if by.role is not Role.OPERATOR:
        raise no.RoleMayNot(role=by.role, command=c.Erase.verb())
    if current is None:
        return []
    if not isinstance(current, Person):
        raise no.DocumentUnknown(kind="person")
    return [e.Erased(reason=reason)]


def may_subscribe(by: Actor) -> bool:
    """Whether somebody has subscriptions at all."""
    return is_support_admin(by) or by.role in {Role.CUSTOMER_ADMIN, Role.SERVICE}


def looks_after(by: Actor, subscription: Subscription, owner: Person | None) -> bool:
    """Whether a subscription exists for somebody: for everybody else there is none.

    Support admins look after all, customer admins after those of their account, a service account
    after its own; auditors read all.
    """
    if is_support_admin(by) or by.role is Role.AUDITOR:
        return True
    if by.role is Role.SERVICE:
        return subscription.owner == by.person
    of_account = owner is not None and owner.account is not None and owner.account == by.account
    return by.role is Role.CUSTOMER_ADMIN and of_account


def _refuse_subscription(
    current: Document | None, subscription: Subscription, by: Actor, known: Known
) -> None:
    """Nobody has sent to them, through somebody else, what they may not read themselves."""
    if not may_subscribe(by):
        raise no.RoleMayNot(role=by.role, command=c.SetSubscription.verb())
    owner = known.owner
    # Of who has left it can still be ended.
    if owner is None or (subscription.active and not owner.active):
        raise no.OwnerMayNot
    if not looks_after(by, subscription, owner):
        raise no.OwnerMayNot
    if subscription.account is not None and (
        owner.account not in {None, subscription.account}
        or subscription.account not in known.accounts
    ):
        raise no.AccountUnknown
    # Also who only moves it elsewhere would have it sent to an address of theirs.
    internal = subscription.internal or (isinstance(current, Subscription) and current.internal)
    if internal and not by.sees_internal:
        raise no.InternalForTheDesk
    if subscription.active and subscription.internal and owner.account is not None:
        raise no.InternalForTheDesk


def _refuse_person(
    current: Document | None, person: Person, stream: UUID, by: Actor, known: Known
) -> None:
    if person.role in {Role.OPERATOR, Role.SYSTEM}:
        raise no.RoleNotForPeople(role=person.role)
    if not person.fits_account:
        raise no.RoleNeedsAccount(role=person.role)
    if person.account is not None and person.account not in known.accounts:
        raise no.AccountUnknown
    if stream in {by.id, by.person} and isinstance(current, Person):
        kept = (current.role, current.account, current.teams)
        if (person.role, person.account, person.teams) != kept:
            raise no.OwnRoles
