"""Events as Kafka brings them: which ones and when. What they hold is read from the log.

On the topic they may lack their words, and a consumer of ours has the log at hand. It takes all
partitions by itself, without a group's rebalancing: the advisory lock has chosen the one already.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from time import sleep
from typing import Final

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.sources import MOST_EVENTS, Batch, Source
from domain.runtime.consuming import Cursor
from domain.runtime.history import AT, IDENTITY, page, stored
from domain.runtime.settings import Settings
from projections.broker import Broker, BrokerAway, Reader, Record, why_away
from projections.envelope import source_of
from projections.topics import Topics

POLL_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 1.0

KAFKA_AWAY, READS_THE_LOG = "consumer_waits_for_kafka", "consumer_catches_up_from_the_log"
log = structlog.get_logger()


def from_kafka(
    settings: Settings, name: str
) -> Callable[[Connection[TupleRow]], AbstractContextManager[Source]]:
    """Opens the source of a consumer of this name; its offsets are committed under the name."""

    @contextmanager
    def opened(conn: Connection[TupleRow]) -> Iterator[Source]:
        broker, topics = Broker(settings), Topics(settings.kafka_prefix)
        both = {
            topic: _once_there(partial(broker.prepared, topic))
            for topic in (topics.cases, topics.configuration)
        }
        row = conn.execute(IDENTITY).fetchone()
        assert row is not None
        with broker.reader(both, f"{settings.kafka_prefix}casebook.{name}") as reader:
            yield KafkaSource(reader, source_of(*row), name)

    return opened


def _once_there(ask: Callable[[], int]) -> int:
    told = ""
    while True:
        try:
            return ask()
        except BrokerAway as error:
            failure = why_away(error)
            if failure != told:
                log.warning(KAFKA_AWAY, failure=failure)
            told = failure
            sleep(PAUSE_SECONDS)


class KafkaSource:
    """What a reader of both topics gives, and before it whatever Kafka has forgotten."""

    def __init__(self, reader: Reader, source: str, name: str) -> None:
        self._reader, self._source = reader, source
        self._records: list[Record] = []
        self._catches_up = reader.forgotten()
        if self._catches_up:
            log.warning(READS_THE_LOG, consumer=name)

    def wait(self) -> None:
        """Asks Kafka; what came is handled before it is asked again."""
        self._records = self._reader.poll(POLL_SECONDS, MOST_EVENTS)

    def batch(self, cursor: Cursor) -> Batch:
        if self._catches_up and (rows := page(cursor.conn, cursor.position, MOST_EVENTS)):
            return Batch(rows, rows[-1].position)
        self._catches_up = False
        # Of another epoch: the log has something else at these positions.
        ours = [one for one in self._records if one.headers["ce_source"] == self._source]
        positions = [int(one.headers["ce_sequence"]) for one in ours]
        self._records = []
        if not positions:
            return Batch([], None)
        rows_at = cursor.conn.execute(AT, {"positions": positions}, binary=True).fetchall()
        return Batch([stored(row) for row in rows_at], None)

    def done(self) -> None:
        """Committed late or never, events come again and are skipped."""
        with suppress(BrokerAway):
            self._reader.commit()
