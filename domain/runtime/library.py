"""The `eventsourcing` library's view of our log: its Repository replays a case through our codec.

    repository(recorder, codec).get(case_id, version=7, projector_func=fold)

Events come out as `Recorded`. They go in through the store alone: a frame has keys, and what the
library hands to a recorder has no place for them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn
from uuid import UUID

from eventsourcing.application import Repository
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import EventStore, JSONTranscoder, Mapper, StoredEvent

from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.history import key_of
from domain.runtime.recorder import LogRecorder
from domain.runtime.sealing import Key, Stored

KEYS = """
SELECT version, slot, wrapped, destroyed_as, destroyed_at FROM log.keys
 WHERE stream = %(stream)s AND version = ANY(%(versions)s)
"""


class WrittenElsewhere(TypeError):
    """Events are written by the store, which encrypts them, and not through the library."""


class LogMapper(Mapper[UUID]):
    """Decodes rows of the log, each under its keys."""

    def __init__(self, recorder: LogRecorder, codec: Codec) -> None:
        super().__init__(JSONTranscoder())
        self._recorder, self._codec = recorder, codec

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> NoReturn:
        raise WrittenElsewhere((WrittenElsewhere.__doc__ or "") + f" {type(domain_event)}")

    def to_domain_event(self, stored_event: StoredEvent) -> Any:  # noqa: ANN401  the library's protocol
        return self.recorded([stored_event])[0]

    def recorded(self, rows: Sequence[StoredEvent]) -> list[Recorded]:
        """The events of one stream, decrypted with one query for their keys."""
        if not rows:
            return []
        stream = rows[0].originator_id
        stream = stream if isinstance(stream, UUID) else UUID(stream)
        keys = self._keys(stream, [row.originator_version for row in rows])
        return [
            self._codec.decode(
                Stored(
                    position=getattr(row, "id", 0),
                    stream=stream,
                    version=row.originator_version,
                    topic=row.topic,
                    state=row.state,
                    text=keys.get((row.originator_version, "text")),
                    personal=keys.get((row.originator_version, "personal")),
                )
            )
            for row in rows
        ]

    def _keys(self, stream: UUID, versions: Sequence[int]) -> dict[tuple[int, str], Key]:
        with self._recorder.datastore.cursor() as cursor:
            found = cursor.execute(KEYS, {"stream": stream, "versions": list(versions)}).fetchall()
        return {
            (row["version"], row["slot"]): key_of(
                row["wrapped"], row["destroyed_as"], row["destroyed_at"]
            )
            for row in found
        }


class LogEvents(EventStore[UUID]):
    """The library's event store, reading a stream at a time."""

    def __init__(self, recorder: LogRecorder, codec: Codec) -> None:
        self.by_stream = LogMapper(recorder, codec)
        super().__init__(self.by_stream, recorder)

    def get(self, originator_id: UUID, **bounds: Any) -> Iterator[Any]:  # noqa: ANN401  the library's
        rows = self.recorder.select_events(originator_id=originator_id, **bounds)
        return iter(self.by_stream.recorded(rows))


def repository(recorder: LogRecorder, codec: Codec) -> Repository[UUID]:
    """The library's repository on our log."""
    return Repository(LogEvents(recorder, codec))
