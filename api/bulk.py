"""One command for many cases at once: a result for each, in the order in which they were named."""

import asyncio
from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, create_model, model_validator

from api.auth import Scope
from api.bodies import PATHS, Answer, answer
from api.deps import WRITING, Asking, By, HeaderRefused, case_id
from api.errors import problem_of
from api.strict import StrictRoute
from domain.commands import CaseReference, Command
from domain.values import Value

router = APIRouter(prefix="/api/v1/cases", tags=["cases"], route_class=StrictRoute)

MOST_CASES: Final = 100
AT_ONCE: Final = 16  # enough to share flushes, and few enough to leave room for others


class _Chosen(Value):
    @model_validator(mode="after")
    def _one(self) -> "_Chosen":
        if len(self.model_fields_set) != 1:
            msg = "exactly one command is required"
            raise ValueError(msg)
        return self

    @property
    def command(self) -> Command:
        """The command that is named."""
        (name,) = self.model_fields_set
        chosen: Command = getattr(self, name)
        return chosen


_FIELDS: Final[dict[str, Any]] = {
    path.replace("-", "_"): (kind, Field(default=None, alias=path)) for kind, path in PATHS.items()
}
ChosenCommand: Final = create_model(
    "ChosenCommand",
    __base__=_Chosen,
    __doc__="One command under its name: {'escalate': {'comment': 'We lose orders.'}}.",
    **_FIELDS,
)


class Bulk(Value):
    """One command for up to 100 cases, each named by number or id."""

    ids: Annotated[tuple[CaseReference, ...], Field(min_length=1, max_length=MOST_CASES)]
    command: ChosenCommand


class Result(BaseModel):
    """What came of the command for one case: the answer, or the problem, as it would be alone."""

    id: str
    status: int
    answer: Answer | None = None
    problem: dict[str, Any] | None = None


class Results(BaseModel):
    """One result for each case, in the order of `ids`."""

    results: list[Result]


@router.post("/bulk", response_model=Results, openapi_extra=WRITING)
async def bulk(asked: Bulk, request: Request, by: By) -> Response:
    """Carry out one command on many cases; each is done or refused by itself.

    Under an Idempotency-Key the whole request can be sent again: what was done is answered as the
    first time, and what was not is tried again.
    """
    by.needs(Scope.CASES_WRITE)
    if by.expecting is not None:
        raise HeaderRefused("If-Match", "left out: each case has a version of its own")
    chosen: _Chosen = asked.command
    # Under one key a case that is named twice is not written to twice.
    key = by.key or str(uuid4())
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(reference: str) -> dict[str, Any]:
        async with slots:
            return await _result(request, by, reference, chosen.command, key)

    results = await asyncio.gather(*(one(reference) for reference in asked.ids))
    return Response(orjson.dumps({"results": results}), media_type="application/json")


async def _result(
    request: Request, by: Asking, reference: str, command: Command, key: str
) -> dict[str, Any]:
    try:
        case = case_id(by.given, reference)
        outcome = await by.given.store.handle(
            case, command, by=by.by, cause=by.cause, key=f"{key} {case}"
        )
        told = orjson.Fragment(await answer(outcome, by.by, by.given.store))
    except Exception as error:  # noqa: BLE001  each is a problem, of this case alone
        problem = await problem_of(request, error)
        told = orjson.Fragment(bytes(problem.body))
        return {"id": reference, "status": problem.status_code, "problem": told}
    return {"id": reference, "status": 200, "answer": told}
