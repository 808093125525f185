"""Lists of cases over HTTP: filtered, sorted, page by page; and what changed since a position."""

from dataclasses import replace
from typing import Annotated, Any, Final, Self

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator

from api.auth import Scope
from api.bodies import Changes, Listed
from api.cursors import read_cursor, write_cursor
from api.deps import READING, Asking, By
from api.filters import Filtered, described, read, wanted_of
from api.showing import Showing
from projections import access, cases, listing
from projections.cases import Line
from projections.listing import Cursor, Found, Wanted
from projections.positions import AheadOfTheLog

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

MODELS: Final = (access.NAME, cases.NAME)
MOST_PAGE: Final = 100
JSON: Final = "application/json"


class Asked(Filtered):
    """A page of them."""

    limit: Annotated[int, Field(ge=1, le=MOST_PAGE, description="Cases a page.")] = 25
    cursor: Annotated[
        str | None, Field(max_length=600, description="The `next` or `prev` of another page.")
    ] = None
    page: Annotated[
        int | None,
        Field(
            ge=1,
            description="For people, instead of a cursor: the page of that number, within the "
            "first 10,000 cases. Meanwhile a case may move; by cursors none is missed.",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.page is not None and self.cursor is not None:
            msg = "a page is named by its number or by a cursor, not by both"
            raise ValueError(msg)
        if ((self.page or 1) - 1) * self.limit >= listing.MOST_COUNTED:
            msg = "pages are numbered within the first 10,000 cases: go on with the cursor"
            raise ValueError(msg)
        return self


@router.get("", response_model=Listed, openapi_extra=described(Asked))
async def list_cases(by: By, request: Request) -> Response:
    """The cases that one sees: filtered, sorted by any column, page by page."""
    by.needs(Scope.CASES_READ)
    asked = read(Asked, request.scope["query_string"])
    await by.reached(MODELS)
    wanted, seen = _wanted(asked, by), access.visible_to(by.by)
    exactly = by.by.is_customer or len(asked.account) == 1
    async with by.given.reads.connection() as conn:
        found = await listing.listed(conn, wanted, seen, exactly=exactly)
        closed = None
        if found.total == 0 and "open" in wanted.conditions:
            others = {name: of for name, of in wanted.conditions.items() if name != "open"}
            closed = await listing.counted(conn, {**others, "closed": True}, seen)
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


def _wanted(asked: Asked, by: Asking) -> Wanted:
    return replace(
        wanted_of(asked, by),
        most=asked.limit,
        cursor=read_cursor(asked.cursor, asked.sort) if asked.cursor else None,
        skipped=((asked.page or 1) - 1) * asked.limit,
    )


def _ways(found: Found, wanted: Wanted) -> dict[str, str | None]:
    """The cursors to the page behind this one and to the page before it."""
    cursor, rows = wanted.cursor, found.rows
    sort = f"-{wanted.sort}" if wanted.descending else wanted.sort
    came_back = cursor is not None and cursor.before
    forwards = came_back or found.more
    backwards = found.more if came_back else cursor is not None or wanted.skipped > 0

    def beside(row: tuple[Any, Line], *, before: bool) -> str:
        return write_cursor(Cursor(row[0], row[1].id, before), sort)

    return {
        "next": beside(rows[-1], before=False) if rows and forwards else None,
        "prev": beside(rows[0], before=True) if rows and backwards else None,
    }
