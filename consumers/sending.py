"""Sends one webhook: an HTTP/1.1 POST to an address that was checked, and what came back."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import h11

from consumers.addresses import Address, AddressRefused, Resolve, Rule, checked
from consumers.schedule import asked_to_wait

PATIENCE_SECONDS: Final = 15.0  # for all of it: name, connection, TLS, answer
BODY_SECONDS: Final = 1.0  # for the rest once the status is there, which is what counts
MOST_READ: Final = 64 * 1024
MOST_KEPT: Final = 1_024
AGENT: Final = "Casebook-Webhooks/1.0"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. `status` None: there was no answer, and `text` says why."""

    status: int | None
    text: str
    took: timedelta
    retry_after: timedelta | None = None


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host as this machine resolves it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends to whatever the rule allows."""

    rule: Rule
    resolve: Resolve = resolved
    trusted: ssl.SSLContext | None = None
    """Whose certificates are believed; None: those that this machine trusts."""
    patience_seconds: float = PATIENCE_SECONDS

    async def post(self, url: str, body: bytes, headers: Sequence[tuple[str, str]]) -> Answer:
        """Sends it once. Whatever goes wrong is an answer without a status."""
        began = monotonic()

        def without(why: str) -> Answer:
            return Answer(None, why, timedelta(seconds=monotonic() - began))

        try:
            async with asyncio.timeout(self.patience_seconds):
                status, said, later = await self._posted(url, body, headers)
        except TimeoutError:
            return without(f"No answer within {self.patience_seconds:g} seconds.")
        except AddressRefused as refused:
            return without(str(refused))
        except (socket.gaierror, UnicodeError):
            return without("The host has no address.")
        except ssl.SSLCertVerificationError as wrong:
            return without(f"The certificate is not good: {wrong.verify_message}.")
        except (OSError, h11.RemoteProtocolError) as away:
            return without(f"No answer: {_said(away)}.")
        took = timedelta(seconds=monotonic() - began)
        kept = said[:MOST_KEPT].decode("utf-8", "replace").replace("\x00", "\ufffd")
        return Answer(status, kept, took, asked_to_wait(later, datetime.now(UTC)))

    async def _posted(
        self, url: str, body: bytes, headers: Sequence[tuple[str, str]]
    ) -> tuple[int, bytes, str | None]:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        addresses = await checked(host, port, self.rule, self.resolve)
        if not secure and not all(_is_here(address) for address in addresses):
            raise AddressRefused(host, "http:// is for this machine alone")
        context = (self.trusted or _trusted()) if secure else None
        reader, writer = await _connected(addresses, port, context, host)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return await _exchanged(reader, writer, target, parts.netloc, body, headers)
        finally:
            # Never waits for the other side to say goodbye.
            writer.transport.abort()


async def _connected(
    addresses: Sequence[Address], port: int, context: ssl.SSLContext | None, host: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first of these addresses that takes one, under the name of the host."""
    name = host if context else None
    for address in addresses[:-1]:
        try:
            return await asyncio.open_connection(
                str(address), port, ssl=context, server_hostname=name
            )
        except ssl.SSLError:
            raise  # it is there, and not who it says
        except OSError:
            continue
    last = str(addresses[-1])
    return await asyncio.open_connection(last, port, ssl=context, server_hostname=name)


async def _exchanged(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: str,
    host: str,
    body: bytes,
    headers: Sequence[tuple[str, str]],
) -> tuple[int, bytes, str | None]:
    """The status, what of the body was read, and the header Retry-After."""
    wire = h11.Connection(h11.CLIENT)
    own = [
        ("host", host),
        ("user-agent", AGENT),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    request = h11.Request(method="POST", target=target, headers=[*own, *headers])
    parts = (wire.send(request), wire.send(h11.Data(data=body)), wire.send(h11.EndOfMessage()))
    writer.write(b"".join(part or b"" for part in parts))
    await writer.drain()
    head = await _next(wire, reader)
    while isinstance(head, h11.InformationalResponse):
        head = await _next(wire, reader)
    if not isinstance(head, h11.Response):  # the connection was closed before there was one
        raise ConnectionResetError
    later = dict(head.headers).get(b"retry-after")
    said = await _read(wire, reader)
    return head.status_code, said, later.decode("latin-1") if later else None


async def _read(wire: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    """As much of the body as is ever read; an answer that breaks off was an answer."""
    said = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while len(said) < MOST_READ and isinstance(part := await _next(wire, reader), h11.Data):
                said += bytes(part.data)
    except (OSError, h11.RemoteProtocolError):  # a TimeoutError is an OSError
        pass
    return said[:MOST_READ]


async def _next(wire: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := wire.next_event()) is h11.NEED_DATA:
        wire.receive_data(await reader.read(MOST_READ))
    return event


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _is_here(address: Address) -> bool:
    return address.is_loopback


def _said(error: Exception) -> str:
    """What went wrong, without the address: a name that resolves inwards tells nothing of it."""
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, h11.RemoteProtocolError):
        return "the connection was closed, or what came is no HTTP"
    if isinstance(error, ConnectionResetError):
        return "the connection was reset"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
