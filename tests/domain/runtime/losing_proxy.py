"""A way to the database on which answers get lost: the commit has happened, and nobody is told."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

SOCKET = ".s.PGSQL.5432"


class LosingProxy:
    """Every `every`-th packet from the database is lost, and its connection with it; 0: none."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = make_conninfo(url, host=str(folder), port=5432, sslmode="disable")
        self.every = 0
        self.lost = 0
        self._folder = folder
        self._host = str(conninfo_to_dict(url)["host"])
        self._port = int(conninfo_to_dict(url).get("port") or 5432)
        self._seen = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._folder / SOCKET)

    async def stop(self) -> None:
        """Nobody comes through any more."""
        assert self._server
        self._server.close()
        for writer in self._open:
            writer.close()
        (self._folder / SOCKET).unlink(missing_ok=True)
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        self._serving.add(task := asyncio.current_task())
        server, asks = await self._database()
        self._open |= {answers, asks}
        await asyncio.gather(
            self._forward(client, asks, loses=False),
            self._forward(server, answers, loses=True),
            return_exceptions=True,
        )
        self._open -= {answers, asks}
        self._serving.discard(task)

    async def _database(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, loses: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 16):
                self._seen += loses
                if loses and self.every and self._seen % self.every == 0:
                    self.lost += 1
                    break
                sink.write(data)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def losing_proxy(url: str) -> AsyncIterator[LosingProxy]:
    # Not pytest's tmp_path: a socket's whole path ends at 107 bytes.
    with tempfile.TemporaryDirectory(prefix="proxy-") as folder:
        proxy = LosingProxy(url, Path(folder))
        await proxy.start()
        try:
            yield proxy
        finally:
            await proxy.stop()
