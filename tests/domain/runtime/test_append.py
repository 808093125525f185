"""log.append, the one way into the log."""

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from domain.runtime.frames import (
    MOST_STATE_BYTES,
    Destruction,
    Frame,
    StateTooLarge,
    encode,
    encode_unchanged,
)
from tests.conftest import Database
from tests.domain.runtime.appended import a_frame, append, positions, rows, service


def test_events_take_neighbouring_positions_in_the_order_they_were_given(
    database: Database,
) -> None:
    one, two = uuid4(), uuid4()
    with service(database) as connection:
        answers = append(
            connection,
            encode(uuid4(), [a_frame(one, 1), a_frame(one, 2), a_frame(one, 3)]),
            encode(uuid4(), [a_frame(two, 1)]),
        )
    assert answers == [("appended", 1), ("appended", 4)]
    assert rows(
        database,
        "SELECT notification_id, originator_id, originator_version FROM log.events ORDER BY 1",
    ) == [(1, one, 1), (2, one, 2), (3, one, 3), (4, two, 1)]


def test_a_command_stands_on_its_first_event_alone(database: Database) -> None:
    stream, command = uuid4(), uuid4()
    with service(database) as connection:
        append(connection, encode(command, [a_frame(stream, 1), a_frame(stream, 2)]))
    assert rows(database, "SELECT command_id FROM log.events ORDER BY notification_id") == [
        (command,),
        (None,),
    ]


@pytest.mark.parametrize("version", [1, 3, 4])
def test_a_version_that_does_not_follow_the_last_is_a_conflict(
    database: Database, version: int
) -> None:
    stream = uuid4()
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(stream, 1)]))
        conflicting = encode(uuid4(), [a_frame(stream, version)])
        assert append(connection, conflicting) == [("conflict", None)]
    assert positions(database) == [1]


def test_a_new_stream_begins_with_version_1(database: Database) -> None:
    with service(database) as connection:
        assert append(connection, encode(uuid4(), [a_frame(version=2)])) == [("conflict", None)]
        assert append(connection, encode(uuid4(), [a_frame(version=1)])) == [("appended", 1)]


def test_a_command_leaves_no_hole_in_its_own_versions(database: Database) -> None:
    stream = uuid4()
    for versions in ([1, 3], [1, 1], [2, 1]):
        item = encode(uuid4(), [a_frame(stream, version) for version in versions])
        with service(database) as connection:
            assert append(connection, item) == [("conflict", None)]
    assert positions(database) == []


def test_a_repeated_command_is_told_its_first_position_whatever_it_brings(
    database: Database,
) -> None:
    stream, command = uuid4(), uuid4()
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame()]))
        append(connection, encode(command, [a_frame(stream, 1), a_frame(stream, 2)]))
        for frames in ([a_frame(stream, 1)], [a_frame(stream, 3)], [a_frame()]):
            assert append(connection, encode(command, frames)) == [("repeated", 2)]
    assert positions(database) == [1, 2, 3]


def test_a_command_over_several_streams_is_written_whole(database: Database) -> None:
    merged, target = uuid4(), uuid4()
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(target, 1)]))
        item = encode(uuid4(), [a_frame(merged, 1), a_frame(target, 2), a_frame(merged, 2)])
        assert append(connection, item) == [("appended", 2)]
    assert positions(database) == [1, 2, 3, 4]


@pytest.mark.parametrize("taken_first", [True, False])
def test_a_conflict_in_one_of_several_streams_keeps_the_command_out_and_harms_no_other(
    database: Database, taken_first: bool
) -> None:
    taken, fresh = a_frame(), a_frame()
    both = [taken, fresh] if taken_first else [fresh, taken]
    with service(database) as connection:
        append(connection, encode(uuid4(), [taken]))
        answers = append(
            connection,
            encode(uuid4(), [a_frame()]),
            encode(uuid4(), both),
            encode(uuid4(), [a_frame()]),
        )
    assert answers == [("appended", 2), ("conflict", None), ("appended", 3)]
    assert positions(database) == [1, 2, 3]


