"""Read models made anew from the log, and compared with it."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from domain.runtime.database import connect
from domain.runtime.history import HEAD
from projections.comparing import Difference
from projections.filling import BuildFailed, Key
from projections.generation import LIVE, TABLES, OneBuilds, TablesInUse, Told, building, outdated

PATIENCE_SECONDS: Final = 10.0  # for a read model that does not come nearer to the log
LOOK_SECONDS: Final = 0.1

# Not TRUNCATE: it would shut out whoever reads until the commit.
EMPTY: Final = SQL("DELETE FROM read.{}")
# The follower takes the same rows in the same order before it writes a page.
LOCK: Final = "SELECT FROM read.models WHERE name = ANY(%(names)s) ORDER BY name FOR UPDATE"
RESET: Final = """
UPDATE read.models SET position = 0, failed_at = NULL, failure = NULL WHERE name = ANY(%(names)s)
"""
WAKE: Final = "NOTIFY events"
RESHAPES, NOT_RESHAPED = "read_models_reshape", "read_models_not_reshaped"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of a rebuild: up to where, of how many events, and how much was otherwise."""

    models: list[str]
    position: int
    seconds: float
    differed: Mapping[str, int]
    """By read model: how many things its live rows said otherwise than the log."""


def rebuild(key: Key, models: Collection[str], told: Told) -> Rebuilt:
    """Makes read models anew beside those that are read, compares both, and switches.

    Raises:
        OneBuilds: another one is being built.
        BuildFailed: an event cannot be read, or not be shown; nothing was switched.
        TablesInUse: nothing was switched.
    """
    began = time.monotonic()
    with building(key, models) as generation:
        generation.fill(_head(key), told)
        generation.follow()
        told("compare", 0, 0)
        differed = Counter(difference.model for difference in generation.compared())
        told("switch", 0, 0)
        position = generation.switch()
    return Rebuilt(generation.models, position, time.monotonic() - began, dict(differed))


def verify(key: Key, models: Collection[str], told: Told) -> Iterator[Difference]:
    """Replays the log beside the read models and gives all that they say otherwise.

    Raises:
        OneBuilds, BuildFailed: as above.
    """
    with building(key, models) as generation:
        told("wait", 0, 0)
        head = _head(key)
        positions = _there(key, generation.models, head)
        for name, position in positions.items():
            if position < head:
                yield Difference(name, "", "position", position, head)
        generation.fill(min(positions.values(), default=head), told)
        told("compare", 0, 0)
        yield from generation.compared()


def reshape(key: Key) -> None:
    """Makes those read models anew whose tables a migration wants otherwise than they are.

    What cannot be made is said in the log, and stays as it is.
    """
    while True:
        with connect(key.url, "casebook rebuild", autocommit=True) as conn:
            if not (names := outdated(conn)):
                return
        log.info(RESHAPES, models=names)
        try:
            rebuild(key, names, lambda _step, _done, _of: None)
        except OneBuilds:
            time.sleep(1)
        except (BuildFailed, TablesInUse) as error:
            log.error(NOT_RESHAPED, models=names, failure=str(error))  # noqa: TRY400  no defect
            return


def _head(key: Key) -> int:
    with connect(key.url, "casebook rebuild", autocommit=True) as conn:
        (head,) = conn.execute(HEAD).fetchone() or (0,)
    return int(head)


def _there(key: Key, models: Collection[str], wanted: int) -> dict[str, int]:
    """Where the read models stand, once they have that position or no longer come nearer to it."""
    before, end = None, 0.0
    with connect(key.url, "casebook rebuild", autocommit=True) as conn:
        while True:
            rows = conn.execute(LIVE, {"models": list(models)}).fetchall()
            late = [(name, at) for name, at, failure in rows if at < wanted and not failure]
            if late != before:
                before, end = late, time.monotonic() + PATIENCE_SECONDS
            if not late or time.monotonic() > end:
                return {name: at for name, at, _ in rows}
            time.sleep(LOOK_SECONDS)


def reset(conn: Connection[TupleRow], names: Collection[str]) -> None:
    """Empties read models that are of another history; the follower makes them again."""
    with conn.transaction():
        conn.execute(LOCK, {"names": list(names)})
        for name in names:
            for table in TABLES.get(name, ()):  # else it is of another release
                conn.execute(EMPTY.format(Identifier(table)))
        conn.execute(RESET, {"names": list(names)})
        conn.execute(WAKE)
