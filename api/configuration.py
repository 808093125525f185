"""What the desk is set to, over HTTP: a document is read as a whole, and set as a whole."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.auth import Scope
from api.bodies import Document, DocumentThen, Somebody
from api.deps import READING, WRITING, Asking, By
from api.people import AddressTaken, hides_addresses
from api.strict import StrictRoute
from domain import commands as c
from domain import configuration as of
from domain.calendar import Calendar
from domain.errors import DocumentUnknown
from domain.runtime.documents import document_of
from domain.values import Key as Name
from domain.values import Role
from projections import directory

router = APIRouter(prefix="/api/v1", tags=["configuration"], route_class=StrictRoute)

CATALOGUE: Final = of.document_stream(of.CATALOGUE)
SERVICE_LEVELS: Final = of.document_stream(of.SERVICE_LEVELS)
Version = Annotated[int | None, Query(ge=1, lt=2**31, description="As it was at this version.")]


class AnotherCalendar(Exception):
    """The key of the calendar must be the one in the address."""


@router.put("/accounts/{account}", openapi_extra=WRITING)
async def set_account(account: UUID, document: of.Account, by: By, response: Response) -> Document:
    """Set an account."""
    return await _set(by, response, account, c.SetAccount(document=document))


@router.put("/people/{person}", openapi_extra=WRITING)
async def set_person(person: UUID, document: of.Person, by: By, response: Response) -> Document:
    """Set a person. An address belongs to one active person."""
    if document.email and document.active:
        async with by.given.reads.connection() as conn:
            others = await directory.of_address(conn, document.email)
        if by.by.account is None and set(others) - {person}:
            raise AddressTaken
    return await _set(by, response, person, c.SetPerson(document=document))


@router.put("/catalogue", openapi_extra=WRITING)
async def set_catalogue(document: of.Catalogue, by: By, response: Response) -> Document:
    """Set what can be chosen in a case."""
    return await _set(by, response, CATALOGUE, c.SetCatalogue(document=document))


@router.put("/calendars/{calendar}", openapi_extra=WRITING)
async def set_calendar(calendar: Name, document: Calendar, by: By, response: Response) -> Document:
    """Set which days are working days."""
    if document.key != calendar:
        raise AnotherCalendar
    return await _set(by, response, _calendar(calendar), c.SetCalendar(document=document))


@router.put("/service-levels", openapi_extra=WRITING)
async def set_service_levels(document: of.ServiceLevels, by: By, response: Response) -> Document:
    """Set what is promised to whom."""
    return await _set(by, response, SERVICE_LEVELS, c.SetServiceLevels(document=document))


@router.get("/accounts/{account}", openapi_extra=READING)
async def read_account(
    account: UUID, by: By, response: Response, version: Version = None
) -> Document:
    """An account: one's own, or for the desk any."""
    return await _read(by, response, account, of.Account, version)


@router.get("/people/{person}", openapi_extra=READING)
async def read_person(
    person: UUID, by: By, response: Response, version: Version = None
) -> Document:
    """A person: of one's own account, or for the desk anybody."""
    found = await _read(by, response, person, of.Person, version)
    if hides_addresses(by) and person != by.by.person:
        found.document["email"] = None
    return found


@router.get("/catalogue", openapi_extra=READING)
async def read_catalogue(by: By, response: Response, version: Version = None) -> Document:
    """What can be chosen in a case."""
    return await _read(by, response, CATALOGUE, of.Catalogue, version)


@router.get("/calendars/{calendar}", openapi_extra=READING)
async def read_calendar(
    calendar: Name, by: By, response: Response, version: Version = None
) -> Document:
    """Which days are working days."""
    return await _read(by, response, _calendar(calendar), Calendar, version)


@router.get("/service-levels", openapi_extra=READING)
async def read_service_levels(by: By, response: Response, version: Version = None) -> Document:
    """What is promised to whom."""
    return await _read(by, response, SERVICE_LEVELS, of.ServiceLevels, version)


