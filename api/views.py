"""Saved views over HTTP: lists that somebody keeps, and those that each role has from the start."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from psycopg.rows import class_row
from pydantic import BaseModel, Field, StringConstraints

from api.auth import Scope
from api.deps import READING, SECURITY, Asking, By
from api.exporting import ColumnUnknown
from api.filters import Filtered, FilterForTheDesk, read, wanted_of
from api.listed import FINDING, counts_exactly
from api.searching import understood
from api.strict import StrictRoute
from domain.errors import RoleMayNot
from domain.values import Key, Label, Role, Value
from projections import access, export, finding, listing
from projections.listing import MOST_COUNTED
from projections.query import Query

router = APIRouter(prefix="/api/v1", tags=["views"], route_class=StrictRoute)

MOST_VIEWS: Final = 50  # of one person
SHARING: Final = frozenset({Role.CUSTOMER_ADMIN, Role.SUPPORT_ADMIN})
_DESK: Final[Mapping[str, tuple[str, str]]] = {
    "my-open-cases": ("My open cases", "assignee=me"),
    "unassigned": ("Unassigned", "status=Unassigned&sort=created"),
    "escalated": ("Escalated", "escalated=true"),
    "awaiting-me": ("Awaiting me", "assignee=me&awaiting=none"),
    "close-requested": ("Close requested", "close_requested=true"),
    "can-be-reopened": ("Can still be reopened", "reopenable=true"),
    "without-word": ("Closed without the customer's word", "customers_word=false"),
}
_CUSTOMER: Final[Mapping[str, tuple[str, str]]] = {
    "my-open-cases": ("My open cases", "contact=me"),
    "escalated": ("Escalated", "escalated=true"),
    "awaiting-me": ("Awaiting me", "contact=me&awaiting=customer"),
    "resolution-proposed": ("Resolution proposed", "resolution_proposed=true"),
    "can-be-reopened": ("Can still be reopened", "reopenable=true"),
}
SHIPPED: Final[Mapping[Role, Mapping[str, tuple[str, str]]]] = MappingProxyType({
    Role.CUSTOMER: _CUSTOMER,
    Role.CUSTOMER_ADMIN: {**_CUSTOMER, "open-cases": ("Open cases of the company", "status=open")},
    Role.AGENT: _DESK,
    Role.SUPPORT_ADMIN: _DESK,
    Role.AUDITOR: {n: v for n, v in _DESK.items() if "assignee" not in v[1]},
})  # fmt: skip
"""By role and key: the name of a view, and its query."""

# Own ones, and those that somebody of the same account, or of the desk, shares: with a token that
# may not read notes, the desk's own words are not read either.
LIST: Final = """
SELECT id, owner, shared, name, query, columns FROM desk.views
 WHERE owner = %(owner)s
    OR (shared AND %(reads_shared)s AND account IS NOT DISTINCT FROM %(account)s)
 ORDER BY lower(name) COLLATE "C", id
"""
ADD: Final = """
INSERT INTO desk.views (owner, shared, account, name, query, columns)
SELECT %(owner)s, %(shared)s, %(account)s, %(name)s, %(query)s, %(columns)s
 WHERE (SELECT count(*) FROM desk.views WHERE owner = %(owner)s) < %(most)s
RETURNING id, owner, shared, name, query, columns
"""
SET: Final = """
UPDATE desk.views
   SET (shared, account, name, query, columns, set_at)
     = (%(shared)s, %(account)s, %(name)s, %(query)s, %(columns)s, now())
 WHERE id = %(id)s AND owner = %(owner)s
RETURNING id, owner, shared, name, query, columns
"""
REMOVE: Final = "DELETE FROM desk.views WHERE id = %(id)s AND owner = %(owner)s RETURNING id"
CHOSEN: Final = "SELECT application, columns FROM desk.list_choices WHERE person = %(person)s"
CHOOSE: Final = """
INSERT INTO desk.list_choices (person, application, columns)
VALUES (%(person)s, %(application)s, %(columns)s)
    ON CONFLICT (person) DO UPDATE SET (application, columns) = (%(application)s, %(columns)s)
"""

Columns = Annotated[
    tuple[str, ...],
    Field(max_length=50, description="As in `GET /cases/export`, in order; none: those shown."),
]


class ViewUnknown(Exception):
    """There is no such view of yours."""


class TooManyViews(Exception):
    """Nobody keeps more than 50 views: remove one."""


class NewView(Value):
    """A list to keep."""

    name: Label
    query: Annotated[
        str,
        StringConstraints(max_length=2_000),
        Field(description="As in the address of a list, behind the ?: severity=urgent&q=slow."),
    ] = ""
    columns: Columns = ()
    shared: Annotated[
        bool,
        Field(description="Shown to the whole account, or to the whole desk: by its admins only."),
    ] = False


class View(BaseModel):
    """A list that is kept. `count` null: it cannot be counted, and `problem` says why."""

    id: UUID | str
    """A word, for one that everybody of the role has."""
    name: str
    query: str
    columns: list[str]
    shared: bool
    yours: bool
    count: int | None
    count_is_exact: bool
    problem: str | None


class Choices(Value):
    """What somebody's list begins with: the application chosen last (null: all), its columns."""

    application: Key | None = None
    columns: Columns = ()


class _Row(BaseModel):
    id: UUID
    owner: UUID
    shared: bool
    name: str
    query: str
    columns: list[str]