def test_keys_are_written_with_their_event_and_only_then(database: Database) -> None:
    stream, text, personal = uuid4(), b"t" * 61, b"p" * 61
    both = a_frame(stream, 1, keys={"text": text, "personal": personal})
    with service(database) as connection:
        append(connection, encode(uuid4(), [both, a_frame(stream, 2)]))
        append(connection, encode(uuid4(), [a_frame(stream, 2, keys={"text": b"late" * 15})]))
    assert rows(database, "SELECT stream, version, slot, wrapped FROM log.keys ORDER BY slot") == [
        (stream, 1, "personal", personal),
        (stream, 1, "text", text),
    ]


def test_an_unknown_slot_keeps_its_event_out(database: Database) -> None:
    with service(database) as connection, pytest.raises(errors.CheckViolation, match="slot"):
        append(connection, encode(uuid4(), [a_frame(keys={"other": b"k"})]))
    assert positions(database) == []


def test_a_command_that_changed_nothing_is_remembered(database: Database) -> None:
    stream, command = uuid4(), uuid4()
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(stream, 1)]))
        item = encode_unchanged(command, "digest", stream, 1)
        assert append(connection, item) == [("unchanged", 1)]
        append(connection, encode(uuid4(), [a_frame(stream, 2)]))
        assert append(connection, item) == [("repeated", 1)]
    assert rows(
        database, "SELECT command_id, digest, stream, version, position FROM log.unchanged"
    ) == [(command, "digest", stream, 1, 1)]
    assert positions(database) == [1, 2]


def test_what_changed_nothing_at_an_older_version_is_a_conflict(database: Database) -> None:
    stream = uuid4()
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(stream, 1), a_frame(stream, 2)]))
        for version in (1, 3):
            item = encode_unchanged(uuid4(), "digest", stream, version)
            assert append(connection, item) == [("conflict", None)]
        item = encode_unchanged(uuid4(), "digest", uuid4(), 1)
        assert append(connection, item) == [("conflict", None)]
    assert rows(database, "SELECT command_id FROM log.unchanged") == []


def test_no_command_is_answered_in_two_ways(database: Database) -> None:
    stream, changed, unchanged = uuid4(), uuid4(), uuid4()
    with service(database) as connection:
        append(connection, encode(changed, [a_frame(stream, 1)]))
        append(connection, encode_unchanged(unchanged, "digest", stream, 1))
        assert append(connection, encode(unchanged, [a_frame(stream, 2)])) == [("repeated", 1)]
        again = encode_unchanged(changed, "digest", stream, 1)
        assert append(connection, again) == [("repeated", 1)]
    assert positions(database) == [1]


@pytest.mark.parametrize("what", ["stream", "command"])
def test_a_batch_with_a_stream_or_a_command_twice_is_refused_whole(
    database: Database, what: str
) -> None:
    stream, command = uuid4(), uuid4()
    first = encode(command, [a_frame(stream, 1)])
    twice = (
        encode(command, [a_frame()]) if what == "command" else encode(uuid4(), [a_frame(stream)])
    )
    with service(database) as connection, pytest.raises(errors.UniqueViolation):
        append(connection, encode(uuid4(), [a_frame()]), first, twice)
    assert positions(database) == []


@pytest.mark.parametrize(
    "state", [b"", b"\x00", b"\xff\xfe", b'{"a":"\\u0000"}', "é哈🐈".encode(), bytes(range(256))]
)
def test_any_bytes_are_stored_as_they_are(database: Database, state: bytes) -> None:
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(state=state)]))
    assert rows(database, "SELECT state FROM log.events") == [(state,)]


