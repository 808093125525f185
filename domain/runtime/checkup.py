"""What can be wrong with a log and what follows it, each with what mends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from domain.runtime.codec import Codec, StateUnreadable
from domain.runtime.consuming import ALL as CONSUMERS
from domain.runtime.consuming import Standing
from domain.runtime.database import (
    APPLIED,
    OUTDATED,
    MigrationRefused,
    connect,
    migrations,
    pending,
)
from domain.runtime.history import LAST_WITH_KEY, stored
from domain.runtime.keys import KeyUnusable
from domain.runtime.relayed import ALL as PUBLISHED
from domain.runtime.relayed import Published

# Positions count 1, 2, 3: the head and the count agree, or something is missing.
COUNTED: Final = "SELECT coalesce(max(notification_id), 0), count(*) FROM log.events"
MAY_WRITE: Final = """
SELECT has_table_privilege(current_user, 'log.events', 'INSERT')
    OR has_table_privilege(current_user, 'log.keys', 'UPDATE')
"""
MODELS: Final = "SELECT name, position, failure FROM read.models ORDER BY name"
FOLLOWED: Final = """
SELECT count(*) FROM pg_locks
 WHERE locktype = 'advisory' AND granted AND database = (
       SELECT oid FROM pg_database WHERE datname = current_database())
   AND (classid::bigint << 32) + objid::bigint = %(key)s
"""


RUNS: Final = """
SELECT count(*) FROM pg_locks
 WHERE locktype = 'advisory' AND granted AND database = (
       SELECT oid FROM pg_database WHERE datname = current_database())
   AND (classid::bigint << 32) + objid::bigint
     = hashtextextended('casebook consumer ' || %(name)s, 0)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` is what to do when it is not as it should be."""

    what: str
    mend: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return self.mend is None


def findings(url: str, codec: Codec, follower_lock: int) -> Iterator[Finding]:
    """Looks at everything, in an order in which the first trouble explains the rest."""
    try:
        with connect(url, "casebook doctor", autocommit=True) as conn:
            yield Finding("The database answers.")
            yield from _schema(conn)
            yield from _log(conn, codec)
            yield from _followed(conn, follower_lock)
            yield from _consumed(conn)
            yield from _published(conn)
    except psycopg.errors.UndefinedTable:
        return
    except psycopg.OperationalError as error:
        why = str(error).strip().splitlines()[0]
        yield Finding(f"The database does not answer: {why}.", "casebook up, or start PostgreSQL")


def _schema(conn: Connection[TupleRow]) -> Iterator[Finding]:
    try:
        lacking = pending(migrations(), dict(conn.execute(APPLIED)))
    except MigrationRefused as error:
        yield Finding(str(error), "use the release that belongs to this database")
        return
    except psycopg.errors.UndefinedTable:
        lacking = list(migrations())
    if lacking:
        yield Finding(f"The database lacks {', '.join(lacking)}.", "casebook migrate")
    else:
        yield Finding("The schema is up to date.")


def _log(conn: Connection[TupleRow], codec: Codec) -> Iterator[Finding]:
    head, count = conn.execute(COUNTED).fetchone() or (0, 0)
    if head == count:
        yield Finding(f"The log has {count} events, without a hole.")
    else:
        hole = f"The log ends at {head} and has {count} events: {head - count} are missing."
        yield Finding(hole, "restore the database, then casebook restored")
    if (conn.execute(MAY_WRITE).fetchone() or (False,))[0]:
        yield Finding(
            "The service could write the log past log.append.",
            "set CASEBOOK_DATABASE_URL to a role that is only a member of casebook_service",
        )
    else:
        yield Finding("The service can write the log by log.append alone.")
    yield from _key(conn, codec)


def _key(conn: Connection[TupleRow], codec: Codec) -> Iterator[Finding]:
    row = conn.execute(LAST_WITH_KEY, binary=True).fetchone()
    try:
        if row is not None:
            codec.decode(stored(row))
        yield Finding("The master key opens the log.")
    except (KeyUnusable, StateUnreadable) as error:
        yield Finding(str(error), "set CASEBOOK_MASTER_KEY to the key of this database")


def _followed(conn: Connection[TupleRow], follower_lock: int) -> Iterator[Finding]:
    head, _count = conn.execute(COUNTED).fetchone() or (0, 0)
    if not (conn.execute(FOLLOWED, {"key": follower_lock}).fetchone() or (0,))[0]:
        yield Finding("Nobody follows the log.", "python -m projections, or casebook up")
    if late := conn.execute(OUTDATED).fetchone():
        yield Finding(
            f"The read model '{late[0]}' is not as this release wants it.",
            f"casebook rebuild {late[0]}",
        )
    for name, position, failure in conn.execute(MODELS).fetchall():
        if failure:
            stopped = f"The read model '{name}' stopped at {position} of {head}: {failure}."
            yield Finding(stopped, f"mend the cause, then casebook rebuild {name}")
        elif position > head:
            beyond = f"The read model '{name}' is at {position}, beyond the head {head}."
            yield Finding(beyond, "casebook restored")
        elif position < head:
            yield Finding(f"The read model '{name}' is at {position} of {head} and catching up.")
        else:
            yield Finding(f"The read model '{name}' is at the head.")


def _consumed(conn: Connection[TupleRow]) -> Iterator[Finding]:
    head, _count = conn.execute(COUNTED).fetchone() or (0, 0)
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        standing = cursor.execute(CONSUMERS).fetchall()
    for one in standing:
        at = f"The consumer '{one.name}' is at {one.position} of {head}"
        if not (conn.execute(RUNS, {"name": one.name}).fetchone() or (0,))[0]:
            yield Finding(f"{at}, and nobody runs it.", "python -m consumers, or casebook up")
        elif one.parked:
            yield Finding(f"{at}, and cannot go on with {one.parked} cases.", "casebook parked")
        else:
            yield Finding(f"{at}.")


def _published(conn: Connection[TupleRow]) -> Iterator[Finding]:
    head, _count = conn.execute(COUNTED).fetchone() or (0, 0)
    with conn.cursor(row_factory=class_row(Published)) as cursor:
        published = cursor.execute(PUBLISHED).fetchall()
    for one in published:
        at = f"Kafka has {one.topics} up to {one.position} of {head}"
        if one.failure:
            yield Finding(f"{at}: {one.failure}", "mend the cause: it goes on by itself")
        else:
            yield Finding(f"{at}.")
