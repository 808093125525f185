"""Reads the log: a stream, a page, how far it goes."""

from collections.abc import Sequence
from uuid import UUID

from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.database import Pool
from domain.runtime.history import (
    AT,
    BEFORE_OF,
    HEAD,
    IDENTITY,
    PAGE,
    PAGE_OF,
    STREAM,
    STREAM_SEEN,
    read,
    sight,
    stored,
)
from domain.runtime.sealing import Stored
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

    async def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at some positions, in order."""
        async with self.pool.connection() as conn:
            rows = await read(conn, AT, positions=list(positions))
        return self.codec.decode_all(stored(row) for row in rows)

    async def frame(self, position: int) -> Stored | None:
        """The event at a position as it is stored; None: there is none."""
        async with self.pool.connection() as conn:
            rows = await read(conn, AT, positions=[position])
        return stored(rows[0]) if rows else None

    async def page_of(
        self,
        after: int,
        *,
        up_to: int,
        most: int,
        topics: Sequence[str] | None,
        stream: UUID | None,
    ) -> list[Recorded]:
        """The next events of some kinds, or of one stream."""
        narrowed = {"topics": list(topics) if topics else None, "stream": stream}
        async with self.pool.connection() as conn:
            rows = await read(conn, PAGE_OF, after=after, up_to=up_to, most=most, **narrowed)
        return self.codec.decode_all(stored(row) for row in rows)

    async def before_of(
        self, after: int, *, topics: Sequence[str] | None, stream: UUID | None
    ) -> int:
        """Where the last of these stands up to a position; 0: there is none."""
        narrowed = {"topics": list(topics) if topics else None, "stream": stream}
        async with self.pool.connection() as conn:
            ((before,),) = await read(conn, BEFORE_OF, after=after, **narrowed)
        return int(before)

    async def identity(self) -> tuple[UUID, int]:
        """Which log this is, and which epoch of it."""
        async with self.pool.connection() as conn:
            ((log, epoch),) = await read(conn, IDENTITY)
        return log, epoch

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
