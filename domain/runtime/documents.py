"""The documents in force: read from the log, remembered for a few seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar
from uuid import UUID

from domain import events as e
from domain.calendar import Calendar
from domain.configuration import (
    CATALOGUE,
    SERVICE_LEVELS,
    Catalogue,
    Document,
    ServiceLevels,
    document_stream,
)
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.database import Pool
from domain.runtime.history import LAST_OF, read, stored

# As long as a document may be older than the log, and the part of it in which one caller looks
# again while the others still take what they have.
FRESH_SECONDS: Final = 4.0
GRACE_SECONDS: Final = 1.0
MOST_REMEMBERED: Final = 20_000
STANDARD: Final = "standard"

# What holds before anybody has set anything: version 0.
SHIPPED: Final[Mapping[UUID, Document]] = {
    document_stream(CATALOGUE): Catalogue(),
    document_stream("calendar", STANDARD): Calendar(),
    document_stream(SERVICE_LEVELS): ServiceLevels(),
}

_CARRYING: Final = (
    e.AccountSet, e.PersonSet, e.CatalogueSet, e.CalendarSet, e.ServiceLevelsSet, e.SubscriptionSet,
)  # fmt: skip

Kind = TypeVar("Kind", bound=Document)


@dataclass(frozen=True, slots=True)
class InForce:
    """A document and its version; version 0 was never set."""

    document: Document
    version: int


class Documents:
    """Gives the documents of any streams, each at most a few seconds old."""

    def __init__(self, pool: Pool, codec: Codec) -> None:
        self._pool, self._codec = pool, codec
        self._remembered: dict[UUID, tuple[float, InForce]] = {}

    async def all(self, streams: Iterable[UUID]) -> dict[UUID, InForce]:
        """Those of the streams that are documents."""
        now = monotonic()
        found: dict[UUID, InForce] = {}
        missing: list[UUID] = []
        for stream in streams:
            until, known = self._remembered.get(stream, (0.0, None))
            if known is not None and until > now:
                found[stream] = known
                continue
            missing.append(stream)
            if known is not None and until + GRACE_SECONDS > now:
                self._remembered[stream] = (until + GRACE_SECONDS, known)
        return found | await self._load(missing) if missing else found

    async def fresh(self, streams: Iterable[UUID]) -> dict[UUID, InForce]:
        """The same, read from the log now."""
        return await self._load(list(streams))

    async def one(self, stream: UUID, kind: type[Kind]) -> tuple[Kind, int] | None:
        """The document of a stream and its version, if it is one of this kind."""
        in_force = (await self.all([stream])).get(stream)
        if in_force is None or not isinstance(in_force.document, kind):
            return None
        return in_force.document, in_force.version

    def forget(self, stream: UUID) -> None:
        """For whoever has just set it."""
        self._remembered.pop(stream, None)

    async def _load(self, streams: list[UUID]) -> dict[UUID, InForce]:
        async with self._pool.connection() as conn:
            rows = await read(conn, LAST_OF, streams=streams)
        found = {s: InForce(SHIPPED[s], 0) for s in streams if s in SHIPPED}
        for row in rows:
            recorded = self._codec.decode(stored(row))
            if document := document_of(recorded):
                found[recorded.stream] = InForce(document, recorded.version)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.clear()
        until = monotonic() + FRESH_SECONDS
        self._remembered |= {stream: (until, in_force) for stream, in_force in found.items()}
        return found


def document_of(recorded: Recorded) -> Document | None:
    """The document that an event carries, if it carries one."""
    event = recorded.event
    return event.document if isinstance(event, _CARRYING) else None
