"""Looks through files for what would do harm, by a clamd that runs elsewhere.

Source: clamd(8), INSTREAM: pieces, each behind its length in four bytes; a length of 0 ends them.
"""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import Final

import structlog

TALKS: Final = b"zINSTREAM\0"
SECONDS: Final = 60.0  # for an answer
_FOUND: Final = re.compile(r"stream: (.+) FOUND")
NOT_SCANNED: Final = "file_not_scanned"
log = structlog.get_logger()


class FileInfected(Exception):
    """The scanner found {what} in it: it was not taken."""

    def __init__(self, what: str) -> None:
        super().__init__((self.__doc__ or "").format(what=what))


class ScannerAway(Exception):
    """The scanner does not answer, and nothing is taken that it has not looked through."""


class Scanner:
    """A clamd at unix:/path or tcp://host:port."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def through(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The same content, whose end comes only once the scanner has found nothing.

        Raises:
            FileInfected: it found something.
            ScannerAway: it could not be asked, or gave no answer.
        """
        try:
            async with asyncio.timeout(SECONDS):
                reader, writer = await self._opened()
        except (OSError, TimeoutError) as error:
            raise self._away(error) from error
        try:
            writer.write(TALKS)
            async for some in content:
                with suppress(OSError):  # it has heard enough; what it says is read below
                    writer.write(len(some).to_bytes(4, "big") + some)
                    await writer.drain()
                yield some
            await self._asked(reader, writer)
        finally:
            writer.close()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                with suppress(OSError):
                    writer.write(bytes(4))
                    await writer.drain()
                said = (await reader.read()).rstrip(b"\0").decode(errors="replace").strip()
        except (OSError, TimeoutError) as error:
            raise self._away(error) from error
        if found := _FOUND.fullmatch(said):
            raise FileInfected(found[1])
        if said != "stream: OK":
            log.error(NOT_SCANNED, answer=said)
            raise ScannerAway

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        kind, _, where = self._address.partition(":")
        if kind == "unix":
            return await asyncio.open_unix_connection(where)
        host, _, port = where.removeprefix("//").rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))

    def _away(self, error: Exception) -> ScannerAway:
        log.error(NOT_SCANNED, failure=type(error).__name__)
        return ScannerAway()
