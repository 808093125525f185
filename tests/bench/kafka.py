"""Bench: the relay beside a bare producer, a consumer by each source, and a backlog."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from kafka import KafkaProducer

from consumers.runner import Consumer
from deploy.local.postgres import OWNER, SERVICE, EmbeddedPostgres
from domain.runtime.relayed import republish
from domain.runtime.seed.bulk import sow
from domain.runtime.settings import Settings
from projections.broker import Broker, Record
from projections.topics import Topics
from tests.bench.measuring import Figure, alternate, durable_postgres, ratio, settings_of
from tests.bench.seed import prepared
from tests.brokers import Running
from tests.consumers.kills import Kept
from tests.consumers.sinks import TABLE, drained, drained_by_kafka, note
from tests.deploy.running import within
from tests.desks import Desk
from tests.projections.following import head, projected
from tests.projections.published import events_in, published, publishing

CASES = 3_000
ROUNDS = 3
PATIENCE = 300.0
_numbers = count(1)


def measure() -> list[Figure]:
    """Relay against bare produce of the same records, consumer events/s, a backlog's drain."""
    with durable_postgres() as server, _a_broker() as broker:
        settings = settings_of(server)
        sow(settings, asyncio.run(prepared(settings, CASES)), lambda _lot: None)
        here = _somewhere(server, broker)
        published(here)
        records, events = events_in(here), head(here)
        scores = alternate(
            {
                "relay": lambda: _speed(events, lambda: published(_anew(server, broker))),
                "bare kafka-python": lambda: _bare(broker, records),
            },
            ROUNDS,
        )
        with psycopg.connect(server.url(SERVICE, OWNER)) as conn:
            conn.execute(TABLE)
        consumed = alternate(
            {
                "from the log": lambda: _speed(events, lambda: drained(Desk(here, {}), _new())),
                "from Kafka": lambda: _speed(events, lambda: drained_by_kafka(here, _new())),
            },
            ROUNDS,
        )
        drain = _backlog(server, broker, events)
    return [
        Figure("kafka: relay / bare produce", ratio(*scores.values()), "ratio", 0.5),
        Figure("kafka: relay", max(scores["relay"]), "events/s"),
        Figure("kafka: bare produce", max(scores["bare kafka-python"]), "events/s"),
        Figure("kafka: consumer from the log", max(consumed["from the log"]), "events/s"),
        Figure("kafka: consumer from Kafka", max(consumed["from Kafka"]), "events/s"),
        Figure("kafka: a backlog drains, read models beside it", drain, "events/s", 3_000),
    ]


@contextmanager
def _a_broker() -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="casebook-bench-kafka-", dir="/var/tmp"))
    running = Running(folder)
    try:
        yield running
    finally:
        running.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _somewhere(server: EmbeddedPostgres, broker: Running) -> Settings:
    """Topics of their own, with as many partitions as usual."""
    url = server.url(SERVICE, SERVICE)
    return publishing(url, broker.address, kafka_partitions="12")


def _anew(server: EmbeddedPostgres, broker: Running) -> Settings:
    settings = _somewhere(server, broker)
    with psycopg.connect(settings.database_url) as conn:
        republish(conn, 0)
    return settings


def _speed(events: int, work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return events / (time.perf_counter() - began)


def _bare(broker: Running, records: list[Record]) -> float:
    """The same keys, values and headers, as fast as the library sends them."""
    settings = publishing("postgresql://nowhere/x", broker.address, kafka_partitions="12")
    topic = Topics(settings.kafka_prefix).cases
    Broker(settings).prepared(topic)
    headers = [[(n, v.encode()) for n, v in one.headers.items()] for one in records]
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", linger_ms=5)
    began = time.perf_counter()
    for one, told in zip(records, headers, strict=True):
        producer.send(topic.name, one.value, one.key, told)
    producer.flush()
    took = time.perf_counter() - began
    producer.close()
    return len(records) / took


def _new() -> Consumer:
    return Consumer(f"bench {next(_numbers)}", note, from_start=True)


def _backlog(server: EmbeddedPostgres, broker: Running, events: int) -> float:
    """Everything is published by the projections as they run, from when they begin to lead."""
    settings = _anew(server, broker)
    projected(settings)
    with tempfile.NamedTemporaryFile() as said, psycopg.connect(settings.database_url) as conn:
        conn.autocommit = True

        def position() -> int:
            row = conn.execute("SELECT position FROM desk.relayed WHERE topics = 'events'")
            return int((row.fetchone() or (0,))[0])

        relay = Kept("projections", settings, Path(said.name))
        try:
            assert within(PATIENCE, lambda: position() > 0)
            first, began = position(), time.perf_counter()
            assert within(PATIENCE, lambda: position() == events)
            return (events - first) / (time.perf_counter() - began)
        finally:
            relay.kill()
