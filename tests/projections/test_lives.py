"""Whatever cases live through, the read models are the same however the log was read."""

from collections.abc import Iterator
from random import Random
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL

from domain.events import Erased, Redacted
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.database import connect
from domain.runtime.history import STREAM, stored
from domain.runtime.store import Store
from projections.cases import READ, CaseRow, row_of
from projections.follower import READ_MODELS, catch_up, register
from projections.page import Folded
from projections.rebuild import rebuild
from tests.desks import Desk
from tests.domain.runtime.test_store import on
from tests.domain.test_laws import Desk as Asking
from tests.examples import NAMES
from tests.projections.following import codec_of, key_of, projected, rows, silent

STEPS = 150


def lives(seed: int) -> list[Recorded]:
    """What happened to a few cases while everybody asked for everything, in some order."""
    chance, asking = Random(seed), Asking()
    asking.two_cases(salt=seed)
    for _ in range(STEPS):
        asking.ask(seed=chance.randrange(2**32))
    left = [list(history) for history in asking.world.histories.values()]
    return [one.pop(0) for one in iter(lambda: _one_with_more(chance, left), None)]


def _one_with_more(chance: Random, left: list[list[Recorded]]) -> list[Recorded] | None:
    more = [history for history in left if history]
    return chance.choice(more) if more else None


@pytest.fixture
def conn(desk: Desk) -> Iterator[Connection[TupleRow]]:
    with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
        yield conn


def emptied(conn: Connection[TupleRow]) -> None:
    conn.execute("DELETE FROM read.models")
    conn.execute("DELETE FROM read.cases")
    conn.execute("DELETE FROM read.access")


@pytest.mark.parametrize("seed", range(3))
def test_along_page_by_page_and_all_at_once_give_the_same_bytes(
    desk: Desk, conn: Connection[TupleRow], seed: int
) -> None:
    """Also where words were destroyed in between, which somebody had folded before."""
    happened, chance, codec = lives(seed), Random(seed), codec_of(desk.settings)
    assert any(isinstance(recorded.event, Redacted | Erased) for recorded in happened)

    async def along(store: Store) -> None:
        register(conn, READ_MODELS)
        folded = Folded(codec)
        for recorded in happened:
            await store.queue.append([codec.encode(recorded)], uuid4())
            if chance.random() < 0.3:
                catch_up(conn, codec, folded, READ_MODELS)
        while catch_up(conn, codec, folded, READ_MODELS):
            pass

    on(desk, along)
    shown = rows(desk.settings)
    assert shown["cases"]
    for most in (1, 7, 1_000):
        emptied(conn)
        projected(desk.settings, most=most)
        assert rows(desk.settings) == shown, f"pages of {most}"
    is_a_fold(conn, desk)
    rebuild(key_of(desk.settings), READ_MODELS, silent)
    assert rows(desk.settings) == shown, "stream by stream"


def is_a_fold(conn: Connection[TupleRow], desk: Desk) -> None:
    """Each row is what the log says, read anew, as far as its words are still there."""
    codec = codec_of(desk.settings)
    with conn.cursor(row_factory=class_row(CaseRow)) as cursor:
        shown = cursor.execute(READ + SQL("true")).fetchall()
    for row in shown:
        history = conn.execute(STREAM, {"stream": row.id}, binary=True).fetchall()
        case = case_of(codec.decode_all(stored(one) for one in history))
        assert case is not None
        assert row == row_of(case, NAMES)
