"""Opens the log for a process that issues commands: the API, or an operator's command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.runtime import database
from domain.runtime.appending import AppendQueue
from domain.runtime.blobs import Blobs
from domain.runtime.codec import Codec
from domain.runtime.history import IDENTITY, LAST_WITH_KEY, read, stored
from domain.runtime.keys import Keyring
from domain.runtime.lookup import Lookup
from domain.runtime.scanner import Scanner
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.runtime.uploads import Uploads
from domain.values import Slot


@asynccontextmanager
async def open_store(settings: Settings, name: str) -> AsyncIterator[Store]:
    """The store of the log that the settings name; leaving it writes what was taken.

    `name` is what PostgreSQL shows for its connections.

    Raises:
        KeyUnusable: the log is kept under another master key. What is written under this one
            could be read by nobody else, and would stop every read model.
    """
    keyring = Keyring(settings.master_key_bytes)
    codec = Codec(keyring)
    async with (
        database.pool(settings.database_url, name) as pool,
        AppendQueue(settings.database_url) as queue,
    ):
        async with pool.connection() as conn:
            ((log_id, _epoch),) = await read(conn, IDENTITY)
            last = [stored(row) for row in await read(conn, LAST_WITH_KEY)]
        for event in last:
            if isinstance(event.text, bytes):
                keyring.unwrap(event.text, event.stream, event.version, Slot.TEXT)
        scanner = Scanner(settings.scanner) if settings.scanner else None
        uploads = Uploads(pool, keyring, Blobs(settings.files), scanner)
        lookup = Lookup(pool, codec, log_id, uploads)
        yield Store(pool, queue, codec, lookup, build=settings.build)
