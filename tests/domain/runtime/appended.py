"""What the tests of the log append, and how they read it: past everything that they test."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import TupleRow

from domain.runtime.frames import NO_KEYS, Frame, encode_batch
from tests.conftest import Database

T = TypeVar("T")


def a_frame(
    stream: UUID | None = None,
    version: int = 1,
    *,
    topic: str = "case.posted",
    state: bytes = b'{"v":1}',
    keys: Mapping[str, bytes] = NO_KEYS,
) -> Frame:
    return Frame(stream or uuid4(), version, topic, state, keys)


def append(connection: psycopg.Connection[TupleRow], *items: bytes) -> list[TupleRow]:
    """What log.append answers to these items in one call."""
    batch = encode_batch(items).decode()
    return connection.execute(
        "SELECT outcome, first_position FROM log.append(%s::jsonb)", (batch,)
    ).fetchall()


def rows(database: Database, query: str) -> list[TupleRow]:
    with psycopg.connect(database.owner_url) as owner:
        return owner.execute(query.encode()).fetchall()


def positions(database: Database) -> list[int]:
    found = rows(database, "SELECT notification_id FROM log.events ORDER BY 1")
    return [position for (position,) in found]


@contextmanager
def service(database: Database) -> Iterator[psycopg.Connection[TupleRow]]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 30))
