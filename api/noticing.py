"""Notifications as they come: what is unread, whenever it is another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Scope
from api.cursors import FIRST_PLACE
from api.deps import READING, Asking, By
from api.lasting import BEAT_SECONDS, TICK_SECONDS, TYPE, Lasting, still
from api.notifications import page_of

router = APIRouter(prefix="/api/v1", tags=["notifications"])

NEWEST: Final = 10
SETTLING_SECONDS: Final = 2.0  # until the read models have what somebody was told a moment ago


@router.get(
    "/notifications/stream",
    openapi_extra=READING,
    response_class=Response,
    responses={200: {"content": {TYPE: {}}}},
)
async def stream_notifications(
    request: Request,
    by: By,
    most: Annotated[
        int | None, Query(ge=1, le=1_000, description="End after so many; else it never ends.")
    ] = None,
) -> Response:
    """What is unread, now and whenever it is another, as server-sent events.

    The data of each is what `GET /notifications?only=unread&limit=10` answers: whoever connects
    again has missed nothing. What ends the stream is an event `problem`.
    """
    by.needs(Scope.CASES_READ)
    return Live(request, by, most)


class Live(Lasting):
    """What is unread, until the reader goes or `most` messages are sent; None: all that come."""

    def __init__(self, request: Request, by: Asking, most: int | None) -> None:
        super().__init__(request, by)
        self._most = most

    async def _chunks(self) -> AsyncIterator[bytes]:
        clock, positions = asyncio.get_running_loop().time, self.by.given.positions
        told, sent, noticed = b"", 0, -1
        settles = beat = clock()
        while self._most is None or sent < self._most:
            await still(self.request, self.by)
            if noticed != (count := positions.noticed(str(self.by.by.person))):
                noticed, settles = count, clock() + SETTLING_SECONDS
            beats = clock() >= beat
            if beats or clock() <= settles:
                if told != (now := await self._now()):
                    told, sent = now, sent + 1
                    yield b"data: %b\n\n" % now
                elif beats:
                    yield self._beat()
            if beats:
                beat = clock() + BEAT_SECONDS
            await asyncio.sleep(TICK_SECONDS)

    async def _now(self) -> bytes:
        async with self.by.given.tail.turn:
            page = await page_of(self.by, FIRST_PLACE, NEWEST, unread=True)
        return page.model_dump_json().encode()
