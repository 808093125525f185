"""Follows the log and writes the read models. One process at a time does; others stand by.

A page is decoded once and given to every read model that stands before it, in one transaction: its
rows and its position are kept together or lost together. A read model that fails stops alone.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from time import sleep
from types import MappingProxyType
from typing import Final, TypeAlias

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.recorded import Recorded
from domain.runtime.codec import Codec, StateUnreadable
from domain.runtime.database import connect
from domain.runtime.history import page as read_page
from domain.runtime.keys import KeyUnusable
from domain.runtime.logs import failure_of
from domain.runtime.sealing import Stored
from projections import access, activity, cases, directory, search
from projections.page import Folded, Page

Apply: TypeAlias = Callable[[Connection[TupleRow], Page], None]
# In this order: what says who may see a case stands before the case itself.
READ_MODELS: Final[Mapping[str, Apply]] = MappingProxyType(
    {
        access.NAME: access.apply,
        cases.NAME: cases.apply,
        activity.NAME: activity.apply,
        directory.NAME: directory.apply,
        search.NAME: search.apply,
    }
)

MOST_EVENTS: Final = 1_000  # a page
ONE_FOLLOWS: Final = 0x0CA5EB001  # the advisory lock of the one that writes
ONE_BUILDS: Final = 0x0CA5EB002  # the advisory lock of the one that builds another generation
STANDBY_SECONDS: Final = 0.5  # between two tries to be the one
IDLE_SECONDS: Final = 5.0  # a look without having been woken, should a notification get lost

LOCK: Final = "SELECT pg_try_advisory_lock(%(key)s)"
# What is lost with the server is made again from the log, so no commit waits for the disk.
RELAXED: Final = "SET synchronous_commit = off"
LISTEN: Final = "LISTEN events"
NOTIFY: Final = "SELECT pg_notify('projected', %(position)s::text)"
# A read model is written where this leads: `read`, or the generation that is being built.
INTO: Final = "SELECT set_config('search_path', %(schema)s, false)"
# What was read before, and what somebody left behind who died building it, have the words too.
# Whoever is building now follows the log, and comes to the same event.
FORGET: Final = """
SELECT read.drop_generation('old'),
       CASE WHEN pg_try_advisory_xact_lock(%(builds)s) THEN read.drop_generation('next') END
 WHERE current_schema() = 'read'
"""
REGISTER: Final = "INSERT INTO models (name) VALUES (%(name)s) ON CONFLICT DO NOTHING"
# Whatever stopped is tried again at each start: the cause may be mended by then.
RETRY: Final = "UPDATE models SET failed_at = NULL, failure = NULL WHERE failed_at IS NOT NULL"
# Held to the end of the page: whoever resets a read model comes before it or after it.
POSITIONS: Final = """
SELECT name, position FROM models WHERE failed_at IS NULL ORDER BY name FOR UPDATE
"""
MOVE: Final = "UPDATE models SET position = %(position)s WHERE name = %(name)s"
FAIL: Final = """
UPDATE models SET failed_at = now(), failure = %(failure)s WHERE name = %(name)s
"""

LEADING, STANDING_BY = "follower_leads", "follower_stands_by"
HOLE_FOUND, MODEL_FAILED = "log_hole_found", "read_model_failed"
CONNECTION_LOST = "follower_connection_lost"
log = structlog.get_logger()


def follow(url: str, codec: Codec, models: Mapping[str, Apply] = READ_MODELS) -> None:
    """Follows until the process is ended, over any number of lost connections."""
    once_connected(lambda: _follow_once(url, codec, models))


def once_connected(work: Callable[[], None]) -> None:
    """Does the work, from its beginning each time that a connection is lost."""
    while True:
        try:
            work()
        except psycopg.OperationalError as error:
            # Nobody is to blame for a dropped connection: everything goes on where it stood.
            log.warning(CONNECTION_LOST, sqlstate=error.sqlstate)
            sleep(STANDBY_SECONDS)
        else:
            return


def _follow_once(url: str, codec: Codec, models: Mapping[str, Apply]) -> None:
    with (
        connect(url, "casebook follower", autocommit=True) as conn,
        connect(url, "casebook follower ear", autocommit=True) as ear,
    ):
        _wait_for_the_lead(conn)
        conn.execute(RELAXED)
        register(conn, models)
        conn.execute(RETRY)
        ear.execute(LISTEN)
        folded = Folded(codec)
        while True:
            while catch_up(conn, codec, folded, models):
                pass
            # The first notification wakes; those that gather meanwhile are answered by one look.
            for _ in ear.notifies(timeout=IDLE_SECONDS, stop_after=1):
                pass


def _wait_for_the_lead(conn: Connection[TupleRow]) -> None:
    told = False
    while True:
        row = conn.execute(LOCK, {"key": ONE_FOLLOWS}).fetchone()
        if row and row[0]:
            log.info(LEADING)
            return
        if not told:
            log.info(STANDING_BY)
            told = True
        sleep(STANDBY_SECONDS)


def register(conn: Connection[TupleRow], models: Mapping[str, Apply], schema: str = "read") -> None:
    """This connection writes the read models of a schema; new ones begin at the log's beginning."""
    conn.execute(INTO, {"schema": schema})
    for name in models:
        conn.execute(REGISTER, {"name": name})


