"""What is published: the log in its order, once, without words; and the state of each case."""

import json
import subprocess
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from domain import commands as c
from domain.recorded import Recorded
from domain.runtime.history import page
from domain.runtime.store import Store
from projections import streaming
from projections.envelope import attributes, source_of
from projections.published import Publishing
from projections.relay import Hole, TopicEmptied
from projections.topics import Topic, Topics, TopicUnfit
from tests import examples as x
from tests.conftest import Database, require
from tests.desks import CAUSE, Desk
from tests.domain.encoded import CODEC, row
from tests.domain.runtime.test_store import asked, on, raised
from tests.projections.following import codec_of, head, projected
from tests.projections.published import (
    events_in,
    made,
    published,
    publishing,
    read_all,
    snapshotted,
)

SECRET = "The password is hunter2."
RESTORED = "UPDATE log.identity SET epoch = epoch + 1"
BACK = "UPDATE desk.relayed SET position = %s"


async def some_lives(store: Store) -> None:
    for _ in range(3):
        case = await raised(store)
        await asked(store, case, c.Take())
        await asked(store, case, c.Note(text=SECRET))
        await asked(store, case, c.Escalate(comment=SECRET), x.CLARA)
        await asked(store, case, c.ChangeRecipients(add=("bo@acme.com",)), x.ADA)


def changed(database: Database, statement: str, *values: Any) -> None:  # noqa: ANN401  of a column
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(statement.encode(), values)


def positions(records: list[Any]) -> list[int]:
    return sorted(int(record.headers["ce_sequence"]) for record in records)


def test_every_event_is_published_once_and_in_the_order_of_its_case(desk: Desk, kafka: str) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    published(settings)
    on(desk, some_lives)
    published(settings)
    records = events_in(settings)
    assert positions(records) == list(range(1, head(settings) + 1))
    for topic in (Topics(settings.kafka_prefix).cases.name, settings.kafka_prefix):
        streams: dict[bytes, list[int]] = {}
        for record in records:
            if record.topic.startswith(topic):
                streams.setdefault(record.key, []).append(int(record.headers["ce_version"]))
        assert all(versions == list(range(1, len(versions) + 1)) for versions in streams.values())
    kinds = {record.headers["ce_type"] for record in records if "cases" in record.topic}
    assert {kind.partition(".")[0] for kind in kinds} == {"case"}


def test_the_context_of_an_event_is_that_of_the_feed(desk: Desk, kafka: str) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    published(settings)
    with psycopg.connect(settings.database_url) as conn:
        rows = page(conn, 0, 1_000)
        source = source_of(*conn.execute("SELECT id, epoch FROM log.identity").fetchone() or ())
    by_position = {int(one.headers["ce_sequence"]): one.headers for one in events_in(settings)}
    for kept in rows:
        told = attributes(codec_of(settings).decode(kept), source=source)
        headers = by_position[kept.position]
        assert headers["content-type"] == told.pop("datacontenttype")
        assert {n: headers[f"ce_{n}"] for n in told} == {n: str(v) for n, v in told.items()}
        assert headers["ce_leaf"] == sha256(kept.state).hexdigest()


def test_kcat_reads_cloud_events_that_their_own_library_accepts(desk: Desk, kafka: str) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    published(settings)
    topic = Topics(settings.kafka_prefix).cases.name
    said = subprocess.run(
        [require("kcat"), "-b", kafka, "-t", topic, "-C", "-e", "-q", "-J"],
        capture_output=True,
        text=True,
        check=True,
    )
    read = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(read) == len(read_all(settings, Topics(settings.kafka_prefix).cases))
    for one in read:
        pairs = zip(one["headers"][::2], one["headers"][1::2], strict=True)
        headers = {name: value.encode() for name, value in pairs}
        message = KafkaMessage(headers, one["key"].encode(), one["payload"].encode())
        event = from_kafka_event(message)
        assert event.get_subject() == one["key"]
        assert isinstance(event.get_data(), dict)


def test_no_word_and_nothing_personal_is_published_unless_asked_for(
    desk: Desk, database: Database, kafka: str
) -> None:
    thin = publishing(desk.settings.database_url, kafka)
    full = publishing(desk.settings.database_url, kafka, kafka_content="full")
    on(desk, some_lives)
    published(thin)
    changed(database, BACK, 0)
    published(full)
    words = (SECRET, "bo@acme.com", "It is slow", "clara@acme.com")
    records, said = events_in(thin), str(events_in(full))
    assert not any(word in str(records) for word in (*words, "$text"))
    assert all(word in said for word in words)
    assert "ce_withheld" not in said
    withheld = {one.headers["ce_type"]: one.headers.get("ce_withheld") for one in records}
    assert withheld["case.created"] == "description,subject"
    assert withheld["case.recipients-changed"] == "recipients"
    assert withheld["person.set"] == "document.email,document.name"
    assert withheld["case.assigned"] is None


