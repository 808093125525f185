"""One webhook on the wire: to the address that was checked, no further, and never for long."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from consumers.addresses import Rule
from consumers.sending import MOST_KEPT, MOST_READ, Answer, Sender
from tests.certificates import self_signed
from tests.consumers.hooks import HERE

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
EVENT = b'{"specversion":"1.0"}'


class Wire:
    """A server that says bytes, and keeps those that it was sent."""

    def __init__(self, *said: bytes, stays: bool = False) -> None:
        self.said, self.stays = said, stays
        self.requests: list[bytes] = []
        self.sent = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head + await reader.readexactly(len(EVENT)))
        try:
            for part in self.said:
                writer.write(part)
                await writer.drain()
                self.sent += 1
            if self.stays:
                await reader.read()
        except ConnectionError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def listening(wire: Wire, context: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0, ssl=context)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()


def posted(
    wire: Wire,
    url: str = "http://127.0.0.1:{port}/x?y=z",
    sender: Sender | None = None,
    context: ssl.SSLContext | None = None,
) -> Answer:
    async def post() -> Answer:
        async with listening(wire, context):
            at_work = sender or Sender(HERE, patience_seconds=0.4)
            return await at_work.post(url.format(port=wire.port), EVENT, [("webhook-id", "7")])

    return asyncio.run(post())


def test_the_request_is_one_post_with_its_length() -> None:
    wire = Wire(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert posted(wire).status == 204
    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /x?y=z http/1.1"
    assert f"host: 127.0.0.1:{wire.port}".encode() in lines
    assert b"content-length: 21" in lines
    assert b"webhook-id: 7" in lines
    assert body == EVENT


@pytest.mark.parametrize(
    ("said", "status", "text"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, "ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", 202, ""),
        (b"HTTP/1.0 500 Oh\r\n\r\nno", 500, "no"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbreaks", 200, "breaks"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\xff\x00\xfe", 200, "\ufffd" * 3),
        (b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\n\r\n", 301, ""),
        (b"", None, "No answer: the connection was closed, or what came is no HTTP."),
        (b"nonsense\r\n\r\n", None, None),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, None, None),
    ],
)
def test_what_is_answered_is_read_as_far_as_it_goes(
    said: bytes, status: int | None, text: str | None
) -> None:
    answer = posted(Wire(said))
    assert answer.status == status
    assert text is None or answer.text == text


def test_of_an_answer_64_kib_are_read_and_1_is_kept() -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"
    wire = Wire(endless, *[b"x" * MOST_READ] * 1_000)
    answer = posted(wire)
    assert (answer.status, len(answer.text)) == (200, MOST_KEPT)
    assert wire.sent < 500, "the rest of what is in the buffers of both machines"


def test_who_says_nothing_is_left() -> None:
    answer = posted(Wire(stays=True))
    assert (answer.status, answer.text) == (None, "No answer within 0.4 seconds.")


def test_a_status_counts_even_if_the_rest_never_comes() -> None:
    wire = Wire(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", stays=True)
    answer = posted(wire, sender=Sender(HERE, patience_seconds=15))
    assert (answer.status, answer.text) == (200, "half")


def test_when_to_come_back_is_read() -> None:
    answer = posted(Wire(b"HTTP/1.1 503 Later\r\nRetry-After: 120\r\n\r\n"))
    assert (answer.status, answer.retry_after) == (503, timedelta(minutes=2))


def resolving(
    *answers: Sequence[str],
) -> tuple[Callable[[str, int], Awaitable[list[str]]], list[str]]:
    """A name server that says one thing after the other, and what it was asked."""
    left, asked = list(answers), list[str]()

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return list(left.pop(0) if len(left) > 1 else left[0])

    return resolve, asked


def test_nothing_is_sent_to_what_is_not_public() -> None:
    wire = Wire(b"HTTP/1.1 204 No Content\r\n\r\n")
    for url in ("http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"):
        answer = posted(wire, url, Sender(Rule()))
        assert answer.status is None
        assert "is not public" in answer.text
    assert wire.requests == []


def test_a_name_that_means_another_machine_a_moment_later_gains_nothing() -> None:
    """Resolved once, and what was checked is connected to; the second answer is never asked for."""
    wire = Wire(b"HTTP/1.1 204 No Content\r\n\r\n")
    resolve, asked = resolving(["127.0.0.1"], ["127.0.0.2"])
    rule = Rule.read("127.0.0.1")
    answer = posted(wire, "http://localhost:{port}/", Sender(rule, resolve))
    assert (answer.status, asked) == (204, ["localhost"])
    turned, asked = resolving(["127.0.0.2"], ["127.0.0.1"])
    answer = posted(wire, "http://localhost:{port}/", Sender(rule, turned))
    assert (answer.status, asked) == (None, ["localhost"])
    assert len(wire.requests) == 1


def test_plain_http_leaves_this_machine_never() -> None:
    resolve, _ = resolving(["93.184.216.34"])
    wire = Wire(b"HTTP/1.1 204 No Content\r\n\r\n")
    answer = posted(wire, "http://localhost:{port}/", Sender(HERE, resolve))
    assert (answer.status, answer.text) == (
        None,
        "No webhook is sent to localhost: http:// is for this machine alone.",
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b.invalid", "x" * 70 + ".invalid"])
def test_a_host_without_an_address_is_no_defect(host: str) -> None:
    answer = asyncio.run(Sender(Rule()).post(f"https://{host}/", EVENT, []))
    assert answer.status is None


def test_the_next_address_is_tried_when_one_is_not_there() -> None:
    resolve, _ = resolving(["127.0.0.9", "127.0.0.1"])
    wire = Wire(b"HTTP/1.1 204 No Content\r\n\r\n")
    answer = posted(wire, "http://localhost:{port}/", Sender(HERE, resolve))
    assert answer.status == 204


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of this name shows, and what believes it."""
    file, key = self_signed(name, folder)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file, key)
    believing = ssl.create_default_context(cafile=str(file))
    return serving, believing


def test_over_tls_the_certificate_is_that_of_the_name_and_the_address_the_checked_one(
    tmp_path: Path,
) -> None:
    serving, believing = certificate(tmp_path, "hooks.example")
    resolve, asked = resolving(["127.0.0.1"])
    wire = Wire(b"HTTP/1.1 204 No Content\r\n\r\n")
    sender = Sender(HERE, resolve, believing)
    assert posted(wire, "https://hooks.example:{port}/", sender, serving).status == 204
    assert f"host: hooks.example:{wire.port}".encode() in wire.requests[0].lower()
    other = posted(wire, "https://other.example:{port}/", sender, serving)
    assert (other.status, "certificate is not good" in other.text) == (None, True)
    nobody = posted(wire, "https://hooks.example:{port}/", Sender(HERE, resolve), serving)
    assert (nobody.status, "certificate is not good" in nobody.text) == (None, True)
    assert len(wire.requests) == 1
    assert asked == ["hooks.example", "other.example", "hooks.example"]
    assert HERE.allows(ip_address("127.0.0.1"))
