"""A mail server for one machine: keeps every message in a folder, and sends none on.

`python -m deploy.local.mailbox FOLDER PORT`. Only what a sender needs of RFC 5321, on this machine
alone: a whole mail server would be a dependency of everybody who never runs one.
"""

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 10_000_000  # of a message
OK, BYE = b"250 OK\r\n", b"221 Bye\r\n"
HELLO: Final = b"250-mailbox\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
_NUMBERS: Final = count(1)


class Mailbox:
    """Talks to one sender after the other, and keeps what they hand over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation, until the sender ends it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
            writer.write(b"220 mailbox\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 Go on\r\n")
                    await writer.drain()
                    content = await self._content(reader)
                    writer.write(OK if content is not None else b"552 Too large\r\n")
                    if content is not None:
                        self._keep(content)
                elif verb == b"QUIT":
                    writer.write(BYE)
                    break
                elif verb in {b"EHLO", b"HELO"}:
                    writer.write(HELLO)
                elif verb in {b"MAIL", b"RCPT", b"RSET", b"NOOP"}:
                    writer.write(OK)
                else:
                    writer.write(b"502 Not here\r\n")
                await writer.drain()
        writer.close()

    async def _content(self, reader: asyncio.StreamReader) -> bytes | None:
        """A message up to its dot; None: it is too large."""
        lines, size = list[bytes](), 0
        while (line := await reader.readline()) not in {b".\r\n", b".\n"}:
            if not line:
                raise ConnectionError
            size += len(line)
            if size <= MOST_BYTES:
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines) if size <= MOST_BYTES else None

    def _keep(self, content: bytes) -> None:
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{next(_NUMBERS):04}.eml"
        beside = self._folder / f".{name}"
        beside.write_bytes(content)
        beside.replace(self._folder / name)  # whoever looks never sees half of one


async def serve(folder: Path, port: int) -> None:
    """Keeps messages until the process ends."""
    server = await asyncio.start_server(Mailbox(folder).talk, "127.0.0.1", port, limit=MOST_BYTES)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Runs it with the arguments of this process."""
    folder, port = Path(sys.argv[1]).absolute(), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(folder, port))


if __name__ == "__main__":
    main()
