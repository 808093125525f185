"""A read model is made anew beside the one that is read, compared with it, and takes its place."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from random import Random
from time import sleep
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.json import Jsonb

from domain import commands as c
from domain.runtime.checkup import findings
from domain.runtime.database import connect
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from projections import filling, generation, search
from projections.comparing import ROW, Difference
from projections.filling import BuildFailed, Key
from projections.follower import ONE_FOLLOWS, READ_MODELS, catch_up, register
from projections.generation import (
    TABLES,
    Generation,
    OneBuilds,
    TablesInUse,
    building,
    drop_old,
    outdated,
)
from projections.page import Folded
from projections.rebuild import rebuild, verify
from tests import examples as x
from tests.api.http import serving
from tests.conftest import Database
from tests.deploy.running import CASEBOOK, within
from tests.desks import MASTER_KEY, Desk
from tests.domain.runtime.test_store import asked, on, raised
from tests.projections.following import (
    codec_of,
    dies,
    head,
    key_of,
    positions,
    projected,
    rows,
    silent,
)

KILLS = 3


async def some_cases(store: Store, many: int = 4) -> None:
    for number in range(many):
        case = await raised(store, x.CLARA if number % 2 else x.ADA)
        await asked(store, case, c.Take(), x.ANNA)
        await asked(store, case, c.Note(text="A loop."), x.ANNA)
        await asked(store, case, c.Post(text="Which version is it?"), x.ANNA)


@pytest.fixture
def shown(desk: Desk) -> Desk:
    """A desk with cases that the read models show."""
    on(desk, some_cases)
    projected(desk.settings)
    return desk


@pytest.fixture
def live(shown: Desk) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(shown.settings.database_url, autocommit=True) as conn:
        yield conn


def verified(settings: Settings, models: tuple[str, ...] = tuple(READ_MODELS)) -> list[Difference]:
    return list(verify(key_of(settings), models, silent))


def tables(conn: Connection[TupleRow], schema: str) -> set[str]:
    found = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
    return {name for (name,) in found}


@contextmanager
def followed(desk: Desk) -> Iterator[None]:
    """A follower at work, in a process of its own as always."""
    settings = desk.settings
    env = {**os.environ, "CASEBOOK_DATABASE_URL": settings.database_url}
    process = subprocess.Popen(
        [CASEBOOK.with_name("python"), "-m", "projections"],
        env={**env, "CASEBOOK_MASTER_KEY": MASTER_KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def written(desk: Desk) -> Iterator[list[int]]:
    """Somebody raises cases and works on them without a pause; how many commands so far."""
    done, ended = [0], threading.Event()

    async def work(store: Store) -> None:
        while not ended.is_set():
            await some_cases(store, 1)
            done[0] += 4
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=on, args=(desk, work))
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@contextmanager
def watched(desk: Desk) -> Iterator[list[int]]:
    """Somebody looks all the time how far a read model is."""
    seen, ended = [0], threading.Event()

    def look() -> None:
        with psycopg.connect(desk.settings.database_url, autocommit=True) as conn:
            while not ended.is_set():
                row = conn.execute("SELECT position FROM read.models WHERE name = 'cases'")
                seen.append((row.fetchone() or (0,))[0])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def test_what_is_made_anew_is_what_was_there_and_the_old_one_is_kept(
    shown: Desk, live: Connection[TupleRow]
) -> None:
    before, at = rows(shown.settings), positions(shown.settings)
    live.execute("UPDATE read.cases SET subject = 'Wrong' WHERE number = '00000001'")
    done = rebuild(key_of(shown.settings), ["cases"], silent)
    assert (done.models, done.position, dict(done.differed)) == (
        ["cases"],
        head(shown.settings),
        {"cases": 1},
    )
    assert rows(shown.settings) == before
    assert positions(shown.settings) == at
    assert (tables(live, "old"), tables(live, "next")) == ({"cases"}, set())
    (kept,) = live.execute("SELECT subject FROM old.cases ORDER BY number").fetchone() or ("",)
    assert kept == "Wrong"
    assert drop_old(live) == ["cases"]
    assert (tables(live, "old"), drop_old(live)) == (set(), [])


def test_in_many_parts_and_processes_it_is_the_same(
    shown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "EVENTS_A_PART", 3)
    assert verified(shown.settings) == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_however_much_is_read_at_a_time_it_is_the_same(
    shown: Desk, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(filling, "AT_ONCE", at_once)
    assert verified(shown.settings) == []


def test_a_word_that_two_processes_find_at_once_is_kept_once(
    shown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither sees the other's, so that both write it."""
    nothing = "SELECT word FROM search_words WHERE word = ANY(%(words)s) AND false"
    monkeypatch.setattr(search, "KNOWN", nothing)
    monkeypatch.setattr(filling, "AT_ONCE", 1)
    assert verified(shown.settings) == []