def test_an_event_has_at_most_256_kib(database: Database) -> None:
    largest = a_frame(state=b"x" * MOST_STATE_BYTES)
    larger = a_frame(state=b"x" * (MOST_STATE_BYTES + 1))
    with service(database) as connection:
        assert append(connection, encode(uuid4(), [largest])) == [("appended", 1)]
    with pytest.raises(StateTooLarge, match="262145"):
        encode(uuid4(), [larger])


def test_the_database_itself_refuses_more_than_256_kib(database: Database) -> None:
    too_large = '[["{}", [["{}", 1, "t", "{}", null]]]]'.format(uuid4(), uuid4(), "x" * 262_145)
    with service(database) as connection, pytest.raises(errors.CheckViolation, match="256_kib"):
        connection.execute("SELECT log.append(%s)", (too_large,))


def test_recorded_at_never_runs_backwards_though_the_clock_does(database: Database) -> None:
    ahead = datetime.now().astimezone() + timedelta(hours=1)
    with psycopg.connect(database.owner_url) as owner:  # the clock of the server before this one
        owner.execute(
            "INSERT INTO log.events VALUES (1, %s, 1, 't', '', %s, NULL)", (uuid4(), ahead)
        )
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame()]))
    assert rows(database, "SELECT recorded_at FROM log.events WHERE notification_id = 2") == [
        (ahead,)
    ]


def test_a_snapshot_from_before_the_lock_is_refused(database: Database) -> None:
    with service(database) as connection:
        connection.execute("SET default_transaction_isolation = 'repeatable read'")
        with pytest.raises(errors.InvalidTransactionState, match="READ COMMITTED"):
            append(connection, encode(uuid4(), [a_frame()]))


def test_listeners_are_told_once_a_call_and_only_of_something_new(database: Database) -> None:
    stream = uuid4()
    with service(database) as listener, service(database) as connection:
        listener.execute("LISTEN events")
        append(connection, encode(uuid4(), [a_frame(stream)]), encode(uuid4(), [a_frame()]))
        append(connection, encode(uuid4(), [a_frame(stream)]))
        append(connection, encode_unchanged(uuid4(), "digest", stream, 1))
        told = list(listener.notifies(timeout=0.2))
    assert len(told) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO log.events VALUES (1, gen_random_uuid(), 1, 't', '', now(), NULL)",
        "UPDATE log.events SET topic = 'x'",
        "DELETE FROM log.events",
        "TRUNCATE log.events",
        "INSERT INTO log.keys VALUES (gen_random_uuid(), 1, 'text', '')",
        "UPDATE log.keys SET wrapped = ''",
        "DELETE FROM log.keys",
        "DELETE FROM log.unchanged",
        "UPDATE log.identity SET epoch = 2",
        "CREATE TABLE log.mine (id int)",
        "DROP TABLE log.events",
        "ALTER TABLE log.events DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE sql AS ''",
    ],
)
def test_the_service_cannot_write_the_log_in_any_other_way(
    database: Database, statement: str
) -> None:
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(keys={"text": b"k"})]))
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_whoever_is_not_of_the_service_cannot_append(database: Database) -> None:
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("CREATE ROLE stranger_to_the_log")
        owner.execute("SET ROLE stranger_to_the_log")
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute("SELECT log.append('[]')")