@router.get("/accounts/{account}/history", openapi_extra=READING)
async def account_history(account: UUID, by: By) -> list[DocumentThen]:
    """Every version of an account, the oldest first. For support admins and auditors."""
    return await _history(by, account, of.Account)


@router.get("/people/{person}/history", openapi_extra=READING)
async def person_history(person: UUID, by: By) -> list[DocumentThen]:
    """Every version of a person, the oldest first. For support admins and auditors."""
    return await _history(by, person, of.Person)


@router.get("/catalogue/history", openapi_extra=READING)
async def catalogue_history(by: By) -> list[DocumentThen]:
    """Every version of the catalogue, the oldest first. For the desk and auditors."""
    return await _history(by, CATALOGUE, of.Catalogue)


@router.get("/calendars/{calendar}/history", openapi_extra=READING)
async def calendar_history(calendar: Name, by: By) -> list[DocumentThen]:
    """Every version of a calendar, the oldest first. For the desk and auditors."""
    return await _history(by, _calendar(calendar), Calendar)


@router.get("/service-levels/history", openapi_extra=READING)
async def service_levels_history(by: By) -> list[DocumentThen]:
    """Every version of the service levels, the oldest first. For the desk and auditors."""
    return await _history(by, SERVICE_LEVELS, of.ServiceLevels)


def _calendar(key: str) -> UUID:
    return of.document_stream("calendar", key)


async def _set(
    by: Asking, response: Response, stream: UUID, command: c.DocumentCommand
) -> Document:
    by.needs_a_person()
    outcome = await by.given.store.handle(
        stream, command, by=by.by, cause=by.cause, key=by.key, expecting=by.expecting
    )
    version = outcome.history[-1].version
    response.headers["ETag"] = f'"{version}"'
    response.headers["Position"] = str(outcome.position)
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    document = command.document.model_dump(mode="json")
    return Document(id=stream, version=version, position=outcome.position, document=document)


async def _read(
    by: Asking, response: Response, stream: UUID, kind: type[of.Document], version: int | None
) -> Document:
    by.needs(Scope.CASES_READ)
    found = (await by.given.documents.fresh([stream])).get(stream)
    if (
        found is None
        or not isinstance(found.document, kind)
        or not _shown(by, stream, found.document)
    ):
        raise DocumentUnknown(kind=kind.__name__.lower())
    if version is not None and version != found.version:
        then = next(
            (one for one in await _history(by, stream, kind) if one.version == version), None
        )
        if then is None:
            raise DocumentUnknown(kind=kind.__name__.lower())
        return Document(id=stream, version=version, document=then.document)
    response.headers["ETag"] = f'"{found.version}"'
    document = found.document.model_dump(mode="json")
    return Document(id=stream, version=found.version, document=document)


def _shown(by: Asking, stream: UUID, document: of.Document) -> bool:
    """Whether a document as it is now exists for the viewer."""
    account = by.by.account
    match document:
        case of.Catalogue():
            return True
        case of.Account():
            return account in {None, stream}
        case of.Person():
            return account in {None, document.account}
    return account is None


async def _history(by: Asking, stream: UUID, kind: type[of.Document]) -> list[DocumentThen]:
    """Who may read what a document was: for everybody else there is none."""
    by.needs(Scope.CASES_READ)
    for_few = issubclass(kind, of.Account | of.Person)
    readers = {Role.SUPPORT_ADMIN, Role.AUDITOR} | (set() if for_few else {Role.AGENT})
    history = await by.given.store.history(stream) if by.by.role in readers else []
    then = [
        DocumentThen(
            version=recorded.version,
            position=recorded.position,
            at=recorded.at,
            by=Somebody(id=recorded.by.person, name=None),
            document=document.model_dump(mode="json"),
        )
        for recorded in history
        if isinstance(document := document_of(recorded), kind)
    ]
    if not then:
        raise DocumentUnknown(kind=kind.__name__.lower())
    return then
