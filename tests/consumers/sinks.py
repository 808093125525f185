"""A consumer that writes down what it handles, in a table that holds it to once and in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.kafka_source import from_kafka
from consumers.runner import Consumer, step
from consumers.sources import LogSource
from domain import commands as c
from domain.recorded import Recorded
from domain.runtime.consuming import Cursor
from domain.runtime.database import connect
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from tests import examples as x
from tests.conftest import Database
from tests.desks import Desk
from tests.domain.runtime.test_store import asked, raised
from tests.projections.following import codec_of, head
from tests.projections.published import published

NAME: Final = "sink"
TABLE: Final = """
CREATE TABLE desk.sink (
    n bigint GENERATED ALWAYS AS IDENTITY, position bigint NOT NULL, stream uuid NOT NULL,
    version integer NOT NULL
);
GRANT SELECT, INSERT ON desk.sink TO casebook_service
"""
NOTE: Final = "INSERT INTO desk.sink (position, stream, version) VALUES (%s, %s, %s)"
NOTED: Final = "SELECT position, stream, version FROM desk.sink ORDER BY n"
LOG: Final = """
SELECT notification_id, originator_id, originator_version FROM log.events
 WHERE notification_id > %s ORDER BY notification_id
"""

Line = tuple[int, UUID, int]


def note(conn: Connection[TupleRow], recorded: Recorded) -> None:
    conn.execute(NOTE, (recorded.position, recorded.stream, recorded.version))


async def some_lives(store: Store, cases: int = 3) -> None:
    for _ in range(cases):
        case = await raised(store)
        await asked(store, case, c.Take())
        await asked(store, case, c.Escalate(comment="We lose orders."), x.CLARA)
        await asked(store, case, c.Post(text="We look."))


SINK: Final = Consumer(NAME, note, from_start=True)


def with_a_sink(database: Database) -> None:
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(TABLE)


@contextmanager
def standing(desk: Desk, name: str = NAME) -> Iterator[Cursor]:
    """The cursor of a consumer, on a connection of its own."""
    with connect(desk.settings.database_url, "casebook test consumer", autocommit=True) as conn:
        yield Cursor(conn, name)


def drained(desk: Desk, consumer: Consumer = SINK) -> None:
    """The consumer has everything that is in the log now."""
    url = desk.settings.database_url
    with standing(desk, consumer.name) as cursor, connect(url, "ear", autocommit=True) as ear:
        cursor.register(from_start=consumer.from_start)
        source, codec = LogSource(ear), codec_of(desk.settings)
        while step(cursor, consumer, source, codec):
            pass


def drained_by_kafka(settings: Settings, consumer: Consumer = SINK) -> None:
    """The same by way of Kafka, to which all of the log is published before."""
    desk = Desk(settings, {})
    with standing(desk, consumer.name) as cursor:
        cursor.register(from_start=consumer.from_start)
        published(settings)
        codec, end = codec_of(settings), head(settings)
        with from_kafka(settings, consumer.name)(cursor.conn) as source:
            while step(cursor, consumer, source, codec) or cursor.position < end:
                source.wait()


def noted(desk: Desk) -> list[Line]:
    with psycopg.connect(desk.settings.database_url) as conn:
        return conn.execute(NOTED).fetchall()


def logged(desk: Desk, after: int = 0) -> list[Line]:
    with psycopg.connect(desk.settings.database_url) as conn:
        return conn.execute(LOG, (after,)).fetchall()


def in_order(lines: list[Line]) -> dict[UUID, list[tuple[int, int]]]:
    """The order that holds, whatever brings the events: that of each stream."""
    streams: dict[UUID, list[tuple[int, int]]] = {}
    for position, stream, version in lines:
        streams.setdefault(stream, []).append((position, version))
    return streams
