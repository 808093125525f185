"""Publishes the events of the log to Kafka, in its order, without a gap and without a double.

A flush is at most one batch of each partition, and a batch is appended whole or not at all: so what
a partition has above the checkpoint is always a prefix of what belongs there, and skipping what is
not above its last record is exact.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.runtime.history import BARE_PAGE, IDENTITY, page
from domain.runtime.sealing import Stored
from domain.runtime.settings import Settings
from projections.broker import Broker, Outgoing, Tail, Writer, partition_of
from projections.envelope import source_of
from projections.filling import Key
from projections.published import Headers, Publishing
from projections.relay import Hole, Relayed, TopicEmptied, publish
from projections.topics import Topic, Topics

MOST_EVENTS: Final = 2_000  # a flush
MOST_BYTES: Final = 900_000  # of it in one partition: less than the largest batch
AROUND_BYTES: Final = 1_000  # at most, of a record beside its value: its key and its headers
ONE_STREAMS: Final = 0x0CA5EB003  # the advisory lock of the one that publishes events
NAME: Final = "events"
CASE, ERASED = "case.", "erased"

FIRST: Final = """
SELECT topic FROM log.events WHERE originator_id = %(stream)s AND originator_version = 1
"""
HAD: Final = """
SELECT 1 FROM log.events
 WHERE notification_id <= %(position)s AND starts_with(topic, 'case.') = %(of_cases)s LIMIT 1
"""

# Where each partition of each topic ends: the position of its last record.
Ends = Mapping[tuple[str, int], int]


def stream(key: Key, settings: Settings) -> None:
    """Publishes until the process is ended, over any number of failures."""
    broker = Broker(settings)
    events = Events(key, settings, broker)
    publish(key, broker, Relayed(NAME, ONE_STREAMS, "events", events.begin))


class Events:
    """What is published of events: to which topics, and how."""

    def __init__(self, key: Key, settings: Settings, broker: Broker) -> None:
        self._key, self._settings, self._broker = key, settings, broker
        self._topics = Topics(settings.kafka_prefix)

    def begin(self, conn: Connection[TupleRow], writer: Writer, position: int) -> "Term":
        """Begins behind what Kafka has, whatever the checkpoint says.

        Raises:
            TopicUnfit: a topic is not as it must be.
            TopicEmptied: it has lost what was published.
        """
        row = conn.execute(IDENTITY).fetchone()
        assert row is not None
        source = source_of(*row)
        topics = (self._topics.cases, self._topics.configuration)
        partitions = {topic: self._broker.prepared(topic) for topic in topics}
        tails = {topic: self._broker.tail(topic, n) for topic, n in partitions.items()}
        for topic, tail in tails.items():
            asked = {"position": position, "of_cases": topic == self._topics.cases}
            if not tail.was_written and conn.execute(HAD, asked).fetchone():
                raise TopicEmptied(topic.name, position)
        full = self._settings.kafka_content == "full"
        publishing = Publishing(self._key.codec, source, full, self._settings.public_url)
        return Term(conn, writer, publishing, partitions, ends_of(tails, source))


def ends_of(tails: Mapping[Topic, Tail], source: str) -> Ends:
    """Where each partition ends; one that another epoch wrote last has nothing of this one."""
    return {
        (topic.name, partition): int(record.headers["ce_sequence"])
        for topic, tail in tails.items()
        for partition, record in tail.last.items()
        if record.headers["ce_source"] == source
    }


class Term:
    """Publishes with one writer, behind where each partition ended when it began."""

    def __init__(
        self,
        conn: Connection[TupleRow],
        writer: Writer,
        publishing: Publishing,
        partitions: Mapping[Topic, int],
        ends: Ends,
    ) -> None:
        self._conn, self._writer, self._publishing = conn, writer, publishing
        (self._cases, cases), (self._others, others) = partitions.items()
        self._partitions = {self._cases.name: cases, self._others.name: others}
        self._ends = ends

    def __call__(self, position: int) -> int:
        """Publishes what comes after a position; up to where.

        Raises:
            Hole: the log has none of what comes next.
            BrokerAway: some of it may have been written.
        """
        records, sizes, last = list[Outgoing](), dict[tuple[str, int], int](), position
        for row in self._page(position):
            if row.position != last + 1:
                raise Hole(last)
            record = self._record(row, *self._publishing.event(row))
            place = (record.topic.name, record.partition)
            sizes[place] = sizes.get(place, 0) + len(record.value or b"") + AROUND_BYTES
            if sizes[place] > MOST_BYTES and records:
                break
            last = row.position
            if last > self._ends.get(place, 0):
                records.append(record)
        if records:
            self._writer.write(records)
        return last

    def _page(self, position: int) -> Sequence[Stored]:
        if self._publishing.full:
            return page(self._conn, position, MOST_EVENTS)
        asked = {"after": position, "most": MOST_EVENTS}
        rows = self._conn.execute(BARE_PAGE, asked, binary=True)
        return [Stored(*row) for row in rows]

    def _record(self, row: Stored, value: bytes, headers: Headers) -> Outgoing:
        topic = self._cases if self._is_of_a_case(row) else self._others
        key = str(row.stream).encode()
        partition = partition_of(key, self._partitions[topic.name])
        return Outgoing(topic, partition, key, value, headers)

    def _is_of_a_case(self, row: Stored) -> bool:
        if row.topic != ERASED:
            return row.topic.startswith(CASE)
        # It is told where its stream is: cases are erased, and people.
        first = self._conn.execute(FIRST, {"stream": row.stream}).fetchone()
        return first is not None and first[0].startswith(CASE)