@pytest.mark.parametrize("full", [False, True])
def test_the_key_of_a_file_is_published_to_nobody(full: bool) -> None:
    kept = Recorded(x.FILE_ADDED.event, x.CASE, 3, x.FRIDAY, x.ANNA)
    stored = row(CODEC.encode(kept))
    value, headers = Publishing(CODEC, "here", full).event(stored)
    told = {name: told.decode() for name, told in headers}
    assert "key" not in json.loads(value)
    assert told.get("ce_withheld") == (None if full else "digest,name")
    assert ("patch.zip" in value.decode()) is full


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "1000000"),
        ("message.timestamp.type", "LogAppendTime"),
        ("unclean.leader.election.enable", "true"),
    ],
)
def test_a_topic_that_is_not_as_needed_is_refused_in_a_sentence(
    desk: Desk, kafka: str, name: str, value: str
) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    topic = Topics(settings.kafka_prefix).cases
    made(settings, topic, {**topic.settings(1), name: value})
    with pytest.raises(TopicUnfit, match=f"The topic {topic.name} is not as it must be: .*{name}"):
        published(settings)


def test_a_topic_with_too_few_replicas_is_refused() -> None:
    topic = Topic("t")
    with pytest.raises(TopicUnfit, match="it has 1 replicas and must have 3 or more"):
        topic.check(topic.settings(3), [3, 1], 3)


def test_what_was_acknowledged_before_a_checkpoint_was_written_is_not_written_again(
    database: Database, desk: Desk, kafka: str
) -> None:
    """The checkpoint of any moment: as if a kill had come between the two."""
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    published(settings)
    for before in (0, 1, 20, head(settings) - 1):
        changed(database, BACK, before)
        on(desk, some_lives)
        published(settings)
    assert positions(events_in(settings)) == list(range(1, head(settings) + 1))


def test_without_the_look_at_the_last_records_it_would_be(
    database: Database, desk: Desk, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "ends_of", lambda _tails, _source: {})
    with pytest.raises(AssertionError):
        test_what_was_acknowledged_before_a_checkpoint_was_written_is_not_written_again(
            database, desk, kafka
        )


def test_a_restored_log_publishes_again_what_it_has_anew(
    database: Database, desk: Desk, kafka: str
) -> None:
    """Kafka is ahead of it: what it has there at these positions is of another epoch."""
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    published(settings)
    before = head(settings)
    changed(database, RESTORED)
    changed(database, BACK, before - 10)
    on(desk, some_lives)
    published(settings)
    anew = [one for one in events_in(settings) if one.headers["ce_source"].endswith("#2")]
    assert positions(anew) == list(range(before - 9, head(settings) + 1))


def test_a_topic_that_lost_everything_is_told_and_nothing_is_published(
    desk: Desk, database: Database, kafka: str
) -> None:
    on(desk, some_lives)
    published(publishing(desk.settings.database_url, kafka))
    with pytest.raises(TopicEmptied, match="is empty, and the log was published up to"):
        published(publishing(desk.settings.database_url, kafka))


def test_a_hole_in_the_log_ends_what_is_published(
    desk: Desk, database: Database, kafka: str
) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    gone = head(settings) - 3
    with psycopg.connect(database.owner_url) as conn:
        conn.execute("ALTER TABLE log.events DISABLE TRIGGER ALL")
        conn.execute("DELETE FROM log.events WHERE notification_id = %s", (gone,))
    with pytest.raises(Hole, match=f"a hole after position {gone - 1}"):
        published(settings)


def test_the_state_of_a_case_is_published_and_goes_when_it_is_erased(
    desk: Desk, kafka: str
) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    on(desk, some_lives)
    projected(settings)
    snapshotted(settings)
    records = read_all(settings, Topics(settings.kafka_prefix).state)
    states = {one.key: json.loads(one.value or b"") for one in records}
    assert {state["status"] for state in states.values()} == {"Escalated"}
    assert all(state["id"] == key.decode() for key, state in states.items())
    assert not any(word in str(states) for word in ("hunter2", "bo@acme.com", "It is slow"))
    gone = next(iter(states))

    async def erase(store: Store) -> None:
        case = store.lookup.case_id(states[gone]["number"])
        await store.handle(case, c.Erase(reason="Her wish."), by=x.OPERATOR, cause=CAUSE)

    on(desk, erase)
    projected(settings)
    snapshotted(settings)
    published(settings)
    last = {one.key: one.value for one in read_all(settings, Topics(settings.kafka_prefix).state)}
    assert [key for key, value in last.items() if value is None] == [gone]
    assert "erased" in {
        one.headers["ce_type"] for one in read_all(settings, Topics(settings.kafka_prefix).cases)
    }
