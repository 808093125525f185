"""The read models of a desk, brought to the head as the follower does it."""

import os
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.runtime.codec import Codec
from domain.runtime.database import connect
from domain.runtime.keys import Keyring
from domain.runtime.settings import Settings
from projections.filling import Key
from projections.follower import MOST_EVENTS, READ_MODELS, Apply, catch_up, register
from projections.page import Folded

TABLES = {
    "access": "SELECT to_jsonb(a)::text FROM read.access a ORDER BY a::text",
    "activity": "SELECT to_jsonb(a)::text FROM read.activity a ORDER BY a.position",
    "directory": "SELECT to_jsonb(d)::text FROM read.directory d ORDER BY d.id",
    "cases": "SELECT to_jsonb(c)::text FROM read.cases c ORDER BY c.id",
    "search": "SELECT to_jsonb(s)::text FROM read.search s ORDER BY s.case_id",
    "search_open": "SELECT to_jsonb(s)::text FROM read.search_open s ORDER BY s.case_id",
    "search_texts": "SELECT to_jsonb(t)::text FROM read.search_texts t ORDER BY t::text",
    "search_words": "SELECT to_jsonb(w)::text FROM read.search_words w ORDER BY w.word",
}


def codec_of(settings: Settings) -> Codec:
    return Codec(Keyring(settings.master_key_bytes))


def key_of(settings: Settings) -> Key:
    return Key(settings.database_url, settings.master_key_bytes)


def silent(_step: str, _done: int, _of: int) -> None:
    pass


def dies(*_asked: object) -> None:
    """In the place of what a process was to do."""
    os._exit(1)


def projected(
    settings: Settings, *, most: int = MOST_EVENTS, models: Mapping[str, Apply] = READ_MODELS
) -> None:
    """Everything that is in the log now is in the read models."""
    with connect(settings.database_url, "casebook test follower", autocommit=True) as conn:
        follow_to_the_head(conn, codec_of(settings), most=most, models=models)


def follow_to_the_head(
    conn: Connection[TupleRow],
    codec: Codec,
    *,
    most: int = MOST_EVENTS,
    models: Mapping[str, Apply] = READ_MODELS,
) -> None:
    register(conn, models)
    folded = Folded(codec)
    while catch_up(conn, codec, folded, models, most):
        pass


def rows(settings: Settings) -> dict[str, list[str]]:
    """Every row of every read model, as the server writes it."""
    with psycopg.connect(settings.database_url) as conn:
        return {
            name: [row for (row,) in conn.execute(statement)] for name, statement in TABLES.items()
        }


def positions(settings: Settings) -> dict[str, tuple[int, str | None]]:
    """Where each read model stands, and why it stopped if it did."""
    with psycopg.connect(settings.database_url) as conn:
        found: list[tuple[Any, ...]] = conn.execute(
            "SELECT name, position, failure FROM read.models"
        ).fetchall()
    return {name: (position, failure) for name, position, failure in found}


def head(settings: Settings) -> int:
    with psycopg.connect(settings.database_url) as conn:
        row = conn.execute("SELECT coalesce(max(notification_id), 0) FROM log.events").fetchone()
    assert row is not None
    return int(row[0])
