"""A read model is emptied and made again, whatever the follower does meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain import commands as c
from domain.runtime.database import connect
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from projections import cases
from projections.follower import READ_MODELS, catch_up, register
from projections.generation import TABLES
from projections.page import Folded, Page
from projections.rebuild import reset
from tests import examples as x
from tests.deploy.running import within
from tests.desks import Desk
from tests.domain.runtime.test_store import asked, on, raised
from tests.projections.following import codec_of, head, positions, projected, rows

WAITING = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def desk_with_cases(desk: Desk) -> Desk:
    async def work(store: Store) -> None:
        for _ in range(3):
            case = await raised(store)
            await asked(store, case, c.Take(), x.ANNA)

    on(desk, work)
    return desk


@pytest.fixture
def follower(desk_with_cases: Desk) -> Iterator[Connection[TupleRow]]:
    with connect(desk_with_cases.settings.database_url, "follower", autocommit=True) as conn:
        register(conn, READ_MODELS)
        yield conn


@pytest.fixture
def operator(desk: Desk) -> Iterator[Connection[TupleRow]]:
    with connect(desk.settings.database_url, "operator", autocommit=True) as conn:
        yield conn


def somebody_waits(settings: Settings) -> bool:
    with connect(settings.database_url, "watcher", autocommit=True) as watcher:
        return within(10, lambda: watcher.execute(WAITING).rowcount == 1)


def test_each_read_model_says_all_that_it_writes(desk: Desk) -> None:
    assert set(TABLES) == set(READ_MODELS)
    with psycopg.connect(desk.settings.database_url) as conn:
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'read'")
        written = {name for (name,) in tables} - {"models"}
    assert {table for tables in TABLES.values() for table in tables} == written


def test_a_read_model_that_was_reset_is_made_again_and_no_other(
    desk_with_cases: Desk, operator: Connection[TupleRow]
) -> None:
    projected(desk_with_cases.settings)
    shown, end = rows(desk_with_cases.settings), head(desk_with_cases.settings)
    operator.execute("UPDATE read.models SET failed_at = now(), failure = 'x'")
    reset(operator, ["cases"])
    assert rows(desk_with_cases.settings) == {**shown, "cases": []}
    others = {name: (end, "x") for name in READ_MODELS if name != "cases"}
    assert positions(desk_with_cases.settings) == {**others, "cases": (0, None)}
    projected(desk_with_cases.settings)
    assert rows(desk_with_cases.settings) == shown


def test_a_reset_waits_for_the_page_under_way_and_is_not_forgotten_by_it(
    desk_with_cases: Desk, follower: Connection[TupleRow], operator: Connection[TupleRow]
) -> None:
    settings = desk_with_cases.settings
    reached, go_on = threading.Event(), threading.Event()

    def slow(conn: Connection[TupleRow], page: Page) -> None:
        cases.apply(conn, page)
        if page.last > start:
            reached.set()
            assert go_on.wait(20)

    models, folded = {**READ_MODELS, cases.NAME: slow}, Folded(codec_of(settings))
    start = head(settings) - 2
    assert catch_up(follower, codec_of(settings), folded, models, start)
    with ThreadPoolExecutor() as threads:
        page = threads.submit(catch_up, follower, codec_of(settings), folded, models)
        assert reached.wait(20)
        resetting = threads.submit(reset, operator, [cases.NAME])
        waits = somebody_waits(settings)
        go_on.set()
        assert waits
        assert page.result(20)
        resetting.result(20)
    others = {name: (head(settings), None) for name in READ_MODELS if name != "cases"}
    assert positions(settings) == {**others, "cases": (0, None)}
    assert rows(settings)["cases"] == []
    projected(settings)
    assert len(rows(settings)["cases"]) == 3


def test_a_page_that_waited_for_a_reset_begins_where_it_left_things(
    desk_with_cases: Desk, follower: Connection[TupleRow], operator: Connection[TupleRow]
) -> None:
    settings = desk_with_cases.settings
    codec, most = codec_of(settings), head(settings) - 2
    assert catch_up(follower, codec, Folded(codec), READ_MODELS, most)
    with ThreadPoolExecutor() as threads, operator.transaction():
        reset(operator, list(READ_MODELS))
        page = threads.submit(catch_up, follower, codec, Folded(codec), READ_MODELS)
        assert somebody_waits(settings)
    assert page.result(20)
    assert set(positions(settings).values()) == {(head(settings), None)}
    assert len(rows(settings)["cases"]) == 3
