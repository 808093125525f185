"""An answer that goes on: server-sent events until the reader goes or may not go on.

Source: HTML, 9.2 (server-sent events).
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Final

import structlog
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.deps import Asking, signed_again
from api.errors import problem_of
from api.feed import ProcessEnds, ReaderTooSlow, RightsChanged
from api.passage import passage_of
from api.serving import cut
from domain.runtime.tasks import ended

TICK_SECONDS: Final = 0.4  # how soon it is seen that rights are gone, or that the process ends
BEAT_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 10.0  # for a reader to make room
PIECE: Final = 32 * 1024  # bytes that are sent before one asks whether the reader keeps up
TYPE: Final = "text/event-stream"
READER_CUT: Final = "stream_reader_cut"
log = structlog.get_logger()


async def still(request: Request, by: Asking) -> None:
    """Refuses to go on for whoever may not any more, or not as before."""
    signed = await signed_again(request)
    if (signed.by, signed.scopes) != (by.by, by.signed.scopes):
        raise RightsChanged
    if by.given.leaving.is_set():
        raise ProcessEnds


class Lasting(Response):
    """Messages until the reader goes, may not go on, or does not keep up."""

    def __init__(self, request: Request, by: Asking) -> None:
        self.status_code, self.background = 200, None
        self.init_headers({"content-type": TYPE, "x-accel-buffering": "no"})
        self.request, self.by = request, by

    @abstractmethod
    def _chunks(self) -> AsyncIterator[bytes]:
        """What is sent, in whole messages; nothing is a look at whether the reader is there."""

    def _beat(self) -> bytes:
        """What says that the answer goes on."""
        return b":\n\n"

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
            await ended(work, gone)

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
            told = await problem_of(self.request, error)
            last = b"event: problem\ndata: %b\n\n" % bytes(told.body)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _send(self, send: Send, chunk: bytes) -> None:
        """Waits for a slow reader for a while, and not behind the back of whoever ends it."""
        clock = asyncio.get_running_loop().time
        body = {"type": "http.response.body", "body": chunk, "more_body": True}
        sent = asyncio.ensure_future(send(body))
        until = clock() + SLOW_SECONDS
        try:
            while not (await asyncio.wait({sent}, timeout=TICK_SECONDS))[0]:
                if self.by.given.leaving.is_set():
                    raise ProcessEnds
                if clock() > until:
                    log.warning(READER_CUT, path=self.request.url.path)
                    raise ReaderTooSlow
            sent.result()
        finally:
            sent.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
