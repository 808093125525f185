"""The `eventsourcing` library's recorder on the log: reads our table, writes by `log.append`.

With it the library's Repository, EventStore, notification log, subscriptions and projections work
on the log, and its own suites test it. What the library hands over carries no keys.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    PersistenceError,
    StoredEvent,
    Tracking,
)
from eventsourcing.postgres import (
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
    PostgresProcessRecorder,
    PostgresTrackingRecorder,
)
from eventsourcing.utils import retry
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.runtime.frames import Frame, encode, encode_batch

SCHEMA = "log"
EVENTS = "events"  # the library takes the channel of its NOTIFY from the table's name
APPEND = "SELECT outcome, first_position FROM log.append(%s::jsonb)"


class CommandRepeated(PersistenceError):
    """Command {command_id} is in the log already, at position {first_position}.

    Not an IntegrityError: to decide again would be wrong.
    """

    def __init__(self, command_id: UUID, first_position: int) -> None:
        super().__init__(f"command {command_id} is in the log already, at {first_position}")
        self.command_id, self.first_position = command_id, first_position


class LogRecorder(PostgresApplicationRecorder):
    def __init__(
        self,
        datastore: PostgresDatastore,
        *,
        events_table_name: str = EVENTS,
        **kwargs: Any,  # noqa: ANN401 - of the recorders that are mixed in
    ) -> None:
        assert datastore.schema == SCHEMA, "the library must be told POSTGRES_SCHEMA=log"
        super().__init__(datastore, events_table_name=events_table_name, **kwargs)

    def create_table(self) -> None:
        """The migrations have made it."""

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        command_id: UUID | None = None,
        **_: Any,  # noqa: ANN401 - the library passes its callers' keywords through
    ) -> Sequence[int]:
        """The positions of the events.

        Raises:
            IntegrityError: the versions do not continue their streams.
            CommandRepeated: `command_id` is in the log.
        """
        # An id even where none is given: the library tries again after a lost connection, and must
        # not take its own first try for somebody else's.
        return self._insert(stored_events, command_id, uuid4()) if stored_events else []

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def _insert(
        self, stored_events: Sequence[StoredEvent], command_id: UUID | None, own_id: UUID
    ) -> Sequence[int]:
        with self.datastore.cursor() as cursor:
            return self._append(cursor, stored_events, command_id, own_id)

    def _append(
        self,
        cursor: Cursor[DictRow],
        stored_events: Sequence[StoredEvent],
        command_id: UUID | None,
        own_id: UUID,
    ) -> Sequence[int]:
        item = encode(command_id or own_id, [_frame(event) for event in stored_events])
        row = cursor.execute(APPEND, (encode_batch([item]).decode(),), prepare=True).fetchone()
        assert row, "one row for each item"
        first: int = row["first_position"]
        match row["outcome"]:
            case "conflict":
                stream, version = (
                    stored_events[0].originator_id,
                    stored_events[0].originator_version,
                )
                raise IntegrityError(f"version {version} does not continue stream {stream}")
            case "repeated" if command_id:
                raise CommandRepeated(command_id, first)
        return list(range(first, first + len(stored_events)))


class LogProcessRecorder(LogRecorder, PostgresProcessRecorder):
    """Events and how far another log was followed, in one transaction.

    The tracking table is the library's.
    """

    def create_table(self) -> None:
        PostgresTrackingRecorder(
            self.datastore, tracking_table_name=self.tracking_table_name
        ).create_table()

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        command_id: UUID | None = None,
        tracking: Tracking | None = None,
        **kwargs: Any,  # noqa: ANN401 - the library passes its callers' keywords through
    ) -> Sequence[int]:
        if tracking is None:
            return super().insert_events(stored_events, command_id=command_id, **kwargs)
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            if not stored_events:
                return []
            return self._append(cursor, stored_events, command_id, uuid4())


class LogFactory(PostgresFactory):
    """For `PERSISTENCE_MODULE=domain.runtime.recorder:LogFactory`; names no table but ours."""

    application_recorder_class = LogRecorder
    process_recorder_class = LogProcessRecorder

    def application_recorder(self) -> LogRecorder:
        return self.application_recorder_class(self.datastore)

    def process_recorder(self) -> LogProcessRecorder:
        recorder = self.process_recorder_class(
            self.datastore, tracking_table_name=f"{EVENTS}_tracking"
        )
        if self.env_create_table():
            recorder.create_table()
        return recorder


def _frame(event: StoredEvent) -> Frame:
    stream = event.originator_id
    return Frame(
        stream if isinstance(stream, UUID) else UUID(stream),
        event.originator_version,
        event.topic,
        event.state,
    )
