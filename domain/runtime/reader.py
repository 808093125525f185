"""Reads the log: a stream, a page, how far it goes."""

from uuid import UUID

from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.database import Pool
from domain.runtime.history import HEAD, PAGE, STREAM, STREAM_SEEN, read, sight, stored
from domain.sight import sees
from domain.values import Actor


class Reader:
    """The events of one log, decrypted."""

    def __init__(self, pool: Pool, codec: Codec) -> None:
        self.pool, self.codec = pool, codec

    async def history(self, stream: UUID) -> list[Recorded]:
        """Everything that happened in a stream, in order; empty when there is none."""
        async with self.pool.connection() as conn:
            rows = await read(conn, STREAM, stream=stream)
        return self.codec.decode_all(stored(row) for row in rows)

    async def history_for(self, case: UUID, by: Actor) -> list[Recorded]:
        """The history of a case that exists for the viewer; else empty, and just as fast."""
        async with self.pool.connection() as conn:
            rows = await read(conn, STREAM_SEEN, stream=case, **sight(by))
        history = self.codec.decode_all(stored(row) for row in rows)
        found = case_of(history)
        return history if found is not None and sees(found, by.person, by) else []

    async def head(self) -> int:
        """The position of the last event; 0 where nothing has happened."""
        async with self.pool.connection() as conn:
            ((head,),) = await read(conn, HEAD)
        return int(head)

    async def page(self, after: int, most: int = 1_000) -> list[Recorded]:
        """The next events of the log, in order."""
        async with self.pool.connection() as conn:
            rows = await read(conn, PAGE, after=after, most=most)
        return self.codec.decode_all(stored(row) for row in rows)
