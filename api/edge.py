"""The outermost layer: every request has an id, a limit of time, and headers that keep it safe."""

import asyncio
import re
from time import perf_counter
from typing import Final
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from api.errors import TookTooLong, problem_of
from api.limits import FILE_SECONDS, limited, takes_files
from api.passage import KEY, Passage
from domain.runtime.settings import Settings

_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,200}")
# An answer is nobody's but the client's: not to be guessed at, framed, stored or told to others.
ALWAYS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
BY_DEFAULT: Final = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
SLOW: Final = "request_took_too_long"
log = structlog.get_logger()


class Edge:
    """Lets each request through, once."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._seconds = app, settings.request_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = Passage(_request_id(scope))
        scope[KEY] = passage
        structlog.contextvars.bind_contextvars(request_id=passage.id)
        files = takes_files(scope["path"], scope["method"])
        seconds = max(self._seconds, FILE_SECONDS) if files else self._seconds
        began, limit = perf_counter(), asyncio.timeout(seconds)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                if not limit.expired():  # how fast a long answer is read is not ours to limit
                    limit.reschedule(None)
                passage.status = message["status"]
                passage.took = perf_counter() - began
                message = {**message, "headers": _safe(message["headers"], passage)}
            await send(message)

        # PostgreSQL's texts have no NUL, so nothing that is asked for has one.
        whole = "\0" not in scope["path"] and b"%00" not in scope["query_string"]
        try:
            async with limit:
                body = receive if files else limited(receive)
                await (self._app if whole else _refused)(scope, body, sending)
        except TimeoutError:
            log.warning(SLOW, route=passage.route)
            if not passage.status:
                response = await problem_of(Request(scope), TookTooLong())
                await response(scope, receive, sending)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")
            took = passage.took if passage.endless else perf_counter() - began
            metrics.answered(scope, passage.route, passage.status, took)


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    response = await problem_of(Request(scope), HTTPException(400))
    await response(scope, receive, send)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return uuid4().hex


def _safe(headers: list[tuple[bytes, bytes]], passage: Passage) -> list[tuple[bytes, bytes]]:
    """The headers of an answer and those that all answers have."""
    own = {name for name, _ in headers}
    more = [*ALWAYS, (b"request-id", passage.id.encode())]
    more += [(name, value) for name, value in BY_DEFAULT.items() if name not in own]
    if passage.limit:
        policy, left = passage.limit
        more += [(b"ratelimit-policy", policy), (b"ratelimit", left)]
    return [*headers, *more]
