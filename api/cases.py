"""Cases over HTTP: one POST for each command, and what can be read of a case."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.bodies import Answer, Detail, Happened, Listed, answer, detail, happened, summary
from api.cursors import read_cursor, write_cursor
from api.deps import AtLeast, By, Given, IfMatch, Key, Services, Why
from domain.commands import CaseCommand, Command, Create, Erase, Forget
from domain.errors import CaseUnknown
from domain.fold import case_of
from domain.permitted import sees
from domain.runtime.store import Outcome
from domain.values import Actor, Severity, Status
from projections import access, cases
from projections.cases import Filter

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

PAGE: Final = 25
AT_THE_COMMAND_LINE: Final = frozenset({Erase, Forget})
ON_A_CASE: Final[tuple[type[Command], ...]] = tuple(
    command for command in get_args(CaseCommand) if command not in {Create, *AT_THE_COMMAND_LINE}
)


@router.post("", status_code=201)
async def create(
    command: Create, given: Given, by: By, cause: Why, response: Response, key: Key = None
) -> Answer:
    """Raise a case. Account and contact are preset to one's own."""
    outcome = await given.store.handle(None, command, by=by, cause=cause, key=key)
    response.headers["Location"] = f"{router.prefix}/{outcome.case.id}"
    return await _answered(given, outcome, by, response)


def _route(kind: type[Command]) -> Callable[..., Awaitable[Answer]]:
    async def carry_out(
        case: str,
        command: Command,
        given: Given,
        by: By,
        cause: Why,
        response: Response,
        key: Key = None,
        expecting: IfMatch = None,
    ) -> Answer:
        outcome = await given.store.handle(
            _id(given, case), command, by=by, cause=cause, key=key, expecting=expecting
        )
        return await _answered(given, outcome, by, response)

    carry_out.__doc__ = kind.__doc__
    carry_out.__name__ = kind.verb().replace(" ", "_")
    carry_out.__annotations__["command"] = kind
    return carry_out


for _command in ON_A_CASE:
    router.post(f"/{{case}}/{_command.path()}")(_route(_command))


@router.get("")
async def listed(
    given: Given,
    by: By,
    status: Literal["open", "all"] | Status = "open",
    application: Annotated[str | None, Query(max_length=63)] = None,
    severity: Severity | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    at_least: AtLeast = None,
) -> Listed:
    """The cases that one sees, the last changed first, 25 a page."""
    await _reached(given, at_least)
    wanted, seen = Filter(status, application, severity), access.visible_to(by)
    after = read_cursor(cursor) if cursor else None
    async with given.reads.connection() as conn:
        rows = await cases.listed(
            conn, wanted, seen, publicly=by.is_customer, after=after, most=PAGE + 1
        )
        total, exact = await cases.counted(conn, wanted, seen, exactly=by.is_customer)
    shown = [await summary(row, by, given) for row in rows[:PAGE]]
    last = shown[-1] if len(rows) > PAGE else None
    return Listed(
        cases=shown,
        total=total,
        total_is_exact=exact,
        next=write_cursor(last.modified_at, last.id) if last else None,
    )


@router.get("/{case}")
async def one(
    case: str, given: Given, by: By, response: Response, at_least: AtLeast = None
) -> Detail:
    """A case as it is now."""
    await _reached(given, at_least)
    async with given.reads.connection() as conn:
        row = await cases.one(conn, _id(given, case), access.visible_to(by))
    if row is None:
        raise CaseUnknown
    found = await detail(row, by, given)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.get("/{case}/events")
async def events(case: str, given: Given, by: By) -> list[Happened]:
    """The history of a case, in order; what a viewer may not see is there as withheld."""
    history = await given.store.history(_id(given, case))
    found = case_of(history)
    if found is None or not sees(found, by.person, by):
        raise CaseUnknown
    return [happened(recorded, found, by) for recorded in history]


def _id(given: Services, case: str) -> UUID:
    try:
        return given.store.lookup.case_id(case)
    except ValueError:
        raise CaseUnknown from None


async def _reached(given: Services, at_least: int | None) -> None:
    if at_least is not None:
        await given.positions.wait(at_least, (access.NAME, cases.NAME))


async def _answered(given: Services, outcome: Outcome, by: Actor, response: Response) -> Answer:
    found = await answer(outcome, by, given)
    response.headers["ETag"] = f'"{found.version}"'
    response.headers["Position"] = str(found.position)
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return found
