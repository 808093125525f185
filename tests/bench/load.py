"""Asks over HTTP as fast as one gets answers: a process of its own, on bare sockets.

`python -m tests.bench.load PORT CONNECTIONS SECONDS TOKEN [PATH]` prints the answers a second: of
cases that are raised, or of a path that is read.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from itertools import count
from time import monotonic
from typing import cast
from uuid import uuid4

import uvloop

BODY = (
    b'{"application":"atlas","type":"product-issue","subject":"Rack 14 is hot",'
    b'"description":"' + b"The cooling of rack 14 has failed again and two nodes went down. " * 5
) + b'"}'
HEAD = (
    "POST /api/v1/cases HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    "Authorization: Bearer {token}\r\nContent-Length: {length}\r\nIdempotency-Key: "
)


READ = "GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nNumber: "


class Client(asyncio.Protocol):
    """Sends a request, and the next one when the answer is there."""

    def __init__(self, token: str, until: float, path: str | None) -> None:
        head = HEAD.format(token=token, length=len(BODY))
        if path is not None:
            head = READ.format(token=token, path=path)
        self._head, self._body = head.encode() + str(uuid4()).encode(), b"" if path else BODY
        self._until, self._numbers, self._read = until, count(), b""
        self.answered = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 20"):
            self.done.set_exception(RuntimeError(self._read.decode()))
            return
        self._read = b""
        self.answered += 1
        if monotonic() < self._until:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed"))

    def _send(self) -> None:
        self._transport.write(b"%s-%d\r\n\r\n%s" % (self._head, next(self._numbers), self._body))


def _itself(client: Client) -> Client:
    return client


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[start:].split(b"\r\n", 1)[0])


async def load(port: int, connections: int, seconds: float, token: str, path: str | None) -> float:
    """Answers a second over so many connections."""
    loop, start = asyncio.get_running_loop(), monotonic()
    clients = [Client(token, start + seconds, path) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients))
    return sum(client.answered for client in clients) / (monotonic() - start)


def main(words: Sequence[str]) -> None:
    port, connections, seconds, token, *path = words
    told = load(int(port), int(connections), float(seconds), token, path[0] if path else None)
    print(uvloop.run(told))


if __name__ == "__main__":
    main(sys.argv[1:])
