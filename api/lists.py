"""Lists of cases over HTTP: filtered, sorted, page by page; and what changed since a position."""

from dataclasses import replace
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response

from api.auth import Scope
from api.bodies import Changes
from api.cursors import RELEVANCE, read_cursor
from api.deps import READING, Asking, By
from api.filters import NEWEST, described, read, wanted_of
from api.finding import searched
from api.listed import MODELS, MOST_PAGE, Asked, Listed, counts_exactly, page_of, skipped, ways
from api.searching import understood
from api.showing import Showing
from projections import access, listing, suggesting
from projections.positions import AheadOfTheLog

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

JSON: Final = "application/json"


class NothingToRank(Exception):
    """Relevance is how well a case matches the words of `q`, and there are none."""


@router.get("", response_model=Listed, openapi_extra=described(Asked))
async def list_cases(by: By, request: Request) -> Response:
    """The cases that one sees: searched, filtered, sorted by any column, page by page.

    With `q`, each case says in `highlights` why it was found. A word that occurs in none of one's
    cases is replaced by those that are nearest, and `did_you_mean` says so.
    """
    by.needs(Scope.CASES_READ)
    asked, query = await understood(read(Asked, request.scope["query_string"]), by)
    body = await (searched(asked, query, by) if query else _listed(asked, by))
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


async def _listed(asked: Asked, by: Asking) -> dict[str, Any]:
    if asked.sort == RELEVANCE:
        raise NothingToRank
    await by.reached(MODELS)
    wanted = replace(
        wanted_of(asked, by),
        most=asked.limit,
        cursor=read_cursor(asked.cursor, asked.sort or NEWEST) if asked.cursor else None,
        skipped=skipped(asked),
    )
    seen, exactly = access.visible_to(by.by), counts_exactly(asked, by)
    async with by.given.reads.connection() as conn:
        found = await listing.listed(conn, wanted, seen, exactly=exactly)
        closed = await suggesting.closed_besides(conn, found, wanted, seen)
    shown = await Showing.to(by)
    lines = [shown.line(line) for _, line in found.rows]
    return page_of(found, lines, closed) | ways(found, wanted)
