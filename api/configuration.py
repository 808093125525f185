"""What the desk is set to, over HTTP: a document is read as a whole, and set as a whole."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.bodies import Document
from api.deps import SECURITY, WRITING, Asking, By
from domain import commands as c
from domain import configuration as of
from domain.calendar import Calendar
from domain.errors import DocumentUnknown
from domain.values import Key as Name

router = APIRouter(prefix="/api/v1", tags=["configuration"])

CATALOGUE = of.document_stream(of.CATALOGUE)
SERVICE_LEVELS = of.document_stream(of.SERVICE_LEVELS)


@router.put("/accounts/{account}", openapi_extra=WRITING)
async def set_account(account: UUID, document: of.Account, by: By, response: Response) -> Document:
    """Set an account."""
    return await _set(by, response, account, c.SetAccount(document=document))


@router.put("/people/{person}", openapi_extra=WRITING)
async def set_person(person: UUID, document: of.Person, by: By, response: Response) -> Document:
    """Set a person."""
    return await _set(by, response, person, c.SetPerson(document=document))


@router.put("/catalogue", openapi_extra=WRITING)
async def set_catalogue(document: of.Catalogue, by: By, response: Response) -> Document:
    """Set what can be chosen in a case."""
    return await _set(by, response, CATALOGUE, c.SetCatalogue(document=document))


@router.put("/calendars/{calendar}", openapi_extra=WRITING)
async def set_calendar(calendar: Name, document: Calendar, by: By, response: Response) -> Document:
    """Set which days are working days."""
    return await _set(
        by, response, of.document_stream("calendar", calendar), c.SetCalendar(document=document)
    )


@router.put("/service-levels", openapi_extra=WRITING)
async def set_service_levels(document: of.ServiceLevels, by: By, response: Response) -> Document:
    """Set what is promised to whom."""
    return await _set(by, response, SERVICE_LEVELS, c.SetServiceLevels(document=document))


@router.get("/accounts/{account}", openapi_extra=SECURITY)
async def account(account: UUID, by: By) -> Document:
    """An account: one's own, or for the desk any."""
    return await _read(by, account, of.Account, visible=by.by.account in {None, account})


@router.get("/people/{person}", openapi_extra=SECURITY)
async def person(person: UUID, by: By) -> Document:
    """A person: of one's own account, or for the desk anybody."""
    found = await by.given.documents.one(person, of.Person)
    own = by.by.account is None or (found is not None and found[0].account == by.by.account)
    return await _read(by, person, of.Person, visible=own)


@router.get("/catalogue", openapi_extra=SECURITY)
async def catalogue(by: By) -> Document:
    """What can be chosen in a case."""
    return await _read(by, CATALOGUE, of.Catalogue, visible=True)


@router.get("/calendars/{calendar}", openapi_extra=SECURITY)
async def one_calendar(calendar: Name, by: By) -> Document:
    """Which days are working days."""
    stream = of.document_stream("calendar", calendar)
    return await _read(by, stream, Calendar, visible=by.by.account is None)


@router.get("/service-levels", openapi_extra=SECURITY)
async def service_levels(by: By) -> Document:
    """What is promised to whom."""
    return await _read(by, SERVICE_LEVELS, of.ServiceLevels, visible=by.by.account is None)


async def _set(
    by: Asking, response: Response, stream: UUID, command: c.DocumentCommand
) -> Document:
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


async def _read(by: Asking, stream: UUID, kind: type[of.Document], *, visible: bool) -> Document:
    found = (await by.given.documents.all([stream])).get(stream)
    if found is None or not isinstance(found.document, kind) or not visible:
        raise DocumentUnknown(kind=kind.__name__.lower(), name=stream)
    document = found.document.model_dump(mode="json")
    return Document(id=stream, version=found.version, document=document)
