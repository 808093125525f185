"""The cases that tell of some words, page by page: best first, or sorted by a column."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from api import highlights
from api.cursors import RELEVANCE, read_cursor, write_cursor
from api.deps import Asking
from api.filters import conditions_of, wanted_of
from api.highlights import Marked
from api.listed import FINDING, Asked, counts_exactly, page_of, skipped, ways
from api.showing import Showing
from domain.runtime.database import Reading
from projections import access, finding, listing, suggesting, texts
from projections.listing import MOST_COUNTED, Cursor, Found, Wanted
from projections.query import Query, Term

NOBODY: Final = UUID(int=0)


async def searched(asked: Asked, query: Query, by: Asking) -> dict[str, Any]:
    """The body of a page of cases that match.

    Raises:
        SearchTooBroad: it takes longer than anybody waits.
    """
    await by.reached(FINDING)
    seen, viewer = access.visible_to(by.by), by.by
    async with by.looking(query) as conn:
        found, beside = await _page(conn, asked, query, by)
        meant: Mapping[Term, Sequence[str]] = {}
        if found.total == 0:
            meant = await suggesting.meant(conn, query, viewer, seen)
            if any(meant.values()):
                query = suggesting.replaced(query, meant)
                found, beside = await _page(conn, asked, query, by)
        wanted = wanted_of(asked, by, query)
        closed = await suggesting.closed_besides(conn, found, wanted, seen)
        marked = await _marked(conn, found, query, by)
    shown = await Showing.to(by)
    lines = [{**shown.line(line), "highlights": marked[line.id].shown()} for _, line in found.rows]
    instead = [{"typed": term.text, "meant": list(words)} for term, words in meant.items() if words]
    return page_of(found, lines, closed) | beside | {"did_you_mean": instead}


async def _page(
    conn: Reading, asked: Asked, query: Query, by: Asking
) -> tuple[Found, dict[str, str | None]]:
    seen, exactly = access.visible_to(by.by), counts_exactly(asked, by)
    if asked.sort not in {None, RELEVANCE}:
        wanted = replace(
            wanted_of(asked, by, query),
            most=asked.limit,
            cursor=read_cursor(asked.cursor, asked.sort) if asked.cursor else None,
            skipped=skipped(asked),
        )
        found = await listing.listed(conn, wanted, seen, exactly=exactly)
        return found, ways(found, wanted)
    over = _read(asked.cursor) if asked.cursor else skipped(asked)
    conditions = conditions_of(asked, by, query)
    wanted = Wanted(conditions, most=asked.limit, skipped=over, publicly=not by.by.sees_internal)
    found = await finding.found(conn, wanted, query, by.by, seen, exactly=exactly)
    # What is ranked moves with each change, so that a place in it is a number.
    ends = over + asked.limit
    return found, {
        "next": _written(ends) if found.more and ends < MOST_COUNTED else None,
        "prev": _written(max(0, over - asked.limit)) if over else None,
    }


def _written(over: int) -> str:
    return write_cursor(Cursor(over, NOBODY), RELEVANCE)


def _read(text: str) -> int:
    return int(read_cursor(text, RELEVANCE).value)


async def _marked(conn: Reading, found: Found, query: Query, by: Asking) -> Mapping[UUID, Marked]:
    """Why each case of the page was found: in its line, or else in its texts."""
    internal = by.by.sees_internal
    lines = [line for _, line in found.rows]
    marked = {line.id: highlights.of_line(line, query, tags=internal) for line in lines}
    if left := [id_ for id_, one in marked.items() if not one.is_complete]:
        for text in await texts.of_cases(conn, left, internal=internal):
            marked[text.case_id].look(text.field, text.text)
    return marked
