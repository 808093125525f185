"""Our recorder's own promises, and the library on top of it: plain dataclasses and functions."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any, assert_never
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresDatastore

from domain.runtime.recorder import CommandRepeated, LogRecorder
from tests.conftest import Database
from tests.domain.runtime.appended import positions, run
from tests.domain.runtime.library import environment
from tests.domain.runtime.losing_proxy import losing_proxy


@dataclass(frozen=True)
class Opened:
    originator_id: UUID
    originator_version: int
    title: str


@dataclass(frozen=True)
class Raised:
    originator_id: UUID
    originator_version: int
    level: str


@dataclass(frozen=True)
class Ticket:
    id: UUID
    version: int
    title: str
    level: str = "first"


def fold(ticket: Ticket | None, events: Iterable[Opened | Raised]) -> Ticket | None:
    for event in events:
        match event:
            case Opened():
                ticket = Ticket(event.originator_id, 1, event.title)
            case Raised():
                assert ticket
                ticket = replace(ticket, version=event.originator_version, level=event.level)
            case _:
                assert_never(event)
    return ticket


class Tickets(Application[UUID]):
    pass


@pytest.fixture
def app(database: Database) -> Iterator[Tickets]:
    with Tickets(env=environment(database.url)) as app:
        yield app


def a_ticket() -> tuple[UUID, list[Any]]:
    ticket = uuid4()
    return ticket, [
        Opened(ticket, 1, "flood"),
        Raised(ticket, 2, "second"),
        Raised(ticket, 3, "third"),
    ]


def test_a_repository_replays_a_stream_whole_and_as_of_a_version(app: Tickets) -> None:
    ticket, events = a_ticket()
    assert [recording.notification.id for recording in app.save(*events)] == [1, 2, 3]
    get = app.repository.get
    assert get(ticket, projector_func=fold) == Ticket(ticket, 3, "flood", "third")
    assert get(ticket, version=2, projector_func=fold) == Ticket(ticket, 2, "flood", "second")
    with pytest.raises(AggregateNotFoundError):
        get(uuid4(), projector_func=fold)


def test_the_notification_log_pages_by_position(app: Tickets) -> None:
    app.save(*a_ticket()[1])
    assert [found.id for found in app.notification_log.select(start=2, limit=10)] == [2, 3]
    assert app.notification_log["1,3"].next_id == "4,6"


def test_a_repeated_command_is_no_conflict(app: Tickets) -> None:
    _, events = a_ticket()
    command = uuid4()
    app.events.put(events[:1], command_id=command)
    with pytest.raises(CommandRepeated) as repeated:
        app.events.put(events[1:], command_id=command)
    assert (repeated.value.command_id, repeated.value.first_position) == (command, 1)
    assert not isinstance(repeated.value, IntegrityError)
    assert app.recorder.max_notification_id() == 1


def test_a_version_that_is_taken_or_leaves_a_hole_is_a_conflict(app: Tickets) -> None:
    _, events = a_ticket()
    app.events.put(events[:1])
    for conflicting in (events[:1], events[2:]):
        with pytest.raises(IntegrityError):
            app.events.put(conflicting)
    assert app.recorder.max_notification_id() == 1


def test_several_streams_are_saved_whole_or_not_at_all(app: Tickets) -> None:
    (_, taken), (_, fresh) = a_ticket(), a_ticket()
    app.save(taken[0])
    with pytest.raises(IntegrityError):
        app.save(fresh[0], fresh[1], taken[0])
    assert app.recorder.max_notification_id() == 1
    saved = app.save(fresh[0], taken[1], fresh[1])
    assert [recording.notification.id for recording in saved] == [2, 3, 4]


def test_a_subscription_sees_each_event_once_in_order(app: Tickets) -> None:
    seen: list[int] = []

    def read() -> None:
        with app.recorder.subscribe(gt=0) as subscription:
            for notification in subscription:
                seen.append(notification.id)
                if len(seen) == 9:
                    break

    reader = Thread(target=read)
    reader.start()
    for _ in range(3):
        app.save(*a_ticket()[1])
    reader.join(10)
    assert seen == list(range(1, 10))


def test_a_lost_answer_is_not_taken_for_a_conflict(database: Database) -> None:
    """The library tries again after a lost connection; the first try had been committed."""

    def insert(url: str) -> list[int]:
        parts = environment(url)
        datastore = PostgresDatastore(
            parts["POSTGRES_DBNAME"],
            parts["POSTGRES_HOST"],
            parts["POSTGRES_PORT"],
            parts["POSTGRES_USER"],
            "",
            schema="log",
        )
        with datastore:
            recorder = LogRecorder(datastore)
            events = (StoredEvent(uuid4(), 1, "t", b"{}") for _ in range(20))
            return [recorder.insert_events([event])[0] for event in events]

    async def main() -> list[int]:
        async with losing_proxy(database.url) as proxy:
            proxy.every = 6
            found = await asyncio.to_thread(insert, proxy.url)
            assert proxy.lost > 1
            return found

    assert run(main()) == positions(database) == list(range(1, 21))
