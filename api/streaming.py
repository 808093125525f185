"""The feed as it happens: server-sent events that resume, and a line an event.

Source: HTML, 9.2 (server-sent events).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
import structlog
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.deps import READING, signed_again
from api.errors import problem_of
from api.feed import HIGHEST, ProcessEnds, ReaderTooSlow, RightsChanged, Viewed
from api.following import View
from api.passage import passage_of
from api.serving import cut
from api.tail import within

router = APIRouter(prefix="/api/v1", tags=["feed"])

TICK_SECONDS: Final = 0.4  # how soon it is seen that rights are gone, or that the process ends
BEAT_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 10.0  # for a reader to make room
PAGE: Final = 100
LINES: Final = 1_000
PIECE: Final = 32 * 1024  # bytes that are sent before one asks whether the reader keeps up
TYPE: Final = "text/event-stream"
READER_CUT: Final = "stream_reader_cut"
log = structlog.get_logger()


@router.get(
    "/events/stream",
    openapi_extra=READING,
    response_class=Response,
    responses={200: {"content": {TYPE: {}}}},
)
async def stream_events(
    request: Request,
    view: Viewed,
    after: Annotated[int, Query(ge=0, lt=HIGHEST, description="Begin behind this position.")] = 0,
    to: Annotated[
        int | None, Query(ge=0, lt=HIGHEST, description="End there; else it never ends.")
    ] = None,
    last: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, lt=HIGHEST, description="Goes before `after`."),
    ] = None,
) -> Response:
    """What happened and what happens, in the order of the log, as server-sent events.

    The `id` of each is its position, and its data a CloudEvent as in a page of the feed. An id
    alone is a heartbeat: up to there nothing is missing. What ends the stream is an event `problem`
    whose data is a problem; go on with the last id.
    """
    begin = after if last is None else last
    await view.head(begin)
    return EventStream(request, view, begin, to)


@router.get(
    "/events.ndjson",
    openapi_extra=READING,
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
async def export_events(
    request: Request,
    view: Viewed,
    first: Annotated[
        int, Query(alias="from", ge=1, lt=HIGHEST, description="The first position.")
    ] = 1,
    to: Annotated[
        int | None, Query(ge=0, lt=HIGHEST, description="The last one; else the last there is.")
    ] = None,
) -> StreamingResponse:
    """A stretch of the feed as a file: a CloudEvent a line.

    `Through` says up to where it is complete.
    """
    head = await view.head(first - 1)
    end = min(head if to is None else to, await view.through(head))
    headers = {
        "Content-Disposition": f'attachment; filename="casebook-events-{first}-{end}.ndjson"',
        "Through": str(end),
    }
    lines = _lines(request, view, first - 1, end)
    return StreamingResponse(lines, 200, headers, "application/x-ndjson")


async def _lines(request: Request, view: View, after: int, end: int) -> AsyncIterator[bytes]:
    """Page by page, each with the rights that the reader has then."""
    while after < end:
        await _still(request, view)
        async with view.by.given.tail.turn:
            page = await view.page(after, LINES, end)
            told = await view.told(page)
        yield b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in told)
        if page.through <= after:
            return  # a read model was emptied meanwhile
        after = page.through


async def _still(request: Request, view: View) -> None:
    """Refuses to go on for whoever may not any more, or not as before."""
    signed = await signed_again(request)
    if (signed.by, signed.scopes) != (view.by.by, view.by.signed.scopes):
        raise RightsChanged
    if view.by.given.leaving.is_set():
        raise ProcessEnds


class EventStream(Response):
    """Events until the reader goes, may not go on, or does not keep up."""

    def __init__(self, request: Request, view: View, after: int, to: int | None) -> None:
        self.status_code, self.background = 200, None
        self.init_headers({"content-type": TYPE, "x-accel-buffering": "no"})
        self._request, self._view, self._at, self._to = request, view, after, to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""
        passage_of(scope).endless = True
        begin = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(begin)
        work = asyncio.create_task(self._run(scope, send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, gone):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _run(self, scope: Scope, send: Send) -> None:
        """Sends what there is, then what comes; says why it ends."""
        last = b""
        try:
            await self._send(send, b"retry: 1000\n" + self._beat())
            async for chunk in self._chunks():
                for begin in range(0, len(chunk), PIECE):
                    await self._send(send, chunk[begin : begin + PIECE])
        except Exception as error:  # noqa: BLE001  told like any other, in the stream
            if isinstance(error, ReaderTooSlow | ProcessEnds):
                cut(scope)
            told = await problem_of(self._request, error)
            last = b"event: problem\ndata: %b\n\n" % bytes(told.body)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _chunks(self) -> AsyncIterator[bytes]:
        clock, tail = asyncio.get_running_loop().time, self._view.by.given.tail
        beat = clock() + BEAT_SECONDS
        while self._to is None or self._at < self._to:
            movement = tail.movement
            await _still(self._request, self._view)
            before = self._at
            yield await self._next()
            if self._at == before:
                await within(TICK_SECONDS, movement)
            if clock() >= beat:
                yield self._beat()
                beat = clock() + BEAT_SECONDS
        yield self._beat()

    def _beat(self) -> bytes:
        return b"id: %d\n\n" % self._at

    async def _next(self) -> bytes:
        """What comes behind where the stream is; nothing where it is at the end."""
        view = self._view
        self._at = view.nothing_until(self._at)
        up_to = view.end if self._to is None else min(view.end, self._to)
        if self._at >= up_to:
            return b""
        async with view.by.given.tail.turn:
            page = await view.page(self._at, PAGE, up_to)
            told = await view.told(page)
        self._at = page.through
        return b"".join(_message(event) for event in told)

    async def _send(self, send: Send, chunk: bytes) -> None:
        """Waits for a slow reader for a while, and not behind the back of whoever ends it."""
        clock = asyncio.get_running_loop().time
        body = {"type": "http.response.body", "body": chunk, "more_body": True}
        sent = asyncio.ensure_future(send(body))
        until = clock() + SLOW_SECONDS
        try:
            while not (await asyncio.wait({sent}, timeout=TICK_SECONDS))[0]:
                if self._view.by.given.leaving.is_set():
                    raise ProcessEnds
                if clock() > until:
                    log.warning(READER_CUT, at=self._at)
                    raise ReaderTooSlow
            sent.result()
        finally:
            sent.cancel()


def _message(event: dict[str, Any]) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (int(event["sequence"]), orjson.dumps(event))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
