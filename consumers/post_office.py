"""The mail server: takes a message, or says why not."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

SECONDS: Final = 30.0  # for each answer
MOST_A_CONNECTION: Final = 100
PORTS: Final[Mapping[str, int]] = {"smtp": 25, "smtps": 465}
PERMANENT: Final = 500


class Refused(Exception):
    """The server refuses mail to this address for good: {answer}."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


class NotTaken(Exception):
    """The server has not taken it now: {answer}."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mail server is, and how one signs in there."""

    host: str
    port: int
    is_secure: bool
    user: str | None
    password: str | None

    @classmethod
    def at(cls, url: str) -> "Server":
        """What smtp://user:password@host:port or smtps:// says."""
        parts = urlsplit(url)
        assert parts.hostname, "the settings have been looked at"
        return cls(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            is_secure=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class PostOffice:
    """One connection to a mail server, made when it is needed and kept for some messages."""

    def __init__(self, server: Server, sender: str) -> None:
        self._server, self._sender = server, sender
        self._client: SMTP | None = None
        self._sent = 0

    async def send(self, message: EmailMessage, recipient: str) -> str:
        """Hands a message over; what the server said.

        Raises:
            Refused: mail to this address is refused for good.
            NotTaken: another time it may be taken.
        """
        try:
            client = await self._connected()
            _, said = await client.send_message(
                message, sender=self._sender, recipients=[recipient]
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            await self.close()
            raise _of(error.recipients[0], recipient) from None
        except aiosmtplib.SMTPDataError as error:
            await self.close()
            raise _of(error, recipient) from None
        except (SMTPException, OSError, ValueError) as error:
            # Also who the sender is, and signing in: wrong here, and no fault of the address.
            await self.close()
            raise NotTaken(_clean(f"{type(error).__name__}: {error}", recipient)) from None
        self._sent += 1
        return _clean(said, recipient)

    async def close(self) -> None:
        """Ends the connection; the next message makes another."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(SMTPException, OSError):
                await client.quit()
            client.close()

    async def _connected(self) -> SMTP:
        if self._client is not None and (
            self._sent >= MOST_A_CONNECTION or not self._client.is_connected
        ):
            await self.close()
        if self._client is None:
            server = self._server
            self._sent = 0
            self._client = SMTP(
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.is_secure,
                # A password goes over no line that can be listened to.
                start_tls=True if server.user and not server.is_secure else None,
                timeout=SECONDS,
            )
            await self._client.connect()
        return self._client


def _of(error: SMTPResponseException, recipient: str) -> Exception:
    answer = _clean(f"{error.code} {error.message}", recipient)
    return Refused(answer) if error.code >= PERMANENT else NotTaken(answer)


def _clean(answer: str, recipient: str) -> str:
    """In one line, and without the address: it is kept for ever, and the address is not."""
    return " ".join(answer.replace(recipient, "…").split())
