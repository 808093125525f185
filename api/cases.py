"""Cases over HTTP: one POST for each command, and what can be read of a case."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.bodies import Answer, Detail, Happened, Listed, answer, detail, happened, summary
from api.cursors import read_cursor, write_cursor
from api.deps import READING, SECURITY, WRITING, Asking, By, Services
from domain.commands import CaseCommand, Command, Create, Erase, Forget
from domain.errors import CaseUnknown
from domain.fold import case_of
from domain.permitted import sees
from domain.values import Severity, Status
from projections import access, cases
from projections.cases import Filter

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

PAGE: Final = 25
AT_THE_COMMAND_LINE: Final = frozenset({Erase, Forget})
ON_A_CASE: Final[tuple[type[Command], ...]] = tuple(
    command for command in get_args(CaseCommand) if command not in {Create, *AT_THE_COMMAND_LINE}
)


@router.post("", status_code=201, response_model=Answer, openapi_extra=WRITING)
async def create(command: Create, by: By) -> Response:
    """Raise a case. Account and contact are preset to one's own."""
    return await _carried_out(None, command, by, status=201)


def _route(kind: type[Command]) -> Callable[..., Awaitable[Response]]:
    async def carry_out(case: str, command: Command, by: By) -> Response:
        return await _carried_out(_id(by.given, case), command, by)

    carry_out.__doc__ = kind.__doc__
    carry_out.__name__ = kind.verb().replace(" ", "_")
    carry_out.__annotations__["command"] = kind
    return carry_out


for _command in ON_A_CASE:
    router.post(f"/{{case}}/{_command.path()}", response_model=Answer, openapi_extra=WRITING)(
        _route(_command)
    )


@router.get("", openapi_extra=READING)
async def listed(
    by: By,
    status: Literal["open", "all"] | Status = "open",
    application: Annotated[str | None, Query(max_length=63)] = None,
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
        row = await cases.one(conn, _id(by.given, case), access.visible_to(by.by))
    if row is None:
        raise CaseUnknown
    found = await detail(row, by)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.get("/{case}/events", openapi_extra=SECURITY)
async def events(case: str, by: By) -> list[Happened]:
    """The history of a case, in order; what a viewer may not see is there as withheld."""
    history = await by.given.store.history(_id(by.given, case))
    found = case_of(history)
    if found is None or not sees(found, by.by.person, by.by):
        raise CaseUnknown
    return [happened(recorded, found, by.by) for recorded in history]


def _id(given: Services, case: str) -> UUID:
    try:
        return given.store.lookup.case_id(case)
    except ValueError:
        raise CaseUnknown from None


async def _reached(by: Asking) -> None:
    if by.at_least is not None:
        await by.given.positions.wait(by.at_least, (access.NAME, cases.NAME))


async def _carried_out(
    case: UUID | None, command: Command, by: Asking, status: int = 200
) -> Response:
    outcome = await by.given.store.handle(
        case, command, by=by.by, cause=by.cause, key=by.key, expecting=by.expecting
    )
    found = outcome.case
    headers = {"ETag": f'"{found.version_for(by.by)}"', "Position": str(outcome.position)}
    if case is None:
        headers["Location"] = f"{router.prefix}/{found.id}"
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    body = await answer(outcome, by)
    return Response(body, status, headers, "application/json")
