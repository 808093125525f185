"""After a restore the log begins a new epoch, so that whoever had read further notices."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg import Connection, errors
from psycopg.rows import TupleRow

from domain.runtime.checkup import COUNTED

# No append comes between the look at the log and the new epoch: log.append takes this lock.
LOCK: Final = "SELECT pg_advisory_xact_lock(4716)"
BROKEN_STREAM: Final = """
SELECT originator_id FROM log.events GROUP BY originator_id
HAVING count(*) <> max(originator_version) - min(originator_version) + 1
    OR min(originator_version) > 1 LIMIT 1
"""
RAISE: Final = "UPDATE log.identity SET epoch = epoch + 1 RETURNING id, epoch"
RECORD: Final = """
INSERT INTO log.epochs (epoch, after, by) VALUES (%(epoch)s, %(head)s, %(by)s)
"""
SKIP: Final = """
SELECT setval('log.case_numbers', least(last_value + %(skip)s, 99999999)) FROM log.case_numbers
"""
AHEAD: Final = "SELECT name FROM read.models WHERE position > %(head)s ORDER BY name"


class RestoreRefused(Exception):
    """No new epoch was begun."""

    def __init__(self, **details: object) -> None:
        super().__init__((self.__doc__ or "").format(**details))


class LogIncomplete(RestoreRefused):
    """The log ends at {head} and has {count} events: restore a backup that is whole."""


class StreamIncomplete(RestoreRefused):
    """Stream {stream} lacks a version between its first and its last: restore a whole backup."""


class SchemaMissing(RestoreRefused):
    """The database lacks a migration: casebook migrate."""


class NotTheOwner(RestoreRefused):
    """{user} may not begin an epoch: set CASEBOOK_OWNER_URL to the owner of the database."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """How a log goes on after a restore."""

    log: UUID
    number: int
    after: int
    """The head of what was restored."""
    last_number: int
    """Case numbers up to this one are not given again."""
    ahead: tuple[str, ...]
    """Read models that show more than the log has."""


def begin_epoch(conn: Connection[TupleRow], *, by: str, skip: int) -> Epoch:
    """Begins the next epoch and passes over `skip` case numbers, in the caller's transaction.

    Numbers given after the backup stand in mails and in subscribers' databases, and a case's id
    follows from its number: given again, another case would be taken for the lost one.

    Raises:
        RestoreRefused: an event is missing, or a migration, or the connection is not the owner's.
    """
    try:
        conn.execute(LOCK)
        head = _whole(conn)
        log, number = conn.execute(RAISE).fetchone() or (None, 0)
        assert log is not None  # a migration wrote the one row
        conn.execute(RECORD, {"epoch": number, "head": head, "by": by})
        (last_number,) = conn.execute(SKIP, {"skip": skip}).fetchone() or (0,)
        ahead = [name for (name,) in conn.execute(AHEAD, {"head": head}).fetchall()]
    except errors.InsufficientPrivilege:
        raise NotTheOwner(user=conn.info.user) from None
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        raise SchemaMissing from None
    return Epoch(log, number, head, last_number, tuple(ahead))


def _whole(conn: Connection[TupleRow]) -> int:
    """The head of a log that lacks no event."""
    head, count = conn.execute(COUNTED).fetchone() or (0, 0)
    if head != count:
        raise LogIncomplete(head=head, count=count)
    if broken := conn.execute(BROKEN_STREAM).fetchone():
        raise StreamIncomplete(stream=broken[0])
    return int(head)
