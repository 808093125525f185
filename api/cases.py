"""What can be read of cases over HTTP: the list, one case, its history."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.bodies import Detail, Happened, Listed, detail, happened, other_case, summary
from api.cursors import read_cursor, write_cursor
from api.deps import READING, Asking, By, case_id
from domain.case import Case
from domain.errors import CaseUnknown
from domain.fold import case_of, evolve
from domain.recorded import Recorded
from domain.sight import sees
from domain.values import Instant, Key, Severity, Status
from projections import access, cases
from projections.cases import CaseRow, Filter, row_of

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
    publicly = not by.by.sees_internal
    wanted, seen = Filter(status, application, severity), access.visible_to(by.by)
    after = read_cursor(cursor) if cursor else None
    async with by.given.reads.connection() as conn:
        rows = await cases.listed(conn, wanted, seen, publicly=publicly, after=after, most=PAGE + 1)
        total, exact = await cases.counted(conn, wanted, seen, exactly=by.by.is_customer)
    shown = [await summary(row, by) for row in rows[:PAGE]]
    last = shown[-1] if len(rows) > PAGE else None
    return Listed(
        cases=shown,
        total=total,
        total_is_exact=exact,
        next=write_cursor(last.modified_at, last.id) if last else None,
    )


@router.get("/{case}", openapi_extra=READING)
async def one(
    case: str,
    by: By,
    response: Response,
    at: Instant | None = None,
    version: Annotated[int | None, Query(ge=1)] = None,
) -> Detail:
    """A case as it is now, or as it was: `at` an instant, or at a version that one was shown."""
    await _reached(by)
    reference = case_id(by.given, case)
    if at is None and version is None:
        async with by.given.reads.connection() as conn:
            row = await cases.one(conn, reference, access.visible_to(by.by))
    else:
        row = await _then(reference, by, at, version)
    if row is None:
        raise CaseUnknown
    found = await detail(row, by)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.get("/{case}/events", openapi_extra=READING)
async def events(case: str, by: By) -> list[Happened]:
    """The history of a case, in order; what a viewer may not see is there as withheld."""
    await _reached(by)
    history = await by.given.store.history(case_id(by.given, case))
    found = case_of(history)
    if found is None or not sees(found, by.by.person, by.by):
        raise CaseUnknown
    unseen = await _unseen(history, by)
    return [happened(recorded, found, by.by, unseen) for recorded in history]


async def _unseen(history: Sequence[Recorded], by: Asking) -> Collection[UUID]:
    """Which of the cases that these events name do not exist for the viewer."""
    others = {other for recorded in history if (other := other_case(recorded.event))}
    if not others or not by.by.is_customer or by.by.sees_account:
        return ()  # whatever is public in a case of theirs is a case of the account
    async with by.given.reads.connection() as conn:
        return others - await cases.those_seen(conn, others, access.visible_to(by.by))


async def _then(case: UUID, by: Asking, at: datetime | None, version: int | None) -> CaseRow | None:
    """What existed then, as far as the viewer may see it now."""
    history = await by.given.store.history(case)
    now = case_of(history)
    if now is None or not sees(now, by.by.person, by.by):
        return None
    then: Case | None = None
    for recorded in history:
        later = evolve(then, recorded)
        past = at is not None and recorded.at > at
        if past or (version is not None and later.version_for(by.by) > version):
            break
        then = later
    return row_of(then) if then else None


async def _reached(by: Asking) -> None:
    if by.at_least is not None:
        await by.given.positions.wait(by.at_least, (access.NAME, cases.NAME))
