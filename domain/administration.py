"""Who may set which document, and what happens then."""

from collections.abc import Container
from dataclasses import dataclass, field
from uuid import UUID

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.configuration import Document, Person
from domain.values import Actor, Role


@dataclass(frozen=True, slots=True)
class Known:
    """What a document may refer to: the ids of accounts, the keys of calendars."""

    accounts: Container[UUID] = field(default_factory=frozenset)
    calendars: Container[str] = field(default_factory=frozenset)


def set_document(
    current: Document | None, command: c.DocumentCommand, *, stream: UUID, by: Actor, known: Known
) -> e.Events:
    """The event that carries the whole document; none when it is as it was.

    Raises:
        Refusal: this role may not, or the document refers to what does not exist.
    """
    if by.role not in {Role.SUPPORT_ADMIN, Role.OPERATOR}:
        raise no.RoleMayNot(role=by.role, command=command.verb())
    if command.document == current:
        return []
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


def _refuse_person(
    current: Document | None, person: Person, stream: UUID, by: Actor, known: Known
) -> None:
    if not person.fits_account:
        raise no.RoleNeedsAccount(role=person.role)
    if person.account is not None and person.account not in known.accounts:
        raise no.AccountUnknown
    if stream == by.person and isinstance(current, Person):
        kept = (current.role, current.account, current.teams)
        if (person.role, person.account, person.teams) != kept:
            raise no.OwnRoles
