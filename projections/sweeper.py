"""Removes the bytes that nobody can read any more: of redacted files, and of uploads that expired.

Their keys are gone before: what is done here late, or again, changes nothing that anybody sees.
"""

import asyncio
from time import sleep
from typing import Final
from uuid import UUID

import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import TupleRow

from domain.events import AttachmentAdded
from domain.recorded import Recorded
from domain.runtime import waiting
from domain.runtime.blobs import Blobs, FilesAway
from domain.runtime.codec import Codec
from domain.runtime.history import STREAM, stored
from domain.runtime.uploads import file_of
from domain.values import Erased
from projections.filling import Key
from projections.follower import once_connected

PAUSE_SECONDS: Final = 5.0
AT_ONCE: Final = 10_000  # positions
DESTROYING: Final = ["case.redacted", "erased"]

# Up to where it looked, and the streams where words were destroyed on the way.
DESTROYED: Final = """
SELECT max(e.notification_id),
       array_agg(DISTINCT e.originator_id) FILTER (WHERE e.topic = ANY(%(topics)s))
  FROM (SELECT notification_id, originator_id, topic FROM log.events
         WHERE notification_id > (SELECT position FROM desk.swept)
         ORDER BY notification_id LIMIT %(most)s) e
"""
MOVE: Final = """
UPDATE desk.swept SET position = %(position)s WHERE position < %(position)s
"""
NOT_SWEPT: Final = "files_not_swept"
log = structlog.get_logger()


def sweep(key: Key, files: str) -> None:
    """Looks every few seconds, for ever."""
    blobs = Blobs(files)

    def look() -> None:
        while True:
            try:
                asyncio.run(_connected(key, blobs))
            except OperationalError:
                raise  # the connection is lost: done again on a new one
            except FilesAway:
                log.warning(NOT_SWEPT)
            except Exception:  # a defect costs one look, never all that come after it
                log.exception(NOT_SWEPT)
            sleep(PAUSE_SECONDS)

    once_connected(look)


async def _connected(key: Key, blobs: Blobs) -> None:
    async with await AsyncConnection.connect(key.url, autocommit=True) as conn:
        await swept(conn, key.codec, blobs)


async def swept(conn: AsyncConnection[TupleRow], codec: Codec, blobs: Blobs) -> None:
    """Removes all that there is to be removed now."""
    for id_, parts, streams in await waiting.expired(conn):
        attached = [await _has(conn, codec, stream, id_) for stream in streams]
        await blobs.remove([*parts, *([] if any(attached) else [file_of(id_)])])
        await waiting.forgotten(conn, [id_])
    while position := await _destroyed(conn, codec, blobs):
        await conn.execute(MOVE, {"position": position})


async def _destroyed(conn: AsyncConnection[TupleRow], codec: Codec, blobs: Blobs) -> int | None:
    """Removes the files whose keys were destroyed; up to which position, None: there is no more."""
    cursor = await conn.execute(DESTROYED, {"topics": DESTROYING, "most": AT_ONCE})
    row = await cursor.fetchone()
    position: int | None = row[0] if row else None
    streams: list[UUID] = (row[1] if row else None) or []
    for stream in streams:
        gone = [
            file_of(recorded.event.attachment)
            for recorded in await _history(conn, codec, stream)
            if isinstance(recorded.event, AttachmentAdded)
            and isinstance(recorded.event.key, Erased)
        ]
        await blobs.remove(gone)
    return position


async def _has(
    conn: AsyncConnection[TupleRow], codec: Codec, stream: UUID, attachment: UUID
) -> bool:
    return any(
        isinstance(recorded.event, AttachmentAdded) and recorded.event.attachment == attachment
        for recorded in await _history(conn, codec, stream)
    )


async def _history(conn: AsyncConnection[TupleRow], codec: Codec, stream: UUID) -> list[Recorded]:
    rows = await (await conn.execute(STREAM, {"stream": stream}, binary=True)).fetchall()
    return codec.decode_all(stored(row) for row in rows)
