"""The follower: every read model is what the log says, whoever fails, leaves or is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psycopg
import pytest
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL

from domain import commands as c
from domain.events import Created, Escalated
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.database import connect
from domain.runtime.history import page
from domain.runtime.keys import Keyring
from domain.runtime.sealing import Seal
from domain.runtime.store import Store
from domain.values import ResolutionType, Slot
from projections import access, cases, follower
from projections.cases import READ, CaseRow, row_of
from projections.follower import HOLE_FOUND, LEADING, READ_MODELS, STANDING_BY, catch_up
from projections.page import Folded, Page
from projections.rebuild import reset
from tests import examples as x
from tests.conftest import Database
from tests.deploy.running import within
from tests.desks import MASTER_KEY, Desk
from tests.domain.runtime.test_store import asked, on, raised
from tests.projections.following import (
    codec_of,
    head,
    positions,
    projected,
    rows,
)

SECRET = "The password is hunter2."


async def some_lives(store: Store) -> None:
    """A few cases that go through most of what the read models show."""
    for number in range(4):
        case = await raised(store, x.CLARA if number % 2 else x.ADA)
        for command, by in (
            (c.Take(), x.ANNA),
            (c.Post(text=SECRET), x.CLARA if number % 2 else x.ADA),
            (c.Note(text="Hm."), x.ANNA),
            (c.Escalate(comment="We lose orders."), x.ADA),
            (c.ChangeTags(add=("slow",)), x.ANNA),
            (c.ChangeRecipients(add=("bo@acme.com",)), x.ADA),
            (c.Resolve(type=ResolutionType.PROVIDED, root_cause="A loop.", summary="2.1"), x.ANNA),
        ):
            await asked(store, case, command, by)
        if number == 1:
            await asked(store, case, c.AcceptResolution(), x.ADA)
            await asked(store, case, c.Reopen(comment="Again."), x.ADA)
            await asked(store, case, c.ChangeDetails(contact=x.id_of(x.CARL)), x.ANNA)
        if number == 2:
            await asked(store, case, c.Merge(into="1"), x.ANNA)
        if number == 3:
            await asked(store, case, c.Redact(version=1, reason="A name."), x.SUE)


def emptied(desk: Desk) -> None:
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("DELETE FROM read.models")
        conn.execute("DELETE FROM read.cases")
        conn.execute("DELETE FROM read.access")


@pytest.mark.parametrize("most", [1, 7])
def test_page_by_page_gives_the_same_bytes_as_all_at_once(desk: Desk, most: int) -> None:
    on(desk, some_lives)
    projected(desk.settings)
    at_once = rows(desk.settings)
    assert len(at_once["cases"]) == 4
    emptied(desk)
    projected(desk.settings, most=most)
    assert rows(desk.settings) == at_once


def test_following_along_gives_the_same_bytes_as_afterwards(desk: Desk) -> None:
    """One memory of folded cases from the first event on, as a follower that never stops has it."""

    async def work(store: Store) -> None:
        with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
            codec = codec_of(desk.settings)
            follower.register(conn, READ_MODELS)
            folded, lives = Folded(codec), asyncio.create_task(some_lives(store))
            while not lives.done():
                await asyncio.sleep(0.01)
                catch_up(conn, codec, folded, READ_MODELS)
            await lives
            while catch_up(conn, codec, folded, READ_MODELS):
                pass

    on(desk, work)
    along = rows(desk.settings)
    emptied(desk)
    projected(desk.settings)
    assert rows(desk.settings) == along


def test_a_read_model_that_is_behind_shows_at_each_position_what_was_then(desk: Desk) -> None:
    """Beside one that stands at the head, and by a follower that remembers the cases from there."""
    on(desk, some_lives)
    codec, log = codec_of(desk.settings), _log(desk)
    with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
        follower.register(conn, READ_MODELS)
        folded = Folded(codec)
        while catch_up(conn, codec, folded, READ_MODELS):
            pass
        at_the_head = rows(desk.settings)
        back_to = before = len(log) // 2
        conn.execute("UPDATE read.models SET position = %s WHERE name = 'cases'", (back_to,))
        while catch_up(conn, codec, folded, READ_MODELS, 5):
            position = positions(desk.settings)[cases.NAME][0]
            shown = conn.cursor(row_factory=class_row(CaseRow)).execute(READ + SQL("true"))
            written = {r.stream for r in log[before:position]}
            for row in (row for row in shown.fetchall() if row.id in written):
                then = [r for r in log[:position] if r.stream == row.id]
                case = case_of(then)
                assert case is not None
                assert row == row_of(case, x.NAMES)
            before = position
    assert rows(desk.settings) == at_the_head


@pytest.mark.parametrize("most", [1, 1_000])
@pytest.mark.parametrize("fault", ["ZeroDivisionError", "DivisionByZero", "ProgramLimitExceeded"])
def test_a_read_model_that_fails_stops_alone_at_that_event_and_says_why(
    desk: Desk, fault: str, most: int
) -> None:
    on(desk, some_lives)

    def planted(conn: Connection[TupleRow], page: Page) -> None:
        cases.apply(conn, page)
        if any(isinstance(recorded.event, Escalated) for recorded in page.recorded):
            if fault == "ProgramLimitExceeded":
                conn.execute("SELECT repeat('x', 2000000000)")
            if fault == "DivisionByZero":
                conn.execute("SELECT 1 / 0")
            raise ZeroDivisionError

    projected(desk.settings, most=most, models={access.NAME: access.apply, cases.NAME: planted})
    found = positions(desk.settings)
    assert found[access.NAME] == (head(desk.settings), None)
    stopped, why = found[cases.NAME]
    assert why is not None
    assert why.startswith(f"{fault} at test_following.py, line ")
    first = next(r for r in _log(desk) if isinstance(r.event, Escalated))
    assert stopped == first.position - 1
    with psycopg.connect(desk.settings.database_url) as conn:
        shown = conn.execute("SELECT version FROM read.cases WHERE id = %s", (first.stream,))
        assert shown.fetchone() == (first.version - 1,), "rows and position are kept together"
        reset(conn, [cases.NAME])
    projected(desk.settings)
    assert set(positions(desk.settings).values()) == {(head(desk.settings), None)}


@pytest.mark.parametrize("fault", ["of ours", "of the database", "of an event"])
def test_why_a_read_model_stopped_never_quotes_what_people_wrote(
    desk: Desk, database: Database, fault: str
) -> None:
    """Neither where everybody can read it, without a token, nor in the log."""
    on(desk, some_lives)

    def planted(conn: Connection[TupleRow], page: Page) -> None:
        for case in page.cases.values():
            if fault == "of the database":
                conn.execute("SELECT %s::integer", [case.details.subject])
            raise ValueError(case.details.subject)

    if fault == "of an event":
        projected(desk.settings, models={"planted": lambda _conn, _page: None})
        spoilt(desk, database)
    with structlog.testing.capture_logs() as logs:
        projected(desk.settings, models={"planted": planted})
    (why,) = {why for _, why in positions(desk.settings).values()}
    assert why
    for told in (why, str(logs)):
        assert x.CREATE.subject not in told
        assert SECRET not in told


def spoilt(desk: Desk, database: Database) -> None:
    """An event with words in a field that no release ever wrote."""
    created = next(r for r in _log(desk) if isinstance(r.event, Created))
    seal = Seal(Keyring(desk.settings.master_key_bytes), x.CASE, 1)
    state = orjson.loads(codec_of(desk.settings).encode(created).state)
    state["data"] = seal.fields({"nonsense": Slot.TEXT}, {"nonsense": SECRET}, "")
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(
            "INSERT INTO log.events SELECT max(notification_id) + 1, %s, 1, 'case.created', %s,"
            " now(), NULL FROM log.events",
            (x.CASE, orjson.dumps(state)),
        )
        conn.execute(
            "INSERT INTO log.keys (stream, version, slot, wrapped) VALUES (%s, 1, 'text', %s)",
            (x.CASE, seal.wrapped["text"]),
        )


def test_an_event_that_cannot_be_read_stops_whoever_must_read_it(
    desk: Desk, database: Database
) -> None:
    on(desk, some_lives)
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(
            "UPDATE log.keys SET wrapped = decode('00', 'hex')"
            " WHERE slot = 'text' AND wrapped IS NOT NULL"
        )
    projected(desk.settings)
    for position, why in positions(desk.settings).values():
        assert position < head(desk.settings)
        assert why is not None
        assert why.startswith("KeyUnusable")


def test_what_stands_before_an_event_that_cannot_be_read_is_shown(
    desk: Desk, database: Database
) -> None:
    on(desk, some_lives)
    poison = next(r for r in _log(desk) if isinstance(r.event, Escalated))
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(
            "UPDATE log.keys SET wrapped = decode('00', 'hex') WHERE stream = %s AND version = %s",
            (poison.stream, poison.version),
        )
    projected(desk.settings)
    assert {position for position, _ in positions(desk.settings).values()} == {poison.position - 1}


def test_a_hole_is_an_alarm_and_never_a_wait(desk: Desk, database: Database) -> None:
    on(desk, some_lives)
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(
            "INSERT INTO log.events SELECT (SELECT max(notification_id) + 2 FROM log.events),"
            " gen_random_uuid(), 1, topic, state, recorded_at, NULL FROM log.events"
            " WHERE topic = 'catalogue.set'"
        )
    with structlog.testing.capture_logs() as logs:
        projected(desk.settings)
    assert [log["event"] for log in logs if log["log_level"] == "critical"] == [HOLE_FOUND]
    assert {p for p, _ in positions(desk.settings).values()} == {head(desk.settings)}


def test_a_dropped_connection_blames_nobody(desk: Desk, database: Database) -> None:
    on(desk, some_lives)

    def dropped(conn: Connection[TupleRow], page: Page) -> None:
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
        cases.apply(conn, page)

    with structlog.testing.capture_logs() as logs, pytest.raises(psycopg.OperationalError):
        projected(desk.settings, models={access.NAME: access.apply, cases.NAME: dropped})
    assert logs == []
    assert set(positions(desk.settings).values()) <= {(0, None)}
    projected(desk.settings)
    assert set(positions(desk.settings).values()) == {(head(desk.settings), None)}


def test_redacted_words_leave_the_read_models(desk: Desk) -> None:
    """Also from the memory of a follower that had folded the case before."""

    async def work(store: Store) -> None:
        case = await raised(store)
        with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
            codec = codec_of(desk.settings)
            follower.register(conn, READ_MODELS)
            folded = Folded(codec)
            while catch_up(conn, codec, folded, READ_MODELS):
                pass
            assert x.CREATE.subject in "".join(rows(desk.settings)["cases"])
            await asked(store, case, c.Redact(version=1, reason="A name."), x.SUE)
            await asked(store, case, c.Post(text="More."), x.CLARA)
            while catch_up(conn, codec, folded, READ_MODELS):
                pass
        assert x.CREATE.subject not in "".join(rows(desk.settings)["cases"])

    on(desk, work)


def test_erased_words_leave_the_read_models(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case = await raised(store)
        projected(desk.settings)
        await asked(store, case, c.Erase(reason="At Acme's wish."), x.OPERATOR)
        projected(desk.settings)
        assert x.CREATE.description not in "".join(rows(desk.settings)["cases"])

    on(desk, work)


@contextmanager
def following(desk: Desk, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m projections` on this desk; what it says is kept in a file."""
    env = {
        **os.environ,
        "CASEBOOK_DATABASE_URL": desk.settings.database_url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
    }
    with said.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "projections"], env=env, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def at_the_head(desk: Desk) -> bool:
    found = positions(desk.settings)
    return bool(found) and {p for p, _ in found.values()} == {head(desk.settings)}


