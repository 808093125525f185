"""What the desk is set to, over HTTP: a document is read as a whole, and set as a whole."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.bodies import Document
from api.deps import By, Given, IfMatch, Key, Services, Why
from domain import commands as c
from domain import configuration as of
from domain.calendar import Calendar
from domain.errors import DocumentUnknown
from domain.recorded import Cause
from domain.values import Actor
from domain.values import Key as Name

router = APIRouter(prefix="/api/v1", tags=["configuration"])

CATALOGUE = of.document_stream(of.CATALOGUE)
SERVICE_LEVELS = of.document_stream(of.SERVICE_LEVELS)


class Setting:
    """What every request that sets a document comes with."""

    def __init__(
        self,
        given: Given,
        by: By,
        cause: Why,
        response: Response,
        key: Key = None,
        expecting: IfMatch = None,
    ) -> None:
        self._given, self._response = given, response
        self._by: Actor = by
        self._cause: Cause = cause
        self._key, self._expecting = key, expecting

    async def to(self, stream: UUID, command: c.DocumentCommand) -> Document:
        """Sets the document of a stream."""
        outcome = await self._given.store.handle(
            stream,
            command,
            by=self._by,
            cause=self._cause,
            key=self._key,
            expecting=self._expecting,
        )
        version = outcome.history[-1].version if outcome.history else 0
        self._response.headers["ETag"] = f'"{version}"'
        self._response.headers["Position"] = str(outcome.position)
        if outcome.replayed:
            self._response.headers["Idempotent-Replayed"] = "true"
        document = command.document.model_dump(mode="json")
        return Document(id=stream, version=version, position=outcome.position, document=document)


To = Annotated[Setting, Depends()]


@router.put("/accounts/{account}")
async def set_account(account: UUID, document: of.Account, setting: To) -> Document:
    """Set an account."""
    return await setting.to(account, c.SetAccount(document=document))


@router.put("/people/{person}")
async def set_person(person: UUID, document: of.Person, setting: To) -> Document:
    """Set a person."""
    return await setting.to(person, c.SetPerson(document=document))


@router.put("/catalogue")
async def set_catalogue(document: of.Catalogue, setting: To) -> Document:
    """Set what can be chosen in a case."""
    return await setting.to(CATALOGUE, c.SetCatalogue(document=document))


@router.put("/calendars/{calendar}")
async def set_calendar(calendar: Name, document: Calendar, setting: To) -> Document:
    """Set which days are working days."""
    return await setting.to(
        of.document_stream("calendar", calendar), c.SetCalendar(document=document)
    )


@router.put("/service-levels")
async def set_service_levels(document: of.ServiceLevels, setting: To) -> Document:
    """Set what is promised to whom."""
    return await setting.to(SERVICE_LEVELS, c.SetServiceLevels(document=document))


@router.get("/accounts/{account}")
async def account(account: UUID, given: Given, by: By) -> Document:
    """An account: one's own, or for the desk any."""
    return await _read(given, account, of.Account, visible=by.account in {None, account})


@router.get("/people/{person}")
async def person(person: UUID, given: Given, by: By) -> Document:
    """A person: of one's own account, or for the desk anybody."""
    found = await given.documents.one(person, of.Person)
    own = by.account is None or (found is not None and found[0].account == by.account)
    return await _read(given, person, of.Person, visible=own)


@router.get("/catalogue")
async def catalogue(given: Given, _by: By) -> Document:
    """What can be chosen in a case."""
    return await _read(given, CATALOGUE, of.Catalogue, visible=True)


@router.get("/calendars/{calendar}")
async def one_calendar(calendar: Name, given: Given, by: By) -> Document:
    """Which days are working days."""
    stream = of.document_stream("calendar", calendar)
    return await _read(given, stream, Calendar, visible=by.account is None)


@router.get("/service-levels")
async def service_levels(given: Given, by: By) -> Document:
    """What is promised to whom."""
    return await _read(given, SERVICE_LEVELS, of.ServiceLevels, visible=by.account is None)


async def _read(
    given: Services, stream: UUID, kind: type[of.Document], *, visible: bool
) -> Document:
    found = (await given.documents.all([stream])).get(stream)
    if found is None or not isinstance(found.document, kind) or not visible:
        raise DocumentUnknown(kind=kind.__name__.lower(), name=stream)
    document = found.document.model_dump(mode="json")
    return Document(id=stream, version=found.version, document=document)
