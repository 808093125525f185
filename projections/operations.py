"""What is done to read models, recorded: by whom, how far it is, what came of it.

Asked for over HTTP it is done by the projections, one after the other; whoever dies over one finds
it again at the next start, and begins it anew.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Final
from uuid import UUID

import structlog
from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from domain.runtime.database import connect
from domain.runtime.logs import failure_of
from projections.comparing import Difference
from projections.filling import BuildFailed, Key
from projections.follower import once_connected
from projections.generation import OneBuilds, TablesInUse, drop_old
from projections.rebuild import rebuild, verify

LOOK_SECONDS: Final = 1.0
A_WORD: Final = "a word"  # in the place of that word
MOST_KEPT: Final = 1_000  # differences of one verification

_COLUMNS: Final = """
       id, kind, models, by, asked_at, began_at, ended_at, step, done, of, position, differed,
       failure
"""
ASK: Final = (
    """
INSERT INTO desk.operations (kind, models, by, here, began_at)
VALUES (%(kind)s, %(models)s, %(by)s, %(here)s, CASE WHEN %(here)s THEN now() END)
RETURNING"""
    + _COLUMNS
)
OLDEST: Final = (
    "SELECT"
    + _COLUMNS
    + "FROM desk.operations WHERE ended_at IS NULL AND NOT here ORDER BY asked_at LIMIT 1"
)
LIST: Final = "SELECT" + _COLUMNS + "FROM desk.operations ORDER BY asked_at DESC, id LIMIT %(most)s"
ONE: Final = "SELECT" + _COLUMNS + "FROM desk.operations WHERE id = %(id)s"
STEP: Final = """
UPDATE desk.operations
   SET began_at = coalesce(began_at, now()), step = %(step)s, done = %(done)s, of = %(of)s
 WHERE id = %(id)s
"""
# Of a command that was killed nobody else will say so.
DEAD: Final = """
UPDATE desk.operations SET ended_at = now(), step = NULL, failure = 'The command was ended.'
 WHERE here AND ended_at IS NULL AND id <> %(id)s
"""
END: Final = """
UPDATE desk.operations
   SET ended_at = now(), step = NULL, position = %(position)s, differed = %(differed)s,
       failure = %(failure)s
 WHERE id = %(id)s
"""
# What was found before whoever verified died over it.
FORGET: Final = "DELETE FROM desk.differences WHERE operation = %(id)s"
FOUND: Final = """
INSERT INTO desk.differences (operation, number, model, key, col, live, replayed)
VALUES (%(id)s, %(number)s, %(model)s, %(key)s, %(column)s, %(live)s, %(replayed)s)
"""
DIFFERENCES: Final = """
SELECT model, key, col AS "column", live, replayed FROM desk.differences
 WHERE operation = %(id)s ORDER BY number
"""
MODELS: Final = """
SELECT m.name, m.position, m.failed_at, m.failure,
       coalesce(h.head, 0) - m.position AS lacks,
       to_regclass('old.' || quote_ident(m.name)) IS NOT NULL AS has_old
  FROM read.models m, (SELECT max(notification_id) AS head FROM log.events) h ORDER BY m.name
