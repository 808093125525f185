"""One POST for each command: described by FastAPI, carried out by one function.

FastAPI's own way from a request to an endpoint costs more than all that a command does. So its
routes stand here as the description of the API, and `Commands` answers before they are reached.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asked

from api import metrics
from api.auth import Scope
from api.bodies import PATHS, Answer, answer
from api.deps import WRITING, Asking, asking, case_id
from api.errors import problem_of
from api.passage import passage_of
from api.strict import check, check_type
from domain.commands import Command, Create

CASES: Final = "/api/v1/cases"
KINDS: Final = {path: kind for kind, path in PATHS.items()}


class CommandRoute(APIRoute):
    """The route of one kind of command: `POST /cases`, `POST /cases/{case}/escalate`."""

    def __init__(self, kind: type[Command]) -> None:
        path = CASES if kind is Create else f"{CASES}/{{case}}/{PATHS[kind]}"
        super().__init__(
            path,
            _described(kind),
            methods=["POST"],
            tags=["cases"],
            status_code=201 if kind is Create else 200,
            response_model=Answer,
            openapi_extra=WRITING,
            operation_id=kind.verb().replace(" ", "_"),
        )


class Commands:
    """The outermost layer of the application: carries out commands, and hands on all the rest."""

    def __init__(self, otherwise: ASGIApp) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        found = _command_of(scope)
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        kind = found[0]
        passage = passage_of(scope)
        passage.route = CASES if kind is Create else f"{CASES}/{{case}}/{kind.path()}"
        request = Request(scope, receive)
        try:
            response = await _answered(request, *found)
        except Exception as error:  # noqa: BLE001  each is a problem, the unexpected one too
            response = await problem_of(request, error)
        metrics.commanded(kind.path(), response.status_code)
        await response(scope, receive, send)


def _command_of(scope: Asked) -> tuple[type[Command], str | None] | None:
    """The command that a request asks for, and of which case; None: it asks for something else."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(CASES):
        return None
    match scope["path"][len(CASES) :].split("/"):
        case [""]:
            return Create, None
        case ["", case, path] if path in KINDS:
            return KINDS[path], case
    return None


async def _answered(request: Request, kind: type[Command], reference: str | None) -> Response:
    by = await asking(request)
    by.needs(Scope.CASES_WRITE)
    check_type(request.headers.get("content-type"))
    command = _parsed(kind, await request.body())
    case = case_id(by.given, reference) if reference is not None else None
    return await carried_out(case, command, by)


async def carried_out(case: UUID | None, command: Command, by: Asking) -> Response:
    """The answer to a command; `case` None is for what makes one."""
    outcome = await by.given.store.handle(
        case, command, by=by.by, cause=by.cause, key=by.key, expecting=by.expecting
    )
    found = outcome.case
    headers = {"ETag": f'"{found.version_for(by.by)}"', "Position": str(outcome.position)}
    if case is None:
        headers["Location"] = f"{CASES}/{found.id}"
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    body = await answer(outcome, by.by, by.given.store)
    return Response(body, 201 if case is None else 200, headers, "application/json")


def _parsed(kind: type[Command], body: bytes) -> Command:
    check(body)
    try:
        return kind.model_validate_json(body)
    except ValidationError as wrong:
        errors: list[Any] = wrong.errors(include_url=False, include_input=False)
        located = [{**error, "loc": ("body", *error["loc"])} for error in errors]
        raise RequestValidationError(located) from None


def _described(kind: type[Command]) -> Callable[..., Awaitable[Answer]]:
    """The endpoint as FastAPI describes it; `Commands` is asked before it."""

    async def create(command: Command) -> Answer:
        raise AssertionError(f"{command} is carried out by Commands")

    async def on_a_case(case: str, command: Command) -> Answer:
        raise AssertionError(f"{command} of {case} is carried out by Commands")

    endpoint = create if kind is Create else on_a_case
    endpoint.__doc__ = kind.__doc__
    endpoint.__name__ = kind.verb().replace(" ", "_")
    endpoint.__annotations__["command"] = kind
    return endpoint


COMMANDS: Final[tuple[type[Command], ...]] = (Create, *PATHS)
ROUTES: Final = tuple(CommandRoute(kind) for kind in COMMANDS)
