"""A page of a list: what is asked for, and what is answered."""

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, Field, model_validator

from api.bodies import Summary
from api.cursors import write_cursor
from api.deps import Asking
from api.filters import Filtered
from projections import access, cases, listing, search
from projections.cases import Line
from projections.listing import Cursor, Found, Wanted

MODELS: Final = (access.NAME, cases.NAME)
FINDING: Final = (*MODELS, search.NAME)
MOST_PAGE: Final = 100


class Highlight(BaseModel):
    """A text in which words were found, or the part of it that shows where.

    `field` is number, subject, customer_reference, external_ids, description, conversation or file;
    for the desk also tags and note. A range is [begin, end), in characters (code points).
    """

    field: str
    text: str
    ranges: list[tuple[int, int]]


class FoundCase(Summary):
    """A case in a list."""

    highlights: list[Highlight] | None = None
    """Where the words of `q` were found, what counts most first."""


class Meant(BaseModel):
    """A word of `q` that occurs in none of the cases, and those that were looked for instead."""

    typed: str
    meant: list[str]


class Listed(BaseModel):
    """A page of cases. `next` and `prev` are the cursors of the pages behind and before it."""

    cases: list[FoundCase]
    total: int
    total_is_exact: bool
    """False: there are more than `total`."""
    closed_matches: int | None
    """How many closed cases match where only open ones were asked for and there are none.

    Null too where counting them takes longer than 0.1 s."""
    did_you_mean: list[Meant] = []
    next: str | None
    prev: str | None


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


def counts_exactly(asked: Filtered, by: Asking) -> bool:
    """Whether cases are counted however many there are: within one account."""
    return by.by.is_customer or len(asked.account) == 1


def skipped(asked: Asked) -> int:
    """How many cases come before a page that is asked for by its number."""
    return ((asked.page or 1) - 1) * asked.limit


def page_of(found: Found, lines: list[dict[str, Any]], closed: int | None) -> dict[str, Any]:
    """The body of a list, but for the pages beside it."""
    return {
        "cases": lines,
        "total": listing.MOST_COUNTED if found.total is None else found.total,
        "total_is_exact": found.total is not None,
        "closed_matches": closed,
        "did_you_mean": [],
    }


def ways(found: Found, wanted: Wanted) -> dict[str, str | None]:
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