"""

OPERATION_FAILED: Final = "operation_failed"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operation:
    """A rebuild, a verification, or the drop of what was before.

    `step`: what is being done now; `done` of `of` events are. `differed`: how much of each read
    model said something else than the log.
    """

    id: UUID
    kind: str
    models: list[str]
    by: str
    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    step: str | None
    done: int | None
    of: int | None
    position: int | None
    differed: dict[str, int]
    failure: str | None


@dataclass(frozen=True, slots=True)
class ReadModel:
    """How a read model is: how many events it lacks, why it stopped, whether an old one is kept."""

    name: str
    position: int
    failed_at: datetime | None
    failure: str | None
    lacks: int
    has_old: bool


class Record:
    """What is told of an operation while it goes on."""

    def __init__(self, conn: Connection[TupleRow], operation: UUID) -> None:
        self._conn, self._id = conn, operation
        self._found: Counter[str] = Counter()
        self._alone = False

    def told(self, step: str, done: int, of: int) -> None:
        """How far it is. Whoever has come to tell that is the only one who builds."""
        if not self._alone:
            self._conn.execute(DEAD, {"id": self._id})
            self._alone = True
        self._conn.execute(STEP, {"id": self._id, "step": step, "done": done, "of": of})

    def found(self, difference: Difference) -> None:
        """One thing that a verification found; words are not kept."""
        self._found[difference.model] += 1
        number = self._found.total()
        if number > MOST_KEPT:
            return
        seen = not difference.is_words
        values = {
            "id": self._id,
            "number": number,
            "model": difference.model,
            "key": A_WORD if difference.key_is_a_word else difference.key,
            "column": difference.column,
            "live": Jsonb(difference.live) if seen else None,
            "replayed": Jsonb(difference.replayed) if seen else None,
        }
        self._conn.execute(FOUND, values)

    def ended(
        self,
        *,
        position: int | None = None,
        differed: dict[str, int] | None = None,
        failure: str | None = None,
    ) -> None:
        """What came of it."""
        many = Jsonb(dict(self._found) if differed is None else differed)
        values = {"position": position, "differed": many, "failure": failure}
        self._conn.execute(END, {"id": self._id, **values})


def begun(conn: Connection[TupleRow], kind: str, models: Collection[str], by: str) -> Record:
    """The record of what this command itself is about to do."""
    with conn.cursor(row_factory=class_row(Operation)) as cursor:
        asked = {"kind": kind, "models": list(models), "by": by, "here": True}
        operation = cursor.execute(ASK, asked).fetchone()
    assert operation is not None, "an INSERT that returns has a row"
    return Record(conn, operation.id)


def perform(key: Key) -> None:
    """Does all that was asked for over HTTP, for ever."""
    while True:
        once_connected(lambda: _perform_all(key))
        sleep(LOOK_SECONDS)


def _perform_all(key: Key) -> None:
    with connect(key.url, "casebook operations", autocommit=True) as conn:
        while True:
            with conn.cursor(row_factory=class_row(Operation)) as cursor:
                operation = cursor.execute(OLDEST).fetchone()
            if operation is None or not _performed(conn, key, operation):
                return


def _performed(conn: Connection[TupleRow], key: Key, asked: Operation) -> bool:
    """Does it; False: somebody else is at work, so later."""
    record = Record(conn, asked.id)
    try:
        match asked.kind:
            case "rebuild":
                done = rebuild(key, asked.models, record.told)
                record.ended(position=done.position, differed=dict(done.differed))
            case "verify":
                conn.execute(FORGET, {"id": asked.id})
                for difference in verify(key, asked.models, record.told):
                    record.found(difference)
                record.ended()
            case _:
                drop_old(conn)
                record.ended()
    except OneBuilds:
        return False
    except (BuildFailed, TablesInUse) as error:
        record.ended(failure=str(error))
    except OperationalError:
        raise  # the connection is lost: done again on a new one
    except Exception as error:  # a defect costs one operation, never all that come after it
        log.exception(OPERATION_FAILED, operation=asked.id)
        record.ended(failure=failure_of(error))
    return True


async def ask(
    conn: AsyncConnection[TupleRow], kind: str, models: Sequence[str], by: str
) -> Operation:
    """Asks for an operation; the projections do it."""
    async with conn.cursor(row_factory=class_row(Operation)) as cursor:
        asked = {"kind": kind, "models": list(models), "by": by, "here": False}
        await cursor.execute(ASK, asked)
        operation = await cursor.fetchone()
    assert operation is not None, "an INSERT that returns has a row"
    return operation


async def listed(conn: AsyncConnection[TupleRow], most: int) -> list[Operation]:
    """The operations, the newest first."""
    async with conn.cursor(row_factory=class_row(Operation)) as cursor:
        await cursor.execute(LIST, {"most": most})
        return await cursor.fetchall()


async def one(conn: AsyncConnection[TupleRow], operation: UUID) -> Operation | None:
    """That operation, if there is one."""
    async with conn.cursor(row_factory=class_row(Operation)) as cursor:
        await cursor.execute(ONE, {"id": operation})
        return await cursor.fetchone()


async def found_by(conn: AsyncConnection[TupleRow], operation: UUID) -> list[Difference]:
    """What a verification found, the first `MOST_KEPT` things of it."""
    async with conn.cursor(row_factory=class_row(Difference)) as cursor:
        await cursor.execute(DIFFERENCES, {"id": operation})
        return await cursor.fetchall()


async def models(conn: AsyncConnection[TupleRow]) -> list[ReadModel]:
    """How all read models are."""
    async with conn.cursor(row_factory=class_row(ReadModel)) as cursor:
        await cursor.execute(MODELS)
        return await cursor.fetchall()
