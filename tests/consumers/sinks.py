"""A consumer that writes down what it handles, in a table that holds it to once and in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.runner import Consumer, step
from consumers.sources import LogSource
from domain.recorded import Recorded
from domain.runtime.consuming import Cursor
from domain.runtime.database import connect
from tests.conftest import Database
from tests.desks import Desk
from tests.projections.following import codec_of

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


def noted(desk: Desk) -> list[Line]:
    with psycopg.connect(desk.settings.database_url) as conn:
        return conn.execute(NOTED).fetchall()


def logged(desk: Desk, after: int = 0) -> list[Line]:
    with psycopg.connect(desk.settings.database_url) as conn:
        return conn.execute(LOG, (after,)).fetchall()