def catch_up(
    conn: Connection[TupleRow],
    codec: Codec,
    folded: Folded,
    models: Mapping[str, Apply],
    most: int = MOST_EVENTS,
    up_to: int | None = None,
) -> bool:
    """Gives one page to those read models that are furthest behind; False: none is behind.

    `up_to` is the position at which they are to stop; None: the head.
    """
    with conn.transaction():
        positions: dict[str, int] = dict(conn.execute(POSITIONS))
        standing = {name: positions[name] for name in models if name in positions}
        if not standing:
            return False
        start = min(standing.values())
        # Positions have no holes, so that so many events end there.
        rows = read_page(conn, start, most if up_to is None else min(most, max(up_to - start, 0)))
        if not rows:
            return False
        reading = [name for name, position in standing.items() if position == start]
        recorded, unreadable = _decoded(codec, rows)
        if unreadable and not recorded:
            for name in reading:
                _stop(conn, name, unreadable)
            return True
        _alarm_at_holes(start, recorded)
        page = Page(recorded, folded, conn)
        if page.destroys:
            conn.execute(FORGET, {"builds": ONE_BUILDS})
        for name in reading:
            _apply(conn, name, models[name], page)
        conn.execute(NOTIFY, {"position": page.last})
    return True


def _decoded(codec: Codec, rows: Sequence[Stored]) -> tuple[list[Recorded], Exception | None]:
    """The events up to the first that cannot be read, and why it cannot."""
    recorded: list[Recorded] = []
    for row in rows:
        try:
            recorded.append(codec.decode(row))
        except (StateUnreadable, KeyUnusable) as error:
            return recorded, error
    return recorded, None


def _apply(conn: Connection[TupleRow], name: str, apply: Apply, page: Page) -> None:
    """Gives a page to one read model, which stops alone, at the event at which it fails."""
    error = _tried(conn, name, apply, page)
    if error and len(page.recorded) > 1:
        tries = (_tried(conn, name, apply, one) for one in page.each())
        error = next(filter(None, tries), None)
    if error:
        _stop(conn, name, error)


def _tried(conn: Connection[TupleRow], name: str, apply: Apply, page: Page) -> Exception | None:
    """Why a read model could not take a page; None: it has it."""
    try:
        with conn.transaction():
            apply(conn, page)
            conn.execute(MOVE, {"name": name, "position": page.last})
    except Exception as error:
        if passes(error):
            raise
        return error
    return None


def passes(error: Exception) -> bool:
    """Whether nobody is to blame: the next try, on a new connection, may find it gone."""
    away = isinstance(error, psycopg.OperationalError)
    # psycopg calls it operational too, but what is too large for an index is so each time.
    return away and not isinstance(error, psycopg.errors.ProgramLimitExceeded)


def _stop(conn: Connection[TupleRow], name: str, error: Exception) -> None:
    failure = why(error)
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error(MODEL_FAILED, model=name, failure=failure, stack=stack)
    conn.execute(FAIL, {"name": name, "failure": failure})


def why(error: Exception) -> str:
    """What failed and where. Not its message: that may quote words, and everybody can read it."""
    if isinstance(error, StateUnreadable | KeyUnusable):
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return failure_of(error)


def _alarm_at_holes(start: int, recorded: Sequence[Recorded]) -> None:
    for before, this in zip([start, *(r.position for r in recorded)], recorded, strict=False):
        if this.position != before + 1:
            log.critical(HOLE_FOUND, after=before, next=this.position)
