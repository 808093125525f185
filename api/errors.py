"""What a refusal or a failure is over HTTP: RFC 9457 problems, from one table."""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.attachments import FileGone, FileUnknown, RangeNotThere
from api.auth import NoScopeForThat, NotOnTheirBehalf, ScopeMissing, TokenRefused
from api.configuration import AnotherCalendar
from api.cursors import CursorNotOurs
from api.deps import HeaderRefused
from api.exporting import ColumnUnknown
from api.feed import EventUnknown, ProcessEnds, ReaderTooSlow, RightsChanged
from api.filters import FilterForTheDesk
from api.following import EpochDiffers
from api.limits import BodyTooLarge
from api.links import LinkUnknown
from api.lists import NothingToRank
from api.notifications import NotificationUnknown
from api.passage import passage_of
from api.people import AddressTaken, SuccessorRequired
from api.rates import TooManyRequests
from api.read_models import OperationUnknown, ReadModelUnknown
from api.signing_in import NotSignedIn, PasswordRefused, SignInPaused
from api.strict import MalformedJson, NotJson
from api.subscriptions import NotSetAside, TypeUnknown
from api.tokens import ScopesRequired, TokenUnknown, TwoTokensLive
from api.views import TooManyViews, ViewUnknown
from domain import errors as no
from domain.runtime.appending import (
    CommandRefused,
    OutcomeUnknown,
    QueueClosed,
    QueueFull,
)
from domain.runtime.blobs import FileDamaged, FilesAway
from domain.runtime.database import DATABASE_AWAY
from domain.runtime.frames import StateTooLarge
from domain.runtime.scanner import FileInfected, ScannerAway
from domain.runtime.uploads import DigestDiffers, FileEmpty, PartMissing
from domain.runtime.waiting import FileTooLarge, TooManyUploads, UploadComplete, UploadNotThere
from projections.finding import SearchTooBroad
from projections.positions import AheadOfTheLog, BeyondTheHead, NotYetThere


class TookTooLong(Exception):
    """This took too long. A command may have been carried out: send it again under the same key."""


MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "/problems/"

# The first class of an exception's line of descent that stands here decides.
STATUS: Final[Mapping[type[Exception], HTTPStatus]] = MappingProxyType({
    TokenRefused: HTTPStatus.UNAUTHORIZED,
    ScopeMissing: HTTPStatus.FORBIDDEN,
    NoScopeForThat: HTTPStatus.FORBIDDEN,
    NotOnTheirBehalf: HTTPStatus.FORBIDDEN,
    no.CaseUnknown: HTTPStatus.NOT_FOUND,
    no.DocumentUnknown: HTTPStatus.NOT_FOUND,
    no.RoleMayNot: HTTPStatus.FORBIDDEN,
    no.OwnRoles: HTTPStatus.FORBIDDEN,
    no.VersionDiffers: HTTPStatus.PRECONDITION_FAILED,
    no.CommandIdTaken: HTTPStatus.CONFLICT,
    no.Conflict: HTTPStatus.CONFLICT,
    no.NotPermitted: HTTPStatus.CONFLICT,
    no.Refusal: HTTPStatus.UNPROCESSABLE_ENTITY,
    CursorNotOurs: HTTPStatus.BAD_REQUEST,
    HeaderRefused: HTTPStatus.BAD_REQUEST,
    BeyondTheHead: HTTPStatus.BAD_REQUEST,
    AheadOfTheLog: HTTPStatus.CONFLICT,
    EpochDiffers: HTTPStatus.CONFLICT,
    EventUnknown: HTTPStatus.NOT_FOUND,
    ReaderTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    RightsChanged: HTTPStatus.FORBIDDEN,
    ProcessEnds: HTTPStatus.SERVICE_UNAVAILABLE,
    FilterForTheDesk: HTTPStatus.FORBIDDEN,
    AnotherCalendar: HTTPStatus.UNPROCESSABLE_ENTITY,
    SuccessorRequired: HTTPStatus.CONFLICT,
    AddressTaken: HTTPStatus.CONFLICT,
    TokenUnknown: HTTPStatus.NOT_FOUND,
    ScopesRequired: HTTPStatus.UNPROCESSABLE_ENTITY,
    TwoTokensLive: HTTPStatus.CONFLICT,
    NothingToRank: HTTPStatus.UNPROCESSABLE_ENTITY,
    SearchTooBroad: HTTPStatus.UNPROCESSABLE_ENTITY,
    FileUnknown: HTTPStatus.NOT_FOUND,
    FileGone: HTTPStatus.GONE,
    RangeNotThere: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    FileDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    FilesAway: HTTPStatus.SERVICE_UNAVAILABLE,
    UploadNotThere: HTTPStatus.NOT_FOUND,
    UploadComplete: HTTPStatus.CONFLICT,
    FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooManyUploads: HTTPStatus.CONFLICT,
    FileEmpty: HTTPStatus.UNPROCESSABLE_ENTITY,
    PartMissing: HTTPStatus.CONFLICT,
    DigestDiffers: HTTPStatus.CONFLICT,
    FileInfected: HTTPStatus.UNPROCESSABLE_ENTITY,
    ScannerAway: HTTPStatus.SERVICE_UNAVAILABLE,
    TypeUnknown: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotSetAside: HTTPStatus.NOT_FOUND,
    NotificationUnknown: HTTPStatus.NOT_FOUND,
    ViewUnknown: HTTPStatus.NOT_FOUND,
    TooManyViews: HTTPStatus.CONFLICT,
    ColumnUnknown: HTTPStatus.UNPROCESSABLE_ENTITY,
    ReadModelUnknown: HTTPStatus.UNPROCESSABLE_ENTITY,
    OperationUnknown: HTTPStatus.NOT_FOUND,
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    SignInPaused: HTTPStatus.TOO_MANY_REQUESTS,
    LinkUnknown: HTTPStatus.NOT_FOUND,
    PasswordRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotYetThere: HTTPStatus.SERVICE_UNAVAILABLE,
    MalformedJson: HTTPStatus.BAD_REQUEST,
    NotJson: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    TookTooLong: HTTPStatus.SERVICE_UNAVAILABLE,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    StateTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    QueueFull: HTTPStatus.SERVICE_UNAVAILABLE,
    QueueClosed: HTTPStatus.SERVICE_UNAVAILABLE,
    OutcomeUnknown: HTTPStatus.SERVICE_UNAVAILABLE,
    CommandRefused: HTTPStatus.INTERNAL_SERVER_ERROR,
    **dict.fromkeys(DATABASE_AWAY, HTTPStatus.SERVICE_UNAVAILABLE),
})  # fmt: skip

