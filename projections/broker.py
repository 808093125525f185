"""Kafka, typed: whatever of kafka-python is used here, and how."""

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from time import monotonic
from typing import Any, Final, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.partitioner.default import murmur2

from domain.runtime.settings import Kafka
from projections.topics import LARGEST_BATCH, Topic

# Everything that may be over at the next try.
BrokerAway = KafkaError

DELIVERY_SECONDS: Final = 120.0
REQUEST_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 3.0
TAIL_SECONDS: Final = 30.0
NEVER_BY_ITSELF: Final = 1_000  # milliseconds that a record waits: only flush() sends
# The largest flush and what a batch takes beside its records.
BATCH_BYTES: Final = LARGEST_BATCH - 48_588


class Outgoing(NamedTuple):
    """A record that is to be written; `value` None: what its key had is gone."""

    topic: Topic
    partition: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Record(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Mapping[str, str]


# Why one is not let in the client tells in its log alone.
_REFUSALS: Final = {
    "AuthenticationFailed": "Kafka refuses the name or the password.",
    "CERTIFICATE_VERIFY_FAILED": "The certificate of Kafka is not believed.",
}


class _Heard(logging.Handler):
    """Which refusal was in the client's log since it began to try."""

    refusal: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for sign, refusal in _REFUSALS.items():
            if sign in record.getMessage():
                self.refusal = refusal


_heard: Final = _Heard()
logging.getLogger("kafka.net").addHandler(_heard)


def why_away(error: Exception) -> str:
    """Why Kafka was not to be had just now, in a sentence."""
    return _heard.refusal or f"Kafka does not answer ({type(error).__name__})."


class NobodyListens(KafkaError):  # type: ignore[misc]  # untyped there
    """None of the brokers can be reached."""


class TopicComing(KafkaError):  # type: ignore[misc]  # untyped there
    """The topic is being made: nobody can say yet how it is."""


class Tail(NamedTuple):
    """The last record of each partition that has one; `was_written`: something once was there."""

    last: Mapping[int, Record]
    was_written: bool


class Broker:
    """A Kafka, as the settings name it."""

    def __init__(self, settings: Kafka) -> None:
        self.replicas, self.partitions = settings.kafka_replicas, settings.kafka_partitions
        self._addresses = settings.kafka.split(",")
        self._config: dict[str, Any] = {
            "bootstrap_servers": self._addresses,
            "bootstrap_timeout_ms": 3_000,
            "reconnect_backoff_max_ms": 1_000,
            **_security(settings),
        }

    def prepared(self, topic: Topic) -> int:
        """How many partitions the topic has; it is made if it is not there.

        Raises:
            TopicUnfit: it is there, and not as it must be.
            BrokerAway: it could not be asked.
        """
        with closing(KafkaAdminClient(client_id="casebook", **self._reached())) as admin:
            if topic.name not in admin.list_topics():
                self._make(admin, topic)
            resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
            told = admin.describe_configs([resource], config_filter="all")["topic"][topic.name]
            partitions = admin.describe_topics([topic.name])[0]["partitions"]
        if not told or not partitions:
            raise TopicComing
        has = {name: str(one["value"]) for name, one in told.items()}
        topic.check(has, [len(one["replica_nodes"]) for one in partitions], self.replicas)
        return len(partitions)

    def _reached(self) -> dict[str, Any]:
        """How it is reached, once somebody listens: clients that find nobody leave sockets open."""
        _heard.refusal = None
        for address in self._addresses:
            host, _, port = address.rpartition(":")
            with suppress(OSError):
                socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
                return self._config
        raise NobodyListens

    def _make(self, admin: Any, topic: Topic) -> None:  # noqa: ANN401  untyped there
        asked = {
            "num_partitions": self.partitions,
            "replication_factor": self.replicas,
            "configs": topic.settings(self.replicas),
        }
        with suppress(TopicAlreadyExistsError):
            admin.create_topics({topic.name: asked}, wait_for_metadata=True)

    def tail(self, topic: Topic, partitions: int) -> Tail:
        """What a topic ends with.

        Raises:
            BrokerAway: it could not be asked.
        """
        with self.reader({topic: partitions}) as reader:
            return reader.tail()

    @contextmanager
    def writer(self) -> Iterator["Writer"]:
        """Writes, in the order of each partition; what was not acknowledged may still arrive."""
        producer = KafkaProducer(
            client_id="casebook-relay",
            acks="all",
            enable_idempotence=True,
            linger_ms=NEVER_BY_ITSELF,
            batch_size=BATCH_BYTES,
            max_request_size=LARGEST_BATCH,
            delivery_timeout_ms=int(DELIVERY_SECONDS * 1000),
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
            max_block_ms=10_000,
            allow_auto_create_topics=False,
            **self._reached(),
        )
        try:
            yield Writer(producer)
        finally:
            # After a failure batches may wait for ever: closing says so, and is over all the same.
            with suppress(KafkaError):
                producer.close(timeout=0)

    @contextmanager
    def reader(self, topics: Mapping[Topic, int], group: str | None = None) -> Iterator["Reader"]:
        """Reads topics, with as many partitions; `group` is under whose name it commits offsets.

        It takes all of them: whoever is to be the only one must see to that, and need not wait
        until a group has noticed that the one before is dead.
        """
        consumer = KafkaConsumer(
            client_id="casebook",
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            **self._reached(),
        )
        with closing(consumer):
            places = [
                TopicPartition(t.name, p) for t, count in topics.items() for p in range(count)
            ]
            consumer.assign(places)
            yield Reader(consumer, places)


class Writer:
    def __init__(self, producer: Any) -> None:  # noqa: ANN401  untyped there
        self._producer = producer

    def write(self, records: Sequence[Outgoing]) -> None:
        """Returns once all are acknowledged. At most one batch goes to each partition.

        Raises:
            BrokerAway: some may have been written and some not: a new writer is needed.
        """
        send = self._producer.send
        futures = [
            send(one.topic.name, one.value, one.key, one.headers, one.partition) for one in records
        ]
        self._producer.flush(timeout=DELIVERY_SECONDS + 5)
        for future in futures:
            future.get(timeout=5)


class Reader:
    def __init__(self, consumer: Any, places: Sequence[Any]) -> None:  # noqa: ANN401  untyped
        self._consumer, self._places = consumer, places

    def poll(self, seconds: float, most: int) -> list[Record]:
        """What has come, in the order of each partition."""
        polled = self._consumer.poll(timeout_ms=int(seconds * 1000), max_records=most)
        return [_record(one) for batch in polled.values() for one in batch]

    def commit(self) -> None:
        """What was polled so far need not come again."""
        self._consumer.commit()

    def forgotten(self) -> bool:
        """Whether Kafka may have less than what follows the offsets that were committed."""
        first = self._consumer.beginning_offsets(self._places)
        end = self._consumer.end_offsets(self._places)
        committed = {place: self._consumer.committed(place) for place in self._places}
        return any(
            end[place] > 0 and not first[place] <= (committed[place] or 0) <= end[place]
            for place in self._places
        )

    def ends(self) -> dict[int, int]:
        """The offset after the last record of each partition of a topic."""
        ends = self._consumer.end_offsets(self._places)
        return {place.partition: ends[place] for place in self._places}

    def tail(self) -> Tail:
        """What the topic ends with."""
        first = self._consumer.beginning_offsets(self._places)
        end = self._consumer.end_offsets(self._places)
        waiting = {place for place in self._places if end[place] > first[place]}
        self._consumer.assign(list(waiting))
        for place in waiting:
            self._consumer.seek(place, end[place] - 1)
        until, found = monotonic() + TAIL_SECONDS, dict[int, Record]()
        while len(found) < len(waiting):
            if monotonic() > until:
                raise KafkaError("a partition does not give its last record")
            found |= {record.partition: record for record in self.poll(0.5, 1_000)}
        return Tail(found, any(end.values()))


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """Where the records of a key are, as Kafka's own producers have it."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


def _record(one: Any) -> Record:  # noqa: ANN401  untyped there
    headers = {name: value.decode() for name, value in one.headers}
    return Record(one.topic, one.partition, one.offset, one.key, one.value, headers)


def _security(settings: Kafka) -> dict[str, Any]:
    told: dict[str, Any] = {"security_protocol": settings.kafka_security}
    if settings.kafka_security.endswith("SSL"):
        told["ssl_cafile"] = settings.kafka_ca or None
        told["ssl_certfile"] = settings.kafka_certificate or None
        told["ssl_keyfile"] = settings.kafka_certificate_key or None
    if settings.kafka_security.startswith("SASL"):
        told["sasl_mechanism"] = settings.kafka_mechanism
        told["sasl_plain_username"] = settings.kafka_user
        told["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return told