@router.get("/views", openapi_extra=READING)
async def list_views(by: By) -> list[View]:
    """The views that one has: those of the role, then one's own and what others share, by name.

    Each with the number of cases in it, counted as far as a list is.
    """
    by.needs(Scope.CASES_READ)
    await by.reached(FINDING)
    async with by.given.reads.connection() as conn, conn.cursor(row_factory=class_row(_Row)) as cur:
        reads_shared = by.by.is_customer or by.by.sees_internal
        asked = {**_whose(by), "reads_shared": reads_shared}
        rows = await (await cur.execute(LIST, asked)).fetchall()
    shipped = SHIPPED.get(by.by.role, {}).items()
    return [
        *[await _counted(by, key, name, query) for key, (name, query) in shipped],
        *[await _view(by, row) for row in rows],
    ]


@router.post("/views", status_code=201, openapi_extra=SECURITY)
async def add_view(view: NewView, by: By) -> View:
    """Keeps a list."""
    row = await _kept(by, ADD, {**await _asked(by, view), "most": MOST_VIEWS})
    if row is None:
        raise TooManyViews
    return await _view(by, row)


@router.put("/views/{view_id}", openapi_extra=SECURITY)
async def set_view(view_id: UUID, view: NewView, by: By) -> View:
    """Keeps another list in the place of one's own."""
    row = await _kept(by, SET, {**await _asked(by, view), "id": view_id})
    if row is None:
        raise ViewUnknown
    return await _view(by, row)


@router.delete("/views/{view_id}", status_code=204, openapi_extra=SECURITY)
async def remove_view(view_id: UUID, by: By) -> None:
    """Keeps it no longer."""
    by.needs_a_person()
    async with by.given.store.pool.connection() as conn:
        removed = await conn.execute(REMOVE, {**_whose(by), "id": view_id})
        if await removed.fetchone() is None:
            raise ViewUnknown


@router.get("/me/list", openapi_extra=SECURITY)
async def read_choices(by: By) -> Choices:
    """What one's list begins with."""
    by.needs(Scope.CASES_READ)
    async with by.given.store.pool.connection() as conn:
        row = await (await conn.execute(CHOSEN, {"person": by.by.person})).fetchone()
    return Choices(application=row[0], columns=tuple(row[1] or ())) if row else Choices()


@router.put("/me/list", openapi_extra=SECURITY)
async def keep_choices(choices: Choices, by: By) -> Choices:
    """Keeps what one's list is to begin with."""
    by.needs_a_person()
    _check(by, choices.columns)
    kept = {"application": choices.application, "columns": list(choices.columns)}
    async with by.given.store.pool.connection() as conn:
        await conn.execute(CHOOSE, {**kept, "person": by.by.person})
    return choices


def _whose(by: Asking) -> dict[str, object]:
    return {"owner": by.by.person, "account": by.by.account}


async def _asked(by: Asking, view: NewView) -> dict[str, object]:
    """What is to be kept, once it can be read as a list and may be shared."""
    by.needs_a_person()
    if view.shared and by.by.role not in SHARING:
        raise RoleMayNot(command="share a view", role=by.by.role)
    _check(by, view.columns)
    asked, words = await _asked_for(by, view.query)
    wanted_of(asked, by, words)  # refuses what this viewer cannot ask for
    return {**view.model_dump(), "columns": list(view.columns), **_whose(by)}


async def _kept(by: Asking, statement: str, asked: Mapping[str, object]) -> _Row | None:
    async with by.given.store.pool.connection() as conn:
        cursor = conn.cursor(row_factory=class_row(_Row))
        return await (await cursor.execute(statement.encode(), asked)).fetchone()


def _check(by: Asking, columns: tuple[str, ...]) -> None:
    for name in columns:
        if not export.allowed(name, publicly=not by.by.sees_internal):
            raise FilterForTheDesk(name) if name in export.COLUMNS else ColumnUnknown


async def _asked_for(by: Asking, query: str) -> tuple[Filtered, Query | None]:
    return await understood(read(Filtered, quote(query, safe="=&%+:<>.,-").encode()), by)


async def _view(by: Asking, row: _Row) -> View:
    view = await _counted(by, row.id, row.name, row.query)
    yours = row.owner == by.by.person
    return view.model_copy(update={"columns": row.columns, "shared": row.shared, "yours": yours})


async def _counted(by: Asking, id_: UUID | str, name: str, query: str) -> View:
    """A view with how many cases there are in it now."""
    count, exact, problem = None, True, None
    try:
        asked, words = await _asked_for(by, query)
        conditions = wanted_of(asked, by, words).conditions
        most = None if counts_exactly(asked, by) else MOST_COUNTED + 1
        async with by.looking(words) as conn:
            found = await listing.counted(conn, conditions, access.visible_to(by.by), most)
        exact = most is None or found <= MOST_COUNTED
        count = found if exact else MOST_COUNTED
    except RequestValidationError as error:
        problem = "; ".join(str(one["msg"]) for one in error.errors())
    except (FilterForTheDesk, finding.SearchTooBroad) as error:
        problem = str(error) or " ".join((type(error).__doc__ or "").split())
    return View(
        id=id_,
        name=name,
        query=query,
        columns=[],
        shared=False,
        yours=False,
        count=count,
        count_is_exact=exact,
        problem=problem,
    )
