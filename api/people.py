"""The directory over HTTP: accounts, people, calendars; and how somebody leaves."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.auth import Scope
from api.cursors import read_name_cursor, write_name_cursor
from api.deps import READING, WRITING, Asking, By
from api.strict import StrictRoute
from api.tokens import REVOKE_ALL
from domain import commands as c
from domain.configuration import Person
from domain.errors import DocumentUnknown, OwnRoles, RoleMayNot
from domain.permitted import is_support_admin
from domain.values import Role, Value
from projections import access, cases, directory, listing

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=StrictRoute)

MOST_PAGE: Final = 100
AGAIN: Final = 3  # looks for cases that came while the others were handed on


class SuccessorRequired(Exception):
    """{assigned} open cases are theirs and {contact} have them as contact: name a successor."""

    def __init__(self, assigned: int, contact: int) -> None:
        super().__init__((self.__doc__ or "").format(assigned=assigned, contact=contact))


class AddressTaken(Exception):
    """Another active person has this address."""


class Entry(BaseModel):
    """A line of the directory. Addresses of colleagues are for customer admins and the desk."""

    id: UUID
    key: str | None
    name: str
    email: str | None
    role: Role | None
    account: UUID | None
    teams: list[str]
    active: bool
    version: int


class Entries(BaseModel):
    """A page of the directory in the order of names; `next` is the cursor of the page behind it."""

    entries: list[Entry]
    next: str | None


class Leaving(Value):
    """Who has the open cases of a person from now on."""

    successor: UUID | None = None


class Left(BaseModel):
    """How many cases went to the successor; nobody takes the person's tokens any more."""

    id: UUID
    version: int
    handed_on: int


Starting = Annotated[str | None, Query(min_length=1, max_length=200, description="How it begins.")]
Cursor = Annotated[str | None, Query(max_length=1_000, description="The `next` of another page.")]
Limit = Annotated[int, Query(ge=1, le=MOST_PAGE, description="Lines a page.")]
Active = Annotated[bool | None, Query(description="Whether it is active.")]


@router.get("/people", openapi_extra=READING)
async def list_people(
    by: By,
    q: Starting = None,
    role: Annotated[Role | None, Query(description="Their role.")] = None,
    account: Annotated[UUID | None, Query(description="Their account.")] = None,
    active: Active = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> Entries:
    """The people that one may know of: of one's account, for the desk all."""
    hides = hides_addresses(by)
    asked = {"role": role, "active": active, "called" if hides else "starting": q and q.lower()}
    if account is not None and by.by.account not in {None, account}:
        return Entries(entries=[], next=None)
    return await _listed(by, "person", {**asked, "account": account}, cursor, limit)


@router.get("/accounts", openapi_extra=READING)
async def list_accounts(
    by: By, q: Starting = None, active: Active = None, cursor: Cursor = None, limit: Limit = 25
) -> Entries:
    """The accounts that one may know of: one's own, for the desk all."""
    asked = {"called": q and q.lower(), "active": active}
    return await _listed(by, "account", asked, cursor, limit)


@router.get("/calendars", openapi_extra=READING)
async def list_calendars(by: By, cursor: Cursor = None, limit: Limit = 25) -> Entries:
    """The calendars that were set; beside them there is always `standard`."""
    return await _listed(by, "calendar", {}, cursor, limit)


def hides_addresses(by: Asking) -> bool:
    """Whether this viewer is shown no address but their own."""
    return by.by.role is Role.CUSTOMER


async def _listed(
    by: Asking, kind: str, asked: Mapping[str, Any], cursor: str | None, limit: int
) -> Entries:
    by.needs(Scope.CASES_READ)
    await by.reached((directory.NAME,))
    seen = directory.visible_to(by.by, kind)
    if seen is None:
        return Entries(entries=[], next=None)
    after = read_name_cursor(cursor) if cursor else None
    async with by.given.reads.connection() as conn:
        rows = await directory.listed(conn, kind, {**asked, **seen}, after=after, most=limit + 1)
    shown, hides = rows[:limit], hides_addresses(by)
    entries = [
        Entry(
            id=row.id,
            key=row.key,
            name=row.name,
            email=None if hides and row.id != by.by.person else row.email,
            role=Role(row.role) if row.role else None,
            account=row.account,
            teams=row.teams,
            active=row.active,
            version=row.version,
        )
        for row in shown
    ]
    more = write_name_cursor(shown[-1].name.lower(), shown[-1].id) if len(rows) > limit else None
    return Entries(entries=entries, next=more)


@router.post("/people/{person}/deactivate", openapi_extra=WRITING)
async def deactivate(person: UUID, asked: Leaving, by: By) -> Left:
    """End somebody's access: their open cases go to a successor, their tokens and sessions end.

    May be sent again: what was handed on already stays so.
    """
    by.needs_a_person()
    if not is_support_admin(by.by):
        raise RoleMayNot(role=by.by.role, command="deactivate people")
    if person == by.by.person:
        raise OwnRoles
    found = await by.given.documents.one(person, Person)
    if found is None:
        raise DocumentUnknown(kind="person")
    handed_on = await _handed_on(person, asked, by)
    gone = c.SetPerson(document=found[0].model_copy(update={"active": False}))
    outcome = await by.given.store.handle(person, gone, by=by.by, cause=by.cause)
    async with by.given.store.pool.connection() as conn:
        await conn.execute(REVOKE_ALL, {"person": person})
    by.given.tokens.forget()
    # Nobody can give them a case any more; what came until then is handed on too.
    handed_on += await _handed_on(person, asked, by)
    return Left(id=person, version=outcome.history[-1].version, handed_on=handed_on)


async def _handed_on(person: UUID, asked: Leaving, by: Asking) -> int:
    """Gives the open cases of a person to the successor."""
    total = 0
    for _ in range(AGAIN):
        await by.given.positions.wait(await by.given.store.head(), (access.NAME, cases.NAME))
        async with by.given.reads.connection() as conn:
            left = await listing.of_person(conn, person)
        if not left:
            break
        if asked.successor is None:
            assigned = sum(assignee == person for _, assignee, _ in left)
            raise SuccessorRequired(assigned, sum(contact == person for _, _, contact in left))
        for case, assignee, contact in left:
            if assignee == person:
                assign = c.Assign(assignee=asked.successor)
                await by.given.store.handle(case, assign, by=by.by, cause=by.cause)
            if contact == person:
                change = c.ChangeDetails(contact=asked.successor)
                await by.given.store.handle(case, change, by=by.by, cause=by.cause)
        total += len(left)
    return total
