"""What stands in Kafka's topics."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from uuid import uuid4

from kafka import KafkaAdminClient, TopicPartition
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.runtime.database import connect
from domain.runtime.relayed import Checkpoint
from domain.runtime.settings import Settings
from projections.broker import Broker, Outgoing, Record, Writer
from projections.relay import Flush
from projections.snapshots import State
from projections.streaming import Events
from projections.topics import Topic, Topics
from tests.desks import settings_for
from tests.projections.following import key_of


def publishing(url: str, address: str, **more: str) -> Settings:
    """Settings with topics of their own: few partitions, for each costs the broker its time."""
    given = {"kafka": address, "kafka_prefix": f"{uuid4().hex[:8]}.", "kafka_partitions": "3"}
    return settings_for(url, **(given | more))


def read_all(settings: Settings, topic: Topic) -> list[Record]:
    """Everything in a topic, in the order of each partition."""
    broker, found = Broker(settings), list[Record]()
    partitions = broker.prepared(topic)
    with broker.reader({topic: partitions}) as reader:
        left = sum(reader.ends().values())
        end = time.monotonic() + 30
        while len(found) < left:
            assert time.monotonic() < end, f"{len(found)} of {left}"
            found += reader.poll(0.5, 10_000)
    return found


def events_in(settings: Settings) -> list[Record]:
    """Every event that was published, in the order of each partition, topic by topic."""
    topics = Topics(settings.kafka_prefix)
    return read_all(settings, topics.cases) + read_all(settings, topics.configuration)


def made(settings: Settings, topic: Topic, config: dict[str, str]) -> None:
    """A topic that somebody else made."""
    asked = {"num_partitions": 1, "replication_factor": 1, "configs": config}
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka)) as admin:
        admin.create_topics({topic.name: asked}, wait_for_metadata=True)


def emptied(settings: Settings) -> None:
    """Retention has taken everything."""
    topics = Topics(settings.kafka_prefix)
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka)) as admin:
        for topic in (topics.cases, topics.configuration):
            with Broker(settings).reader({topic: int(settings.kafka_partitions)}) as reader:
                ends = reader.ends()
            admin.delete_records({TopicPartition(topic.name, p): end for p, end in ends.items()})


def write(settings: Settings, records: Sequence[Outgoing]) -> None:
    with Broker(settings).writer() as writer:
        writer.write(records)


def published(settings: Settings) -> None:
    """All that is in the log now is in Kafka, as one term of the relay does it."""
    _published(settings, "events", Events(key_of(settings), settings, Broker(settings)).begin)


def snapshotted(settings: Settings) -> None:
    """The same of the states of cases."""
    _published(settings, "state", State(settings, Broker(settings)).begin)


def _published(
    settings: Settings, topics: str, begin: Callable[[Connection[TupleRow], Writer, int], Flush]
) -> None:
    with connect(settings.database_url, "casebook test relay", autocommit=True) as conn:
        checkpoint = Checkpoint(conn, topics)
        position = checkpoint.position
        with Broker(settings).writer() as writer:
            flush = begin(conn, writer, position)
            while (moved := flush(position)) > position:
                checkpoint.move(position, moved)
                position = moved