def test_a_second_follower_stands_by_and_takes_over_within_5_seconds(
    desk: Desk, tmp_path: Path
) -> None:
    async def one_more(store: Store) -> None:
        await raised(store)

    said = tmp_path / "second"
    with following(desk, tmp_path / "first") as first:
        assert within(20, lambda: at_the_head(desk))
        with following(desk, said) as second:
            assert within(20, lambda: STANDING_BY in said.read_text())
            on(desk, one_more)
            assert within(5, lambda: at_the_head(desk))
            assert LEADING not in said.read_text()
            first.send_signal(signal.SIGKILL)
            first.wait()
            on(desk, one_more)
            assert within(5, lambda: at_the_head(desk))
            assert second.poll() is None
            second.send_signal(signal.SIGTERM)
            assert second.wait(5) == 0


def _log(desk: Desk) -> list[Recorded]:
    with connect(desk.settings.database_url, "casebook test") as conn:
        return codec_of(desk.settings).decode_all(page(conn, 0, 10_000))


def test_what_had_stopped_is_tried_again_at_the_next_start(desk: Desk, tmp_path: Path) -> None:
    on(desk, some_lives)

    def planted(conn: Connection[TupleRow], page: Page) -> None:
        raise ZeroDivisionError(f"planted after {len(page.recorded)} for {conn}")

    projected(desk.settings, models={access.NAME: access.apply, cases.NAME: planted})
    assert positions(desk.settings)[cases.NAME][1] is not None
    with following(desk, tmp_path / "said"):
        assert within(20, lambda: at_the_head(desk))
    assert set(positions(desk.settings).values()) == {(head(desk.settings), None)}
