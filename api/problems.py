"""Every problem that can be answered: its type, when it is, and what it means."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.errors import AWAY, PLAIN, STATUS, TYPES, UNEXPECTED, in_words
from api.page import page
from domain import errors as no
from domain.errors import Refusal
from domain.runtime.database import DATABASE_AWAY

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem. In `detail`, what stands in braces is told in the problem itself."""

    name: str
    status: HTTPStatus
    detail: str
    refusal: type[Refusal] | None = None

    @property
    def title(self) -> str:
        """The name in words."""
        words = self.name.replace("-", " ")
        return words[:1].upper() + words[1:]

    def example(self) -> dict[str, Any]:
        """A problem of this type."""
        shown = {
            "type": TYPES + self.name,
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "request_id": "5f1c6f0e6f4b4c0e9a0d6d2c8e7f3b1a",
        }
        if self.name == "invalid-request":
            shown["errors"] = [{"pointer": "#/comment", "detail": "Field required"}]
        return shown


def _refusals(of: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _refusals(kind)


# These stand for their kind and are never answered themselves.
_ABSTRACT: Final = {no.NotPermitted, no.Unfit, no.DocumentRefusal, no.Conflict}


def _all() -> Iterator[Kind]:
    for refusal in _refusals():
        if refusal not in _ABSTRACT:
            status = next(STATUS[kind] for kind in refusal.__mro__ if kind in STATUS)
            yield Kind(_slug(refusal.rule), status, refusal.message, refusal)
    for error, status in STATUS.items():
        if not issubclass(error, (Refusal, *DATABASE_AWAY)):
            yield Kind(_slug(in_words(error)), status, " ".join((error.__doc__ or "").split()))
    for status, (name, detail) in PLAIN.items():
        yield Kind(_slug(name), status, detail)
    wrong = HTTPStatus.UNPROCESSABLE_ENTITY
    yield Kind("invalid-request", wrong, "The request is not as it must be.")
    yield Kind("database-away", HTTPStatus.SERVICE_UNAVAILABLE, AWAY)
    yield Kind("unexpected-error", HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)


def _slug(words: str) -> str:
    return words.replace(" ", "-")


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind for kind in sorted(_all(), key=lambda kind: kind.name)
}


@router.get("/problems")
async def all_problems(request: Request) -> Response:
    """Every type of problem, as a page or as JSON."""
    if "text/html" in request.headers.get("accept", ""):
        rows = "".join(_row(kind) for kind in KINDS.values())
        intro = (
            "<p>Whatever goes wrong is <code>application/problem+json</code> (RFC 9457)."
            " A type never changes its meaning; the words of a detail may."
            " Quote <code>request_id</code> when you ask us.</p>"
        )
        head = "<thead><tr><th>Type<th>Status<th>Detail</thead>"
        return page("Problems", f"{intro}<table>{head}<tbody>{rows}</table>")
    return JSONResponse([kind.example() for kind in KINDS.values()])


@router.get("/problems/{name}")
async def one_problem(name: str, request: Request) -> Response:
    """What a type of problem means: where the `type` of a problem leads."""
    if name not in KINDS:
        raise HTTPException(404)
    kind = KINDS[name]
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(kind.example())
    example = escape(json.dumps(kind.example(), indent=2))
    more = "<p><a href='/problems'>All problems</a></p>"
    said = f"<p>{escape(kind.detail)}</p><h2>Example</h2><pre>{example}</pre>{more}"
    return page(kind.title, said)


def _row(kind: Kind) -> str:
    name, detail = escape(kind.name), escape(kind.detail)
    return f"<tr><td><a href='/problems/{name}'>{name}</a><td>{kind.status:d}<td>{detail}"