def test_a_read_model_that_stopped_goes_on_after_it_was_made_anew(
    shown: Desk, live: Connection[TupleRow]
) -> None:
    live.execute("UPDATE read.models SET failed_at = now(), failure = 'x' WHERE name = 'cases'")
    before = rows(shown.settings)
    on(shown, some_cases)
    rebuild(key_of(shown.settings), ["cases"], silent)
    assert positions(shown.settings)["cases"] == (head(shown.settings), None)
    assert len(rows(shown.settings)["cases"]) == 2 * len(before["cases"])


def test_while_it_is_made_commands_and_reads_go_on_and_nothing_is_lost(shown: Desk) -> None:
    counts: list[int] = []
    with (
        followed(shown),
        written(shown) as done,
        watched(shown) as seen,
        psycopg.connect(shown.settings.database_url, autocommit=True) as reader,
    ):
        for _ in range(3):
            before = done[0]
            rebuild(key_of(shown.settings), READ_MODELS, silent)
            assert done[0] > before, "commands were carried out meanwhile"
            row = reader.execute("SELECT count(*) FROM read.cases").fetchone()
            counts.append(row[0] if row else 0)
            assert verified(shown.settings) == []
    assert counts == sorted(counts)
    assert seen == sorted(seen), "a position never goes back"
    projected(shown.settings)
    assert set(positions(shown.settings).values()) == {(head(shown.settings), None)}
    assert verified(shown.settings) == []


