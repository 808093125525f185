"""Publishes each case as it is now: what a topic keeps that is compacted by case.

It follows the read model of cases, so that a snapshot is whatever everybody is shown. One that is
written twice says the same or something newer: nothing is skipped here, and nothing is in order but
what is of one case.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, Final

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.sql import SQL, Identifier

from domain.runtime.history import IDENTITY
from domain.runtime.settings import Settings
from projections import cases
from projections.broker import Broker, Outgoing, Writer, partition_of
from projections.envelope import JSON, SPECVERSION, in_order, source_of
from projections.filling import Key
from projections.published import headers_of
from projections.relay import Flush, Relayed, publish
from projections.topics import Topics

MOST_EVENTS: Final = 1_000  # that a flush looks at
MOST_BYTES: Final = 800_000  # of a batch
HEADERS_BYTES: Final = 600
ONE_PUBLISHES: Final = 0x0CA5EB004  # the advisory lock of the one that publishes snapshots
NAME: Final = "state"
KIND: Final = "case.state"

# Names that people have are not here: they change, and no event of the case says so.
FIELDS: Final = (
    *("id", "number", "version", "position", "account", "contact", "submitter", "assignee"),
    *("status", "badges", "severity", "application", "type", "product_version", "component"),
    *("category", "team", "tags", "customer_reference", "external_ids", "links", "watchers"),
    *("created_at", "modified_at", "assigned_at", "escalated_at", "awaiting", "awaiting_until"),
    *("closes_at", "closed_at", "closed_on", "customers_word", "reopen_until", "merged_into"),
    "rating",
)
WORDS: Final = ("subject", "description", "phone", "recipients", "pending", "resolution")

# No further than the read model is. Its position is read before its rows, which may be newer.
CHANGED: Final = """
SELECT e.notification_id, e.originator_id FROM log.events e
 WHERE e.notification_id > %(after)s
   AND e.notification_id <= (SELECT position FROM read.models WHERE name = %(model)s)
 ORDER BY e.notification_id LIMIT %(most)s
"""
ROWS: Final = SQL("SELECT {}, c.erased FROM read.cases c WHERE c.id = ANY(%(ids)s) ORDER BY c.id")


def snapshots(key: Key, settings: Settings) -> None:
    """Publishes until the process is ended, over any number of failures."""
    broker = Broker(settings)
    publish(key, broker, Relayed(NAME, ONE_PUBLISHES, "projected", State(settings, broker).begin))


class State:
    """What is published of cases: to which topic, with words or without."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._broker, self._topic = broker, Topics(settings.kafka_prefix).state
        shown = (*FIELDS, *WORDS) if settings.kafka_content == "full" else FIELDS
        self._rows = ROWS.format(SQL(", ").join(Identifier("c", name) for name in shown))

    def begin(self, conn: Connection[TupleRow], writer: Writer, _position: int) -> Flush:
        """Begins after the checkpoint.

        Raises:
            TopicUnfit: the topic is not as it must be.
        """
        row = conn.execute(IDENTITY).fetchone()
        assert row is not None
        source, partitions = source_of(*row), self._broker.prepared(self._topic)

        def flush(position: int) -> int:
            asked = {"after": position, "most": MOST_EVENTS, "model": cases.NAME}
            changed = conn.execute(CHANGED, asked).fetchall()
            if not changed:
                return position
            with conn.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(self._rows, {"ids": list({id_ for _, id_ in changed})})
                records = [self._record(row, source, partitions) for row in rows]
            for some in _in_flushes(records):
                writer.write(some)
            last: int = changed[-1][0]
            return last

        return flush

    def _record(self, row: dict[str, Any], source: str, partitions: int) -> Outgoing:
        erased, stream = row.pop("erased"), str(row["id"])
        told = {
            "specversion": SPECVERSION,
            "id": f"{stream}:{row['version']}:state",
            "source": source,
            "type": KIND,
            "subject": stream,
            "datacontenttype": JSON,
            "time": row["modified_at"].astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "sequence": in_order(row["position"]),
            "version": row["version"],
        }
        value = None if erased else orjson.dumps(row, option=orjson.OPT_UTC_Z)
        key = stream.encode()
        partition = partition_of(key, partitions)
        return Outgoing(self._topic, partition, key, value, headers_of(told))


def _in_flushes(records: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """The records in parts that fit in a batch each."""
    some, size = list[Outgoing](), 0
    for record in records:
        weight = len(record.value or b"") + HEADERS_BYTES
        if some and size + weight > MOST_BYTES:
            yield some
            some, size = [], 0
        some.append(record)
        size += weight
    if some:
        yield some