@pytest.mark.parametrize("table", ["events", "unchanged"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET command_id = NULL", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_even_the_owner_changes_no_history(database: Database, table: str, change: str) -> None:
    with (
        psycopg.connect(database.owner_url) as owner,
        pytest.raises(errors.InsufficientPrivilege, match="append only"),
    ):
        owner.execute(change.format(f"log.{table}").encode())


def test_the_owner_can_destroy_a_key(database: Database) -> None:
    with service(database) as connection:
        append(connection, encode(uuid4(), [a_frame(keys={"text": b"k"})]))
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("DELETE FROM log.keys")
    assert rows(database, "SELECT slot FROM log.keys") == []


def test_each_log_has_an_identity_of_its_own_and_begins_with_epoch_1(database: Database) -> None:
    [(identity, epoch)] = rows(database, "SELECT id, epoch FROM log.identity")
    assert identity.version == 4
    assert epoch == 1
    with psycopg.connect(database.owner_url) as owner, pytest.raises(errors.CheckViolation):
        owner.execute("INSERT INTO log.identity (one) VALUES (false)")


def test_case_numbers_end_and_never_begin_anew(database: Database) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("SELECT setval('log.case_numbers', 99999998)")
    with service(database) as connection:
        assert connection.execute("SELECT nextval('log.case_numbers')").fetchone() == (99999999,)
        with pytest.raises(errors.SequenceGeneratorLimitExceeded):
            connection.execute("SELECT nextval('log.case_numbers')")


def test_the_price_of_a_call_does_not_grow_with_the_log(database: Database) -> None:
    """A plan made while the log was tiny stays with the session: it must be the right one."""
    scanned = "SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE schemaname = 'log'"
    read = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'log'"
    [(scans,)] = rows(database, scanned)
    streams = [uuid4() for _ in range(20)]
    with service(database) as connection:
        for version in range(1, 11):
            frames = [a_frame(stream, version, keys={"text": b"k"}) for stream in streams]
            append(connection, *(encode(uuid4(), [frame]) for frame in frames))
        connection.execute("SELECT pg_stat_force_next_flush()")
    assert rows(database, scanned) == [(scans,)]
    # Of each stream its last event, and twice a call the log's.
    assert rows(database, read)[0][0] <= 9 * 20 + 2 * 10


def test_a_destruction_leaves_nothing_of_the_keys_but_when_and_why(database: Database) -> None:
    stream, other = uuid4(), uuid4()
    keys = {"text": b"t", "personal": b"p"}
    with service(database) as connection:
        for owner in (stream, other):
            append(connection, encode(uuid4(), [a_frame(owner, n, keys=keys) for n in (1, 2, 3)]))
        redacts = a_frame(stream, 4, keys=keys)._replace(
            destroys=[Destruction(2, "text", "redacted")]
        )
        append(connection, encode(uuid4(), [redacts]))
        gone = "SELECT stream, version, slot, destroyed_as FROM log.keys WHERE wrapped IS NULL"
        assert rows(database, gone) == [(stream, 2, "text", "redacted")]
        erases = a_frame(stream, 5, keys=keys)._replace(
            destroys=[Destruction(None, None, "erased")]
        )
        append(connection, encode(uuid4(), [erases]))
    assert set(rows(database, gone)) == {
        (stream, version, slot, "redacted" if (version, slot) == (2, "text") else "erased")
        for version in (1, 2, 3, 4)
        for slot in keys
    }
    assert rows(database, "SELECT count(wrapped), count(destroyed_at) FROM log.keys") == [(8, 8)]


def test_a_destruction_whose_event_is_not_written_destroys_nothing(database: Database) -> None:
    stream, command = uuid4(), uuid4()
    erases = [Destruction(None, None, "erased")]
    with service(database) as connection:
        append(connection, encode(command, [a_frame(stream, 1, keys={"text": b"k"})]))
        for item in (
            encode(uuid4(), [a_frame(stream, 3)._replace(destroys=erases)]),
            encode(uuid4(), [a_frame(stream, 1)._replace(destroys=erases)]),
            encode(command, [a_frame(stream, 2)._replace(destroys=erases)]),
        ):
            assert append(connection, item)[0][0] in ("conflict", "repeated")
    assert rows(database, "SELECT wrapped FROM log.keys") == [(b"k",)]


def test_a_frame_is_encoded_as_log_append_documents_it() -> None:
    stream, command = uuid4(), uuid4()
    frame = Frame(stream, 7, "case.closed", b'{"v":1}', {"text": b"key"})
    assert encode(command, [frame]) == (
        f'["{command}",[["{stream}",7,"case.closed","{{\\"v\\":1}}",{{"text":"a2V5"}}]]]'.encode()
    )