def test_what_was_shown_a_moment_before_the_switch_is_shown_after_it(
    shown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overtaken(Generation):
        def _switched(self) -> int:
            on(shown, some_cases)
            projected(shown.settings)
            return super()._switched()

    monkeypatch.setattr(generation, "Generation", Overtaken)
    before = len(rows(shown.settings)["cases"])
    done = rebuild(key_of(shown.settings), READ_MODELS, silent)
    assert len(rows(shown.settings)["cases"]) == before + 4
    assert set(positions(shown.settings).values()) == {(done.position, None)}
    assert done.position == head(shown.settings)


def test_while_it_is_switched_the_follower_waits(
    shown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = threading.Thread(target=projected, args=(shown.settings,))

    class Raced(Generation):
        def follow(self, up_to: int | None = None, models: Collection[str] | None = None) -> None:
            super().follow(up_to, models)
            if up_to is not None and models is None:  # in the transaction that switches
                on(shown, some_cases)
                follower.start()
                follower.join(1)

    monkeypatch.setattr(generation, "Generation", Raced)
    with watched(shown) as seen:
        rebuild(key_of(shown.settings), READ_MODELS, silent)
        follower.join()
    assert seen == sorted(seen)
    assert set(positions(shown.settings).values()) == {(head(shown.settings), None)}


def test_what_was_never_followed_is_made_and_then_followed(desk: Desk) -> None:
    on(desk, some_cases)
    rebuild(key_of(desk.settings), READ_MODELS, silent)
    on(desk, some_cases)
    projected(desk.settings)
    assert set(positions(desk.settings).values()) == {(head(desk.settings), None)}
    assert verified(desk.settings) == []


def test_words_that_are_destroyed_leave_the_other_generations_too(
    shown: Desk, live: Connection[TupleRow]
) -> None:
    """What was read before, and what somebody left behind who died building it."""
    key = key_of(shown.settings)
    rebuild(key, READ_MODELS, silent)
    live.execute("SELECT read.begin_generation('{cases}', '{cases}', '{cases}')")
    live.execute("INSERT INTO next.cases SELECT * FROM read.cases")
    on(shown, some_cases)
    projected(shown.settings)
    assert tables(live, "old")
    assert tables(live, "next")

    async def redacted(store: Store) -> None:
        case = await raised(store)
        await asked(store, case, c.Redact(version=1, reason="A name."), x.SUE)

    on(shown, redacted)
    projected(shown.settings)
    assert (tables(live, "old"), tables(live, "next")) == (set(), set())
    with building(key, ["cases"]) as at_work:
        at_work.fill(head(shown.settings), silent)
        on(shown, redacted)
        projected(shown.settings)
        assert tables(live, "next"), "whoever is at work comes to it"
        at_work.follow()
        kept = str(live.execute("SELECT subject FROM next.cases ORDER BY number").fetchall()[-1])
    assert kept == "('[redacted]',)"


def test_the_release_before_finds_tables_with_their_keys(live: Connection[TupleRow]) -> None:
    """It writes over what is there, also while it fills; and goes on beside a newer schema."""
    live.execute("SELECT read.begin_generation('{search}', '{search_words}')")
    for _ in range(2):
        live.execute(
            "INSERT INTO next.search_words VALUES ('a', '{}') ON CONFLICT (word) DO NOTHING"
        )
    live.execute("SELECT read.index_generation('{search_words}')")
    live.execute("SELECT read.drop_generation('next')")


NOBODY = UUID(int=2**128 - 1)  # behind all others, whichever ids a desk has
# By what a row is known, what makes another one of it, and what else of it can be changed.
KEYS = {
    "access": ("account", "person", "case_id"),
    "activity": ("position",),
    "cases": ("id",),
    "directory": ("id",),
    "search": ("case_id",),
    "search_open": ("case_id",),
    "search_texts": ("case_id", "entry"),
    "search_words": ("word",),
}
OTHER: dict[str, dict[str, object]] = {
    "access": {"case_id": str(NOBODY)},
    "activity": {"position": 99_999},
    "cases": {"id": str(NOBODY), "number": "99999999"},
    "directory": {"id": str(NOBODY)},
    "search": {"case_id": str(NOBODY)},
    "search_open": {"case_id": str(NOBODY)},
    "search_texts": {"entry": str(NOBODY)},
    "search_words": {"word": "zebra"},
}
CHANGED: dict[str, tuple[str, object]] = {
    "activity": ("account", NOBODY),
    "cases": ("contact", NOBODY),
    "directory": ("account", NOBODY),
    "search": ("words", "'nobody':1"),
    "search_open": ("words", "'nobody':1"),
    "search_texts": ("text", "Nobody."),
    "search_words": ("short", ["zebra"]),
}
MODEL_OF = {table: model for model, tables in TABLES.items() for table in tables}
FIRST = SQL("SELECT {keys} FROM read.{table} ORDER BY {keys} LIMIT 1")
REMOVE = SQL("DELETE FROM read.{table} WHERE ({keys}) = ({first})")
COPY = SQL("""
INSERT INTO read.{table}
SELECT (jsonb_populate_record(NULL::read.{table}, to_jsonb(t) || %(other)s)).*
  FROM read.{table} t ORDER BY {keys} LIMIT 1
""")
CHANGE = SQL("UPDATE read.{table} SET {column} = %(changed)s WHERE ({keys}) = ({first})")


@pytest.mark.parametrize("table", MODEL_OF)
def test_each_row_that_says_something_else_is_named(
    shown: Desk, live: Connection[TupleRow], table: str
) -> None:
    """One that is missing, one that is too many, one that was changed."""
    before = rows(shown.settings)
    expected = {(plant(live, table, COPY, other=Jsonb(OTHER[table]))[1], ROW)}
    expected.add((plant(live, table, REMOVE)[0], ROW))
    if table in CHANGED:
        column, changed = CHANGED[table]
        expected.add((plant(live, table, CHANGE, changed=changed)[0], column))
    found = verified(shown.settings)
    assert {(one.key, one.column) for one in found} == expected
    assert {one.model for one in found} == {MODEL_OF[table]}
    live_rows = [one.live for one in found if one.column == ROW and one.live]
    assert [{name: row[name] for name in OTHER[table]} for row in live_rows] == [OTHER[table]]
    assert all(one.live != one.replayed for one in found)
    rebuild(key_of(shown.settings), READ_MODELS, silent)
    assert (rows(shown.settings), verified(shown.settings)) == (before, [])


def plant(
    conn: Connection[TupleRow], table: str, statement: SQL, **values: object
) -> tuple[str, str]:
    """Does that to the first row; its key, and that of one which is made of it."""
    keys = SQL(", ").join(map(Identifier, KEYS[table]))
    parts = {"table": Identifier(table), "keys": keys}
    row = conn.execute(FIRST.format(**parts)).fetchone()
    assert row is not None
    known = {
        "first": SQL(", ").join(map(Literal, row)),
        "column": Identifier(CHANGED.get(table, ("x",))[0]),
    }
    conn.execute(statement.format(**parts, **known), values)
    made = {**dict(zip(KEYS[table], row, strict=True)), **OTHER[table]}
    return (", ".join(map(str, row)), ", ".join(str(made[key]) for key in KEYS[table]))


def test_who_comes_nearer_is_waited_for_however_long_it_takes(
    shown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.rebuild.PATIENCE_SECONDS", 2)
    on(shown, some_cases)
    codec = codec_of(shown.settings)

    def follow_slowly() -> None:
        with connect(shown.settings.database_url, "casebook test", autocommit=True) as conn:
            register(conn, READ_MODELS)
            folded = Folded(codec)
            while catch_up(conn, codec, folded, READ_MODELS, most=1):
                sleep(0.2)

    follower = threading.Thread(target=follow_slowly)
    follower.start()
    assert verified(shown.settings) == []
    follower.join()


@pytest.mark.parametrize("model", READ_MODELS)
@pytest.mark.parametrize("away", [-3, 3])
def test_a_position_that_is_none_is_named(
    shown: Desk,
    live: Connection[TupleRow],
    model: str,
    away: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("projections.rebuild.PATIENCE_SECONDS", 0)
    end = head(shown.settings)
    live.execute("UPDATE read.models SET position = position + %s WHERE name = %s", [away, model])
    stale = [one for one in verified(shown.settings) if not one.key]
    assert stale == [Difference(model, "", "position", end + away, end)]


def test_another_shape_is_another_generation(shown: Desk, database: Database) -> None:
    settings = shown.settings
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        assert outdated(owner) == []
        owner.execute("ALTER TABLE shape.cases ADD COLUMN mood text NOT NULL DEFAULT 'fine'")
        owner.execute("CREATE INDEX cases_by_mood ON shape.cases (mood)")
        assert outdated(owner) == ["cases"]
        found = findings(settings.database_url, codec_of(settings), ONE_FOLLOWS)
        assert "casebook rebuild cases" in {one.mend for one in found}
        before = rows(settings)
        projected(settings)
        assert rows(settings) == before
        assert verified(settings) == []
        rebuild(key_of(settings), ["cases"], silent)
        assert outdated(owner) == []
        assert owner.execute("SELECT DISTINCT mood FROM read.cases").fetchall() == [("fine",)]
        owner.execute("DROP INDEX shape.cases_by_mood")
        assert outdated(owner) == ["cases"]
    on(shown, some_cases)
    projected(settings)
    assert positions(settings)["cases"] == (head(settings), None)


def test_the_projections_of_a_new_release_make_it_before_they_follow(
    desk: Desk, database: Database
) -> None:
    with serving(desk) as http, psycopg.connect(database.owner_url, autocommit=True) as owner:
        http.raised()
        http.shown()
        owner.execute("ALTER TABLE shape.cases ADD COLUMN mood text")
        answer = http.client.get("/readyz")
        because = "The read model cases is being made anew for this release."
        assert (answer.status_code, answer.json()["because"]) == (503, because)
        assert http.get(x.CLARA, "/cases").json()["total"] == 1
        with followed(http.desk):
            assert within(20, lambda: http.client.get("/readyz").status_code == 200)
            case = http.raised()
            assert within(20, lambda: http.get(x.CLARA, "/cases").json()["total"] == 2), case
        owner.execute("SELECT mood FROM read.cases")


def test_one_is_built_at_a_time(shown: Desk) -> None:
    key = key_of(shown.settings)
    with building(key, ["cases"]), pytest.raises(OneBuilds):
        rebuild(key, ["access"], silent)


def test_what_cannot_be_read_is_said_and_the_live_one_stays(shown: Desk) -> None:
    before = rows(shown.settings), positions(shown.settings)
    key = key_of(shown.settings)
    other = Key(key.url, bytes(32))
    with pytest.raises(BuildFailed, match="stays as it is: KeyUnusable"):
        rebuild(other, READ_MODELS, silent)
    assert (rows(shown.settings), positions(shown.settings)) == before


def test_that_a_process_which_fills_was_ended_is_said(
    shown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "EVENTS_A_PART", 3)
    monkeypatch.setattr(generation, "fill_part", dies)
    before = rows(shown.settings)
    with pytest.raises(BuildFailed, match="a process that filled it was ended"):
        rebuild(key_of(shown.settings), READ_MODELS, silent)
    assert rows(shown.settings) == before


def test_who_reads_is_waited_for_and_shuts_nobody_out(
    shown: Desk, live: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "SWITCH_SECONDS", 1)
    key = key_of(shown.settings)
    with psycopg.connect(shown.settings.database_url) as reader:
        reader.execute("SELECT FROM read.cases")
        with pytest.raises(TablesInUse):
            rebuild(key, ["cases"], silent)
        assert tables(live, "next") == set()
        monkeypatch.setattr(generation, "SWITCH_SECONDS", 30)
        threading.Timer(1, reader.rollback).start()
        assert rebuild(key, ["cases"], silent).position == head(shown.settings)


def test_killed_at_any_moment_it_changed_nothing_or_all(desk: Desk) -> None:
    killed_at_any_moment(desk, KILLS)


@pytest.mark.soak
def test_killed_often_it_changed_nothing_or_all(desk: Desk) -> None:
    killed_at_any_moment(desk, 20)


def killed_at_any_moment(desk: Desk, kills: int) -> None:
    on(desk, lambda store: some_cases(store, 40))
    projected(desk.settings)
    shown, chance = rows(desk.settings), Random(kills)
    env = {**os.environ, "CASEBOOK_DATABASE_URL": desk.settings.database_url}
    for _ in range(kills):
        process = subprocess.Popen(
            [CASEBOOK, "rebuild", "all"],
            env={**env, "CASEBOOK_MASTER_KEY": MASTER_KEY},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.8, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert rows(desk.settings) == shown
        assert set(positions(desk.settings).values()) == {(head(desk.settings), None)}
    assert within(10, lambda: _is_free(desk))
    assert not rebuild(key_of(desk.settings), READ_MODELS, silent).differed
    assert rows(desk.settings) == shown


def _is_free(desk: Desk) -> bool:
    try:
        with building(key_of(desk.settings), ["cases"]):
            return True
    except OneBuilds:
        return False


def test_the_service_makes_and_drops_no_other_tables(shown: Desk) -> None:
    with psycopg.connect(shown.settings.database_url, autocommit=True) as conn:
        for statement in (
            "DROP TABLE read.cases",
            "ALTER TABLE read.cases SET SCHEMA old",
            "CREATE TABLE next.mine ()",
            "INSERT INTO shape.access VALUES (NULL, NULL, NULL)",
            "SELECT shape.copy('cases', 'read', 'old')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("SELECT read.begin_generation('{}', '{passwords}', '{}')")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            conn.execute("SELECT read.drop_generation('read')")
