"""Lists of cases over HTTP: filtered, sorted, page by page; and what changed since a position."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, StringConstraints, ValidationError

from api.auth import Scope
from api.bodies import Changes, Listed
from api.cursors import read_cursor, write_cursor
from api.deps import READING, Asking, By
from api.showing import Showing
from domain.values import (
    Awaited,
    Instant,
    Key,
    Reference,
    Severity,
    Status,
    Value,
)
from projections import access, cases, listing
from projections.cases import Line
from projections.listing import Cursor, Found, Wanted
from projections.positions import AheadOfTheLog

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

MODELS: Final = (access.NAME, cases.NAME)
MOST_PAGE: Final = 100
JSON: Final = "application/json"

# What only the desk may ask for: where its people stand, and its own words.
FOR_THE_DESK: Final = frozenset({"account", "assignee", "team", "tag"})
SORTED_BY: Final = f"^-?({'|'.join(listing.SORTS)})$"


class FilterForTheDesk(Exception):
    """Only the desk can ask for cases by {filter}."""

    def __init__(self, name: str) -> None:
        super().__init__((self.__doc__ or "").format(filter=name))


def _several(description: str) -> Any:  # noqa: ANN401  pydantic's own
    return Field(default=(), max_length=50, description=f"{description} Repeat it for any of them.")


class Asked(Value):
    """What a list is asked for: all of these together."""

    status: Annotated[
        tuple[Literal["open", "all"] | Status, ...],
        _several("`open` (the default), `all`, or as it is shown: In Progress is not escalated."),
    ]
    application: Annotated[tuple[Key, ...], _several("The key of an application.")]
    type: Annotated[tuple[Key, ...], _several("The key of a type.")]
    severity: Annotated[tuple[Severity, ...], _several("A severity.")]
    number: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")], ...],
        _several("A case number; it is found whatever the status, unless one is given."),
    ]
    contact: Annotated[tuple[UUID | Literal["me"], ...], _several("The contact, or `me`.")]
    customer_reference: Annotated[
        Reference | None, Field(description="The customer's own number, in full.")
    ] = None
    external_id: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}:.{1,80}$")] | None,
        Field(description="A foreign system and the number there: `jira:OPS-1`."),
    ] = None
    created_after: Annotated[Instant | None, Field(description="Created then or later.")] = None
    created_before: Annotated[Instant | None, Field(description="Created before that.")] = None
    min_age_days: Annotated[
        int | None, Field(ge=0, le=36_500, description="Created so many days ago, or before.")
    ] = None
    max_age_days: Annotated[
        int | None, Field(ge=0, le=36_500, description="Created within so many days.")
    ] = None
    escalated: Annotated[bool | None, Field(description="Whether it is escalated.")] = None
    awaiting: Annotated[tuple[Awaited | Literal["any"], ...], _several("What it waits for.")]
    close_requested: Annotated[bool | None, Field(description="Whether closing is requested.")] = (
        None
    )
    resolution_proposed: Annotated[
        bool | None, Field(description="Whether a resolution is proposed.")
    ] = None
    account: Annotated[tuple[UUID, ...], _several("The account. For the desk.")]
    assignee: Annotated[
        tuple[UUID | Literal["me", "nobody"], ...],
        _several("Who has it: a person, `me`, `nobody`. For the desk."),
    ]
    team: Annotated[tuple[Key, ...], _several("The team. For the desk.")]
    tag: Annotated[tuple[str, ...], _several("A tag. For the desk.")]
    sort: Annotated[
        str, Field(pattern=SORTED_BY, description="The column; with - before it, from its end.")
    ] = "-modified"
    limit: Annotated[int, Field(ge=1, le=MOST_PAGE, description="Cases a page.")] = 25
    cursor: Annotated[
        str | None, Field(max_length=600, description="The `next` or `prev` of another page.")
    ] = None


_SCHEMA: Final = Asked.model_json_schema(ref_template="#/components/schemas/{model}")
_SEVERAL: Final = frozenset(n for n, field in Asked.model_fields.items() if field.default == ())
# As FastAPI would describe them. It would also read them, field by field, for each request anew,
# which takes longer than the server needs for the rows.
LISTING: Final = {
    **READING,
    "parameters": [
        *READING["parameters"],
        *(
            {"name": name, "in": "query", "description": schema["description"], "schema": schema}
            for name, schema in _SCHEMA["properties"].items()
        ),
    ],
}


@lru_cache(maxsize=2_000)
def _read(query: bytes) -> Asked:
    """What the query of an address asks for.

    Raises:
        RequestValidationError: something in it is not known, or not as it must be.
    """
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in _SEVERAL:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return Asked.model_validate(given)
    except ValidationError as wrong:
        errors: list[Any] = wrong.errors(include_url=False, include_input=False)
        located = [{**error, "loc": ("query", *error["loc"])} for error in errors]
        raise RequestValidationError(located) from None


@router.get("", response_model=Listed, openapi_extra=LISTING)
async def list_cases(by: By, request: Request) -> Response:
    """The cases that one sees: filtered, sorted by any column, page by page."""
    by.needs(Scope.CASES_READ)
    asked = _read(request.scope["query_string"])
    await by.reached(MODELS)
    conditions, seen = _conditions(asked, by), access.visible_to(by.by)
    wanted = _wanted(asked, conditions, by)
    exactly = by.by.is_customer or len(asked.account) == 1
    async with by.given.reads.connection() as conn:
        found = await listing.listed(conn, wanted, seen, exactly=exactly)
        closed = None
        if found.total == 0 and conditions.pop("open", False):
            closed = await listing.counted(conn, {**conditions, "closed": True}, seen)
    shown = await Showing.to(by)
    body = {
        "cases": [shown.line(line) for _, line in found.rows],
        "total": listing.MOST_COUNTED if found.total is None else found.total,
        "total_is_exact": found.total is not None,
        "closed_matches": closed,
        **_ways(found, wanted),
    }
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type=JSON)


@router.get("/changes", response_model=Changes, openapi_extra=READING)
async def list_changes(
    by: By,
    after: Annotated[int, Query(ge=0, lt=2**62, description="The `next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE, description="Cases a page.")] = MOST_PAGE,
) -> Response:
    """A snapshot of each case that changed after a position, in the order of its last change.

    Begin with 0, send `next` as `after`: whoever keeps that one number misses nothing. A case that
    one no longer sees does not come again.
    """
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    publicly = not by.by.sees_internal
    async with by.given.reads.connection() as conn:
        rows, through = await listing.changed(
            conn,
            after,
            access.visible_to(by.by),
            publicly=publicly,
            most=limit + 1,
            models=MODELS,
        )
    if after > through and after > (head := await by.given.store.head()):
        raise AheadOfTheLog(after, head)
    page = rows[:limit]
    shown = await Showing.to(by)
    last = page[-1] if len(rows) > limit else None
    body = {
        "cases": await shown.details(page),
        "next": (last.public_position if publicly else last.position)
        if last
        else max(after, through),
        "through": through,
    }
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type=JSON)


def _conditions(asked: Asked, by: Asking) -> dict[str, Any]:
    """The conditions of `projections.listing` that the query comes to."""
    given = {name: value for name, value in asked if name in asked.model_fields_set}
    for name in FOR_THE_DESK & given.keys():
        if by.by.is_customer or (name == "tag" and not by.by.sees_internal):
            raise FilterForTheDesk(name)
    found: dict[str, Any] = _statuses(asked)
    for name in ("application", "type", "severity", "team", "tag", "account"):
        if given.get(name):
            found[name] = [*given[name]]
    for name in ("escalated", "close_requested", "resolution_proposed"):
        if given.get(name) is not None:
            found[name] = given[name]
    for name in ("customer_reference", "created_after", "created_before"):
        if given.get(name) is not None:
            found[name] = given[name]
    if asked.number:
        found["number"] = [number.zfill(8) for number in asked.number]
    if asked.external_id:
        found["external_id"] = orjson.dumps(dict([asked.external_id.split(":", 1)])).decode()
    if asked.contact:
        found["contact"] = _people(asked.contact, by)
    return found | _assigned(asked, by) | _awaited(asked) | _aged(asked)


def _statuses(asked: Asked) -> dict[str, Any]:
    statuses = set(asked.status) or ({"all"} if asked.number else {"open"})
    if "all" in statuses or {"open", Status.CLOSED} <= statuses:
        return {}
    if "open" in statuses:
        return {"open": True}
    shown = {"status": [str(status) for status in statuses]}
    return shown if Status.CLOSED in statuses else {"open": True, **shown}


def _assigned(asked: Asked, by: Asking) -> dict[str, Any]:
    if not asked.assignee:
        return {}
    people = _people((one for one in asked.assignee if one != "nobody"), by)
    if "nobody" not in asked.assignee:
        return {"assignee": people}
    return {"assignee_or_nobody": people} if people else {"nobody": True}


def _awaited(asked: Asked) -> dict[str, Any]:
    if not asked.awaiting:
        return {}
    return {"awaits": True} if "any" in asked.awaiting else {"awaiting": [*asked.awaiting]}


def _aged(asked: Asked) -> dict[str, Any]:
    now, found = datetime.now(UTC), {}
    if asked.min_age_days is not None:
        found["aged"] = now - timedelta(days=asked.min_age_days)
    if asked.max_age_days is not None:
        found["fresh"] = now - timedelta(days=asked.max_age_days)
    return found


def _people(named: Iterable[UUID | str], by: Asking) -> list[UUID | str]:
    return [by.by.person if one == "me" else one for one in named]


def _wanted(asked: Asked, conditions: Mapping[str, Any], by: Asking) -> Wanted:
    return Wanted(
        conditions=conditions,
        sort=asked.sort.removeprefix("-"),
        descending=asked.sort.startswith("-"),
        most=asked.limit,
        cursor=read_cursor(asked.cursor, asked.sort) if asked.cursor else None,
        publicly=not by.by.sees_internal,
    )


def _ways(found: Found, wanted: Wanted) -> dict[str, str | None]:
    """The cursors to the page behind this one and to the page before it."""
    cursor, rows = wanted.cursor, found.rows
    sort = f"-{wanted.sort}" if wanted.descending else wanted.sort
    came_back = cursor is not None and cursor.before
    forwards, backwards = came_back or found.more, found.more if came_back else cursor is not None

    def beside(row: tuple[Any, Line], *, before: bool) -> str:
        return write_cursor(Cursor(row[0], row[1].id, before), sort)

    return {
        "next": beside(rows[-1], before=False) if rows and forwards else None,
        "prev": beside(rows[0], before=True) if rows and backwards else None,
    }
