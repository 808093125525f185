"""A read model made anew from the log: beside the one that is read, until it takes its place.

A generation is a schema: `read` is the one that is read, `next` the one that is being built, `old`
the one that was. It is filled stream by stream in several processes, follows the log until it is
where the other one is, is compared with it there, and takes its place in one step. Whoever dies
meanwhile leaves `next` behind, which the next one begins anew.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import groupby
from types import MappingProxyType
from typing import Final

from psycopg import Connection, IsolationLevel
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from domain.runtime.database import OUTDATED, connect
from domain.runtime.history import HEAD
from domain.runtime.processes import prepared
from projections import search
from projections.comparing import Difference, differences
from projections.filling import BuildFailed, Key, at_leisure, fill_part
from projections.follower import INTO, ONE_BUILDS, READ_MODELS, RELAXED, catch_up, register
from projections.page import Folded

# The tables that each read model writes.
TABLES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {**{name: [name] for name in READ_MODELS}, search.NAME: search.TABLES}
)

PROCESSES: Final = 2
# Parts of the streams by their ids, so many events each; what is one part needs no processes.
EVENTS_A_PART: Final = 5_000
MOST_PARTS: Final = 256
NEAR: Final = 500  # events that may be lacking when everybody is made to wait
SWITCH_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.1

LOCK: Final = "SELECT pg_try_advisory_lock(%(key)s)"
UNLOCK: Final = "SELECT pg_advisory_unlock(%(key)s)"
BEGIN: Final = "SELECT read.begin_generation(%(models)s, %(tables)s, %(shared)s)"
FILLED: Final = "UPDATE next.models SET position = %(position)s"
# In each of `PROCESSES` connections, for what an index sorts: with the usual 64 MB it goes to disk.
MEMORY: Final = "SET maintenance_work_mem = '256MB'"
INDEX: Final = "SELECT read.index_generation(%(tables)s)"
# Whoever waits for a table keeps everybody waiting who comes after: so not for long.
NOT_LONG: Final = "SET LOCAL lock_timeout = '200ms'"
# The follower takes the same rows before it writes a page.
HELD: Final = """
SELECT position FROM read.models WHERE name = ANY(%(models)s) ORDER BY name FOR UPDATE
"""
SWITCH: Final = "SELECT read.switch_generation(%(tables)s)"
DROP: Final = "SELECT read.drop_generation(%(which)s)"
LIVE: Final = "SELECT name, position, failure FROM read.models WHERE name = ANY(%(models)s)"
NEXT: Final = "SELECT name, position, failure FROM next.models"
NOTIFY: Final = "SELECT pg_notify('projected', '')"


class OneBuilds(Exception):
    """Somebody is rebuilding or verifying a read model already."""


class TablesInUse(Exception):
    """Somebody has read the table for a minute: nothing was switched."""


Told = Callable[[str, int, int], None]
"""Is told what is being done, how many events are done, and of how many."""


class Generation:
    """Some read models that are being built in `next`."""

    def __init__(self, conn: Connection[TupleRow], key: Key, models: Collection[str]) -> None:
        self._conn, self._key = conn, key
        self.models = [name for name in READ_MODELS if name in models]
        self._tables = [table for name in self.models for table in TABLES[name]]
        self._codec = key.codec
        self._folded = Folded(self._codec)

    def fill(self, up_to: int, told: Told) -> None:
        """Fills the empty tables with all that happened as far as a position.

        Raises:
            BuildFailed: an event cannot be read, or not be shown.
        """
        tables = {"tables": self._tables, "shared": list(search.SHARED)}
        self._conn.execute(BEGIN, {"models": self.models, **tables})
        done = 0
        for events in self._parts(up_to):
            told("fill", done := done + events, up_to)
        told("index", done, up_to)
        with ThreadPoolExecutor(PROCESSES) as threads:
            list(threads.map(self._index, self._tables))
        self._conn.execute(FILLED, {"position": up_to})

    def _parts(self, up_to: int) -> Iterator[int]:
        """Fills part after part; how many events each had."""
        many = min(MOST_PARTS, up_to // EVENTS_A_PART) + 1
        if many == 1:
            yield fill_part(self._key, self.models, (0, 1), up_to)
            return
        pool = ProcessPoolExecutor(
            PROCESSES, prepared(fill_part.__module__), at_leisure, (self._key,)
        )
        try:
            parts = [
                pool.submit(fill_part, self._key, self.models, (part, many), up_to)
                for part in range(many)
            ]
            yield from (part.result() for part in as_completed(parts))
        except BrokenProcessPool:
            raise BuildFailed("all", "a process that filled it was ended") from None
        finally:
            pool.shutdown(cancel_futures=True)  # what has not begun is not waited for

    def _index(self, table: str) -> None:
        with connect(self._key.url, "casebook rebuild", autocommit=True) as conn:
            conn.execute(MEMORY)
            conn.execute(INDEX, {"tables": [table]})

    def follow(self, up_to: int | None = None, models: Collection[str] | None = None) -> None:
        """Goes on as the follower does, to a position or to the head.

        Raises:
            BuildFailed: a read model stopped.
        """
        some = {name: READ_MODELS[name] for name in models or self.models}
        while catch_up(self._conn, self._codec, self._folded, some, up_to=up_to):
            pass
        for name, _position, failure in self._conn.execute(NEXT).fetchall():
            if failure:
                raise BuildFailed(name, failure)

    def compared(self) -> Iterator[Difference]:
        """Every row of these read models that the log tells otherwise, at one position each.

        Where a read model stands behind what was built, or beyond the log, that is all that is
        said of it. Reads everything in one snapshot, and keeps nobody waiting.
        """
        self._conn.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            with self._conn.transaction():
                (head,) = self._conn.execute(HEAD).fetchone() or (0,)
                live = self._conn.execute(LIVE, {"models": self.models}).fetchall()
                built = {name: at for name, at, _ in self._conn.execute(NEXT).fetchall()}
                by_position = sorted((at, name) for name, at, _ in live)
                for at, group in groupby(by_position, key=lambda one: one[0]):
                    yield from self._compared([name for _, name in group], at, head, built)
        finally:
            self._conn.isolation_level = None

    def _compared(
        self, models: Sequence[str], at: int, head: int, built: Mapping[str, int]
    ) -> Iterator[Difference]:
        there = [name for name in models if built[name] <= at <= head]
        for name in set(models) - set(there):
            yield Difference(name, "", "position", at, built[name] if at <= head else head)
        if there:
            self.follow(at, there)
        for name in there:
            for table in TABLES[name]:
                yield from differences(self._conn, name, table)

    def switch(self) -> int:
        """Puts these read models in the place of those that are read; the position that they have.

        Raises:
            TablesInUse: somebody holds the tables.
        """
        end = time.monotonic() + SWITCH_SECONDS
        while True:
            self.follow()
            try:
                with self._conn.transaction():
                    return self._switched()
            except (LockNotAvailable, _TooFarBehind):
                if time.monotonic() > end:
                    raise TablesInUse from None
                time.sleep(PAUSE_SECONDS)

    def _switched(self) -> int:
        self._conn.execute(NOT_LONG)
        held = self._conn.execute(HELD, {"models": self.models}).fetchall()
        live = max((at for (at,) in held), default=0)
        built = min(at for _, at, _ in self._conn.execute(NEXT).fetchall())
        if live - built > NEAR:
            raise _TooFarBehind
        self.follow(live)
        position: int = min(at for _, at, _ in self._conn.execute(NEXT).fetchall())
        self._conn.execute(SWITCH, {"tables": self._tables})
        self._conn.execute(NOTIFY)
        return position


class _TooFarBehind(Exception):
    pass


@contextmanager
def building(key: Key, models: Collection[str]) -> Iterator[Generation]:
    """A generation of these read models; what of it was not put in place is dropped at the end.

    Raises:
        OneBuilds: another one is being built.
    """
    with connect(key.url, "casebook rebuild", autocommit=True) as conn:
        if not (conn.execute(LOCK, {"key": ONE_BUILDS}).fetchone() or (False,))[0]:
            raise OneBuilds
        conn.execute(RELAXED)
        register(conn, READ_MODELS)  # whatever was never followed stands at the beginning
        conn.execute(INTO, {"schema": "next"})
        try:
            yield Generation(conn, key, models)
        finally:
            conn.execute(DROP, {"which": "next"})
            # Not by leaving alone: the server needs a moment to see that somebody has left.
            conn.execute(UNLOCK, {"key": ONE_BUILDS})


def drop_old(conn: Connection[TupleRow]) -> list[str]:
    """Drops what was read before the last rebuilds; the tables."""
    (dropped,) = conn.execute(DROP, {"which": "old"}).fetchone() or ([],)
    return list(dropped)


def outdated(conn: Connection[TupleRow]) -> list[str]:
    """The read models whose tables a migration wants otherwise than they are."""
    late = {table for (table,) in conn.execute(OUTDATED)}
    return [name for name, tables in TABLES.items() if not late.isdisjoint(tables)]
