"""A consumer handles each event once and in order; what it cannot handle parks its case alone."""

import psycopg
import pytest
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.runner import CASE_PARKED, GAP_FOUND, Consumer, step
from consumers.sources import Batch
from domain import commands as c
from domain.events import Escalated
from domain.recorded import Recorded
from domain.runtime.consuming import Cursor, all_parked, release
from domain.runtime.history import page
from domain.runtime.sealing import Stored
from domain.runtime.store import Store
from tests import examples as x
from tests.consumers.conftest import Drain
from tests.consumers.sinks import (
    NAME,
    SINK,
    Line,
    in_order,
    logged,
    note,
    noted,
    some_lives,
    standing,
)
from tests.desks import Desk
from tests.domain.runtime.test_store import asked, on, raised
from tests.projections.following import codec_of, head

SECRET = "The password is hunter2."


def refusing(*refused: int) -> Consumer:
    """A sink that cannot handle what stands at some positions."""

    def handle(conn: Connection[TupleRow], recorded: Recorded) -> None:
        note(conn, recorded)
        if recorded.position in refused:
            raise ValueError(SECRET)

    return Consumer(NAME, handle, from_start=True)


class Given:
    """A source that has what a test gives it, one batch after the other."""

    def __init__(self, *batches: list[Stored]) -> None:
        self.batches = list(batches)

    def wait(self) -> None:
        """Everything is there."""

    def batch(self, _cursor: Cursor) -> Batch:
        return Batch(self.batches.pop(0) if self.batches else [], None)

    def done(self) -> None:
        """Nothing comes again."""


def given(desk: Desk, *batches: list[Stored]) -> None:
    """The sink takes what comes in these batches."""
    with standing(desk) as cursor:
        cursor.register(from_start=True)
        source = Given(*batches)
        while step(cursor, SINK, source, codec_of(desk.settings)):
            pass


def rows(desk: Desk) -> list[Stored]:
    with psycopg.connect(desk.settings.database_url) as conn:
        return page(conn, 0, 1_000)


def of(lines: list[Line], stream: object) -> list[int]:
    return [version for _, one, version in lines if one == stream]


def test_every_event_of_the_log_is_handled_once_and_in_its_order(sink: Desk, drain: Drain) -> None:
    on(sink, some_lives)
    drain()
    on(sink, some_lives)
    drain()
    assert in_order(noted(sink)) == in_order(logged(sink))
    assert len(noted(sink)) == len(logged(sink))


def test_a_new_consumer_begins_at_the_head_also_within_a_case(sink: Desk, drain: Drain) -> None:
    began = 0

    async def work(store: Store) -> None:
        nonlocal began
        case = await raised(store)
        await asked(store, case, c.Take())
        began = head(sink.settings)
        drain(Consumer(NAME, note))
        await asked(store, case, c.Post(text="We look."))
        await raised(store)

    on(sink, work)
    drain(Consumer(NAME, note))
    assert in_order(noted(sink)) == in_order(logged(sink, began))
    assert len(noted(sink)) == 2


def test_what_comes_again_is_skipped(sink: Desk) -> None:
    on(sink, some_lives)
    all_of_it = rows(sink)
    given(sink, all_of_it, all_of_it[3:], [all_of_it[-1]] * 3)
    assert noted(sink) == logged(sink)
    with standing(sink) as cursor:
        assert all_parked(cursor.conn) == []
        assert cursor.conn.execute("SELECT gaps FROM desk.consumers").fetchall() == [(0,)]


def test_a_gap_is_an_alarm_and_what_lacks_comes_from_the_log(sink: Desk) -> None:
    on(sink, some_lives)
    with structlog.testing.capture_logs() as said:
        given(sink, [row for row in rows(sink) if row.version != 2])
    with standing(sink) as cursor:
        at = cursor.position
    alarms = [line for line in said if line["event"] == GAP_FOUND]
    assert [(line["log_level"], line["handled"], line["came"]) for line in alarms] == [
        ("critical", 1, 3)
    ] * 3
    assert sorted(noted(sink)) == logged(sink)
    assert at == head(sink.settings)
    with psycopg.connect(sink.settings.database_url) as conn:
        assert conn.execute("SELECT gaps FROM desk.consumers").fetchall() == [(3,)]


