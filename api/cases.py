"""What can be read of cases over HTTP: the list, one case, its history."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response

from api.bodies import Detail, Happened, Listed, detail, happened, summary
from api.cursors import read_cursor, write_cursor
from api.deps import READING, SECURITY, Asking, By, case_id
from domain.errors import CaseUnknown
from domain.fold import case_of
from domain.sight import sees
from domain.values import Key, Severity, Status
from projections import access, cases
from projections.cases import Filter

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

PAGE: Final = 25


@router.get("", openapi_extra=READING)
async def listed(
    by: By,
    status: Literal["open", "all"] | Status = "open",
    application: Key | None = None,
    severity: Severity | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Listed:
    """The cases that one sees, the last changed first, 25 a page."""
    await _reached(by)
    publicly = by.by.is_customer
    wanted, seen = Filter(status, application, severity), access.visible_to(by.by)
    after = read_cursor(cursor) if cursor else None
    async with by.given.reads.connection() as conn:
        rows = await cases.listed(conn, wanted, seen, publicly=publicly, after=after, most=PAGE + 1)
        total, exact = await cases.counted(conn, wanted, seen, exactly=publicly)
    shown = [await summary(row, by) for row in rows[:PAGE]]
    last = shown[-1] if len(rows) > PAGE else None
    return Listed(
        cases=shown,
        total=total,
        total_is_exact=exact,
        next=write_cursor(last.modified_at, last.id) if last else None,
    )


@router.get("/{case}", openapi_extra=READING)
async def one(case: str, by: By, response: Response) -> Detail:
    """A case as it is now."""
    await _reached(by)
    async with by.given.reads.connection() as conn:
        row = await cases.one(conn, case_id(by.given, case), access.visible_to(by.by))
    if row is None:
        raise CaseUnknown
    found = await detail(row, by)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.get("/{case}/events", openapi_extra=SECURITY)
async def events(case: str, by: By) -> list[Happened]:
    """The history of a case, in order; what a viewer may not see is there as withheld."""
    history = await by.given.store.history(case_id(by.given, case))
    found = case_of(history)
    if found is None or not sees(found, by.by.person, by.by):
        raise CaseUnknown
    return [happened(recorded, found, by.by) for recorded in history]


async def _reached(by: Asking) -> None:
    if by.at_least is not None:
        await by.given.positions.wait(by.at_least, (access.NAME, cases.NAME))
