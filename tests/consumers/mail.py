"""A real mail server that keeps what it is sent, and refuses what it is told to."""

import asyncio
import email
import email.policy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from threading import Event, Lock, Thread

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Received:
    """A message as it came: the envelope, and what it says."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())


@dataclass
class Sink:
    """Keeps each message. `answers` are said once each, in place of taking a message."""

    received: list[Received] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """What is said to RCPT TO, by address."""
    pause: float = 0.0
    """Seconds between having a message and saying so."""
    lock: Lock = field(default_factory=Lock)
    port: int = 0

    async def handle_RCPT(  # noqa: N802  aiosmtpd's own
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's own
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        with self.lock:
            if self.answers:
                return self.answers.pop(0)
            sender = envelope.mail_from or ""
            self.received.append(Received(sender, list(envelope.rcpt_tos), envelope.content))
        await asyncio.sleep(self.pause)
        return "250 taken"

    def to(self, address: str) -> list[Received]:
        return [one for one in self.received if address in one.recipients]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def sinking() -> Iterator[Sink]:
    """A mail server on this machine until the end of the block."""
    sink, up = Sink(), Event()
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        ends.append(partial(loop.call_soon_threadsafe, over.set))
        server = await loop.create_server(
            lambda: SMTP(sink, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
        )
        async with server:
            sink.port = server.sockets[0].getsockname()[1]
            up.set()
            await over.wait()

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield sink
    finally:
        ends[0]()
        thread.join()
