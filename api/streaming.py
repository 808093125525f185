"""The feed as it happens: server-sent events that resume, and a line an event.

Source: HTML, 9.2 (server-sent events).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.deps import READING
from api.feed import HIGHEST, Viewed
from api.following import View
from api.lasting import BEAT_SECONDS, TICK_SECONDS, TYPE, Lasting, still
from api.tail import within

router = APIRouter(prefix="/api/v1", tags=["feed"])

PAGE: Final = 100
LINES: Final = 1_000


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
        await still(request, view.by)
        async with view.by.given.tail.turn:
            page = await view.page(after, LINES, end)
            told = await view.told(page)
        yield b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in told)
        if page.through <= after:
            return  # a read model was emptied meanwhile
        after = page.through


class EventStream(Lasting):
    """Events until the reader goes, may not go on, or does not keep up."""

    def __init__(self, request: Request, view: View, after: int, to: int | None) -> None:
        super().__init__(request, view.by)
        self._view, self._at, self._to = view, after, to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, while the end of the log is looked at."""
        with self.by.given.tail.attended():
            await super().__call__(scope, receive, send)

    async def _chunks(self) -> AsyncIterator[bytes]:
        clock, tail = asyncio.get_running_loop().time, self.by.given.tail
        beat = clock() + BEAT_SECONDS
        while self._to is None or self._at < self._to:
            movement = tail.movement
            await still(self.request, self.by)
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


def _message(event: dict[str, Any]) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (int(event["sequence"]), orjson.dumps(event))
