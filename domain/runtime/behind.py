"""How far everything else is that follows the log: its consumers, and what is published of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from domain.runtime.consuming import ALL as CONSUMERS
from domain.runtime.consuming import Standing
from domain.runtime.database import Pool
from domain.runtime.history import HEAD
from domain.runtime.relayed import ALL as PUBLISHED
from domain.runtime.relayed import Published


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands where, while the log ends at `head`."""

    head: int
    consumers: Sequence[Standing]
    published: Sequence[Published]

    @property
    def lacking(self) -> dict[str, int]:
        """How many events each lacks."""
        at = {
            **{f"consumer {one.name}": one.position for one in self.consumers},
            **{f"Kafka {one.topics}": one.position for one in self.published},
        }
        return {name: max(0, self.head - position) for name, position in at.items()}

    @property
    def stopped(self) -> str | None:
        """What is not published at the moment and why, in a sentence; None: nothing is wrong."""
        for one in self.published:
            if one.failure:
                return f"Kafka has {one.topics} up to position {one.position}: {one.failure}"
        return None


async def behind(pool: Pool) -> Behind:
    """How far they are now."""
    async with pool.connection() as conn:
        consumers = conn.cursor(row_factory=class_row(Standing))
        published = conn.cursor(row_factory=class_row(Published))
        standing = await (await consumers.execute(CONSUMERS)).fetchall()
        relayed = await (await published.execute(PUBLISHED)).fetchall()
        row = await (await conn.execute(HEAD)).fetchone()
    return Behind(row[0] if row else 0, standing, relayed)