def test_a_position_stands_before_what_has_not_come_yet(sink: Desk) -> None:
    on(sink, some_lives)
    late = rows(sink)[-4:]
    given(sink, [row for row in rows(sink) if row not in late])
    with standing(sink) as cursor:
        assert cursor.position == late[0].position - 1
        given(sink, late)
        assert cursor.position == late[-1].position


def test_a_poison_event_parks_its_case_and_the_others_go_on(sink: Desk, drain: Drain) -> None:
    on(sink, some_lives)
    on(sink, some_lives)
    bad = next(row for row in rows(sink) if row.topic == "case.escalated")
    with structlog.testing.capture_logs() as said:
        drain(refusing(bad.position))
    with standing(sink) as cursor:
        (parked,) = all_parked(cursor.conn)
        assert cursor.position == head(sink.settings)
    assert (parked.stream, parked.version, parked.position) == (
        bad.stream,
        bad.version,
        bad.position,
    )
    assert parked.reason.startswith("ValueError at test_runner.py")
    assert SECRET not in parked.reason + str(said)
    assert [line["event"] for line in said if line["log_level"] == "error"] == [CASE_PARKED]
    assert of(noted(sink), bad.stream) == list(range(1, bad.version))
    others = [line for line in logged(sink) if line[1] != bad.stream]
    assert in_order([line for line in noted(sink) if line[1] != bad.stream]) == in_order(others)


def test_an_unparked_case_goes_on_from_where_it_stood(sink: Desk, drain: Drain) -> None:
    on(sink, some_lives)
    bad = next(row for row in rows(sink) if row.topic == "case.escalated")
    drain(refusing(bad.position))
    on(sink, some_lives)
    drain(SINK)
    assert of(noted(sink), bad.stream) == list(range(1, bad.version))
    with standing(sink) as cursor:
        assert release(cursor.conn, bad.stream, "another") == []
        assert release(cursor.conn, bad.stream, None) == [NAME]
        drain(SINK)
        assert all_parked(cursor.conn) == []
    assert sorted(noted(sink)) == logged(sink)
    assert of(noted(sink), bad.stream) == of(logged(sink), bad.stream)


def test_an_unparked_case_that_fails_again_is_parked_where_it_fails_now(
    sink: Desk, drain: Drain
) -> None:
    on(sink, some_lives)
    bad = next(row for row in rows(sink) if row.topic == "case.escalated")
    drain(refusing(bad.position))
    with standing(sink) as cursor:
        release(cursor.conn, bad.stream, NAME)
        last = next(row for row in reversed(rows(sink)) if row.stream == bad.stream)
        drain(refusing(last.position))
        (parked,) = all_parked(cursor.conn)
    assert (parked.version, parked.released) == (last.version, False)
    assert of(noted(sink), bad.stream) == list(range(1, last.version))


def test_an_event_that_cannot_be_read_parks_its_case(sink: Desk) -> None:
    on(sink, some_lives)
    all_of_it = rows(sink)
    bad = next(row for row in all_of_it if row.topic == "case.escalated")
    given(sink, [row._replace(state=b"{}") if row == bad else row for row in all_of_it])
    with standing(sink) as cursor:
        (parked,) = all_parked(cursor.conn)
    assert parked.reason.startswith("StateUnreadable")
    assert len(noted(sink)) == len(all_of_it) - 2


def test_what_the_log_lacks_parks_the_case_and_says_which_version(sink: Desk) -> None:
    on(sink, some_lives)
    last = rows(sink)[-1]
    given(sink, [last._replace(stream=x.named("nobody's case"))], [last._replace(version=9)])
    with standing(sink) as cursor:
        reasons = {one.stream: one.reason for one in all_parked(cursor.conn)}
    assert reasons == {
        x.named("nobody's case"): "The log lacks version 1 of this stream.",
        last.stream: "The log lacks version 5 of this stream.",
    }
    assert of(noted(sink), last.stream) == of(logged(sink), last.stream)


def test_a_lost_connection_blames_no_case(sink: Desk, drain: Drain) -> None:
    on(sink, some_lives)

    def cut(conn: Connection[TupleRow], recorded: Recorded) -> None:
        note(conn, recorded)
        if isinstance(recorded.event, Escalated):
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(psycopg.OperationalError):
        drain(Consumer(NAME, cut, from_start=True))
    with standing(sink) as cursor:
        assert all_parked(cursor.conn) == []
        assert cursor.position == 0
    assert noted(sink) == []
    drain()
    assert in_order(noted(sink)) == in_order(logged(sink))