AWAY: Final = "The database does not answer; try again."
UNEXPECTED: Final = "Something went wrong here. It was logged; nothing of the request was done."
# What the framework refuses by itself.
PLAIN: Final[Mapping[HTTPStatus, tuple[str, str]]] = MappingProxyType({
    HTTPStatus.BAD_REQUEST: ("bad request", "The request cannot be understood."),
    HTTPStatus.NOT_FOUND: ("not found", "There is nothing at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method not allowed", "This address has another method."),
})  # fmt: skip
REQUEST_FAILED: Final = "request_failed"
log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Every error of the application is a problem."""
    for kind in STATUS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def problem_of(request: Request, error: Exception) -> Response:
    """The problem that an error is, by the handlers that `install` gave to the application."""
    handlers = request.app.exception_handlers
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    response: Response = await handler(request, error)
    return response


def problem(
    request: Request,
    status: HTTPStatus,
    kind: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """An answer of RFC 9457. `kind` is the stable last part of its type; `more` its extensions."""
    body = {
        "type": TYPES + kind.replace(" ", "-"),
        "title": kind[:1].upper() + kind[1:],
        "status": int(status),
        "detail": detail,
        "request_id": passage_of(request.scope).id,
        **jsonable_encoder(more or {}),
    }
    return JSONResponse(body, status, headers, MEDIA_TYPE)


async def _known(request: Request, error: Exception) -> JSONResponse:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if isinstance(error, no.Refusal):
        return problem(request, status, error.rule, str(error), more=_details(error))
    if isinstance(error, DATABASE_AWAY):
        return problem(request, status, "database away", AWAY, {"Retry-After": "2"})
    headers: dict[str, str] = {}
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        wait: timedelta = getattr(error, "retry_after", timedelta(seconds=1))
        headers["Retry-After"] = str(max(1, ceil(wait.total_seconds())))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ScopeMissing):  # RFC 6750, 3.1
        challenge = f'Bearer error="insufficient_scope", scope="{error.scope}"'
        headers["WWW-Authenticate"] = challenge
    return problem(request, status, in_words(type(error)), _sentence(error), headers)


def _details(error: no.Refusal) -> dict[str, Any]:
    """A refusal's keywords, but for those that RFC 9457 has names for."""
    reserved = {"type", "title", "status", "detail", "instance", "request_id"}
    return {name: value for name, value in error.details.items() if name not in reserved}


def in_words(kind: type[Exception]) -> str:
    """The name of an error as a type of problem has it, but for the hyphens."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()


def _sentence(error: Exception) -> str:
    return str(error) or " ".join((type(error).__doc__ or "").split())


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Where the request is not what it should be. Never what it was: it may be a secret."""
    assert isinstance(error, RequestValidationError), "it is installed for nothing else"
    wrong = [
        {"pointer": _pointer(one["loc"]), "detail": one["msg"].removeprefix("Value error, ")}
        for one in error.errors()
    ]
    status, said = HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not as it must be."
    return problem(request, status, "invalid request", said, more={"errors": wrong})


def _pointer(where: tuple[int | str, ...]) -> str:
    """A JSON pointer into the body (RFC 6901), or the name of a parameter or header."""
    source, *path = where
    if source != "body":
        return f"{source}: {path[0]}" if path else str(source)
    return "#" + "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), "it is installed for nothing else"
    status = HTTPStatus(error.status_code)
    kind, said = PLAIN[status]
    return problem(request, status, kind, said, error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    route = passage_of(request.scope).route
    log.error(
        REQUEST_FAILED, route=getattr(request.scope.get("route"), "path", route), exc_info=error
    )
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected error", UNEXPECTED)
