"""What only Kafka can do to a consumer: forget, lose, repeat, and tell of another epoch."""

from collections.abc import Callable

import pytest
import structlog

from consumers.kafka_source import READS_THE_LOG, from_kafka
from consumers.runner import GAP_FOUND, step
from domain.runtime.settings import Settings
from projections.broker import Broker, Outgoing, Record
from projections.topics import Topics
from tests.consumers.sinks import (
    SINK,
    drained_by_kafka,
    in_order,
    logged,
    noted,
    some_lives,
    standing,
)
from tests.desks import Desk
from tests.domain.runtime.test_store import on
from tests.projections.following import codec_of, head
from tests.projections.published import emptied, events_in, published, publishing, write

Change = Callable[[list[Record]], list[Record]]


@pytest.fixture
def settings(sink: Desk, kafka: str) -> Settings:
    """The sink's, with topics of its own."""
    return publishing(sink.settings.database_url, kafka)


def written_otherwise(settings: Settings, kafka: str, change: Change) -> Settings:
    """Other topics, with what is published after a change."""
    published(settings)
    other = publishing(settings.database_url, kafka)
    before, after = Topics(settings.kafka_prefix), Topics(other.kafka_prefix)
    names = {before.cases.name: after.cases, before.configuration.name: after.configuration}
    for topic in names.values():
        Broker(other).prepared(topic)
    write(
        other,
        [
            Outgoing(
                names[one.topic],
                one.partition,
                one.key,
                one.value,
                [(name, value.encode()) for name, value in one.headers.items()],
            )
            for one in change(events_in(settings))
        ],
    )
    return other


def taken(settings: Settings, polls: int = 6) -> None:
    """The sink takes what Kafka has, however much that is."""
    with standing(Desk(settings, {})) as cursor:
        cursor.register(from_start=True)
        with from_kafka(settings, SINK.name)(cursor.conn) as source:
            for _ in range(polls):
                source.wait()
                step(cursor, SINK, source, codec_of(settings))


def test_a_record_that_is_lost_on_the_way_is_an_alarm_and_comes_from_the_log(
    sink: Desk, settings: Settings, kafka: str
) -> None:
    on(sink, some_lives)
    other = written_otherwise(
        settings, kafka, lambda all_: [one for one in all_ if one.headers["ce_version"] != "2"]
    )
    with structlog.testing.capture_logs() as said:
        taken(other)
    assert [line["log_level"] for line in said if line["event"] == GAP_FOUND] == ["critical"] * 3
    assert in_order(noted(sink)) == in_order(logged(sink))


def test_a_record_that_comes_twice_has_its_effect_once(
    sink: Desk, settings: Settings, kafka: str
) -> None:
    on(sink, some_lives)
    other = written_otherwise(settings, kafka, lambda all_: [*all_, *all_[3:], *all_])
    taken(other)
    assert in_order(noted(sink)) == in_order(logged(sink))
    assert len(noted(sink)) == head(settings)


def test_what_another_epoch_has_written_is_passed_over(
    sink: Desk, settings: Settings, kafka: str
) -> None:
    def of_another(all_: list[Record]) -> list[Record]:
        changed = [one._replace(headers={**one.headers, "ce_source": "old#0"}) for one in all_]
        return [*changed, *all_[:5]]

    on(sink, some_lives)
    other = written_otherwise(settings, kafka, of_another)
    taken(other)
    assert len(noted(sink)) == 5


def test_offsets_are_committed_after_the_transaction(sink: Desk, settings: Settings) -> None:
    """So that a tool sees how far the consumer is, and the next start does not read it all."""
    on(sink, some_lives)
    drained_by_kafka(settings)
    topics = Topics(settings.kafka_prefix)
    broker = Broker(settings)
    partitions = dict.fromkeys((topics.cases, topics.configuration), 3)
    with broker.reader(partitions, f"{settings.kafka_prefix}casebook.sink") as reader:
        assert reader.poll(1, 1_000) == []


def test_what_kafka_has_forgotten_comes_from_the_log(sink: Desk, settings: Settings) -> None:
    on(sink, some_lives)
    drained_by_kafka(settings)
    on(sink, some_lives)
    published(settings)
    emptied(settings)
    with structlog.testing.capture_logs() as said:
        drained_by_kafka(settings)
    assert READS_THE_LOG in [line["event"] for line in said]
    assert in_order(noted(sink)) == in_order(logged(sink))
