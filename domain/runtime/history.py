"""Reading the log: rows with their keys, of a stream, of a page, of a command."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow

from domain.runtime.sealing import Destroyed, Key, Stored
from domain.values import Actor

_COLUMNS: Final = """
       e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at,
       t.wrapped, t.destroyed_as, t.destroyed_at, p.wrapped, p.destroyed_as, p.destroyed_at
"""
_FROM: Final = """
  FROM log.events e
  LEFT JOIN log.keys t ON t.stream = e.originator_id AND t.version = e.originator_version
                      AND t.slot = 'text'
  LEFT JOIN log.keys p ON p.stream = e.originator_id AND p.version = e.originator_version
                      AND p.slot = 'personal'
"""
STREAM: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + " WHERE e.originator_id = %(stream)s ORDER BY e.originator_version"
)
STREAM_AFTER: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + """
 WHERE e.originator_id = %(stream)s AND e.originator_version > %(after)s
   AND (%(up_to)s::integer IS NULL OR e.originator_version <= %(up_to)s)
 ORDER BY e.originator_version
"""
)
# For a customer a case that they do not see has no rows, as one that is not there: to read and
# decrypt its history first would tell by the time it takes that there is one. The rule is that of
# `domain.sight.sees`; the fields that it asks for stand in the log in clear.
_SEEN: Final = """
       %(account)s::uuid IS NULL
       OR EXISTS (SELECT FROM log.events f,
                         LATERAL (SELECT convert_from(f.state, 'UTF8')::jsonb -> 'data') AS c(data)
                   WHERE f.originator_id = %(stream)s AND f.originator_version = 1
                     AND c.data ->> 'account' = %(account)s::text
                     AND (%(person)s::text IS NULL OR c.data ->> 'submitter' = %(person)s::text
                          OR %(person)s::text = (
                             SELECT convert_from(l.state, 'UTF8')::jsonb -> 'data' ->> 'contact'
                               FROM log.events l
                              WHERE l.originator_id = %(stream)s
                                AND l.topic IN ('case.created', 'case.details-changed')
                                AND convert_from(l.state, 'UTF8')::jsonb -> 'data' ? 'contact'
                              ORDER BY l.originator_version DESC LIMIT 1)))
"""
STREAM_SEEN: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + " WHERE e.originator_id = %(stream)s AND ("
    + _SEEN
    + ") ORDER BY e.originator_version"
)
# A command that changed nothing is found beside the version at which it did so.
# An own command is answered as then, also where the case is no longer one's own.
_OWN: Final = """
       EXISTS (SELECT FROM log.events o
                WHERE o.command_id = %(command)s AND o.originator_id = %(stream)s)
       OR EXISTS (SELECT FROM log.unchanged o
                   WHERE o.command_id = %(command)s AND o.stream = %(stream)s)
"""
STREAM_FOR_COMMAND: Final = (
    "SELECT"
    + _COLUMNS
    + ", u.digest, u.position"
    + _FROM
    + """
  LEFT JOIN log.unchanged u ON u.command_id = %(command)s AND u.stream = e.originator_id
                           AND u.version = e.originator_version
 WHERE e.originator_id = %(stream)s AND (
"""
    + _OWN
    + " OR "
    + _SEEN
    + ") ORDER BY e.originator_version"
)
PAGE: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + """
 WHERE e.notification_id > %(after)s ORDER BY e.notification_id LIMIT %(most)s
"""
)
# Without their keys.
BARE_PAGE: Final = """
SELECT notification_id, originator_id, originator_version, topic, state FROM log.events
 WHERE notification_id > %(after)s ORDER BY notification_id LIMIT %(most)s
"""
# Whole streams, one after the other, without their keys, and the keys of such a page: joined,
# PostgreSQL would read the keys from the first stream on, for each page.
STREAMS: Final = """
SELECT notification_id, originator_id, originator_version, topic, state, recorded_at
  FROM log.events
 WHERE (originator_id, originator_version) > (%(stream)s, %(version)s)
   AND originator_id <= %(last)s AND notification_id <= %(up_to)s
 ORDER BY originator_id, originator_version LIMIT %(most)s
"""
KEYS_OF_STREAMS: Final = """
SELECT stream, version, slot, wrapped, destroyed_as, destroyed_at FROM log.keys
 WHERE stream BETWEEN %(first)s AND %(last)s
"""
AT: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + " WHERE e.notification_id = ANY(%(positions)s) ORDER BY e.notification_id"
)
# The same as a page and the position before it, of some kinds of events or of one stream alone.
_NARROWED: Final = """
   (%(topics)s::text[] IS NULL OR e.topic = ANY(%(topics)s))
   AND (%(stream)s::uuid IS NULL OR e.originator_id = %(stream)s)
"""
PAGE_OF: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + " WHERE e.notification_id > %(after)s AND e.notification_id <= %(up_to)s AND "
    + _NARROWED
    + " ORDER BY e.notification_id LIMIT %(most)s"
)
_LAST: Final = "SELECT coalesce(max(e.notification_id), 0) FROM log.events e"
BEFORE_OF: Final = _LAST + " WHERE e.notification_id <= %(after)s AND " + _NARROWED
LAST_OF: Final = (
    "SELECT DISTINCT ON (e.originator_id)"
    + _COLUMNS
    + _FROM
    + """
 WHERE e.originator_id = ANY(%(streams)s)
 ORDER BY e.originator_id, e.originator_version DESC
"""
)
# Accounts and people, in their words of a position: what came later is not known yet.
NAMED: Final = (
    "SELECT DISTINCT ON (e.originator_id)"
    + _COLUMNS
    + _FROM
    + """
 WHERE e.originator_id = ANY(%(streams)s) AND e.notification_id <= %(last)s
   AND e.topic IN ('account.set', 'person.set')
 ORDER BY e.originator_id, e.originator_version DESC
"""
)
# In which stream a command stands: that of its first event, or where it changed nothing.
COMMAND: Final = """
SELECT originator_id FROM log.events WHERE command_id = %(command)s
 UNION ALL SELECT stream FROM log.unchanged WHERE command_id = %(command)s
"""
LAST_WITH_KEY: Final = (
    "SELECT"
    + _COLUMNS
    + _FROM
    + """
 WHERE t.wrapped IS NOT NULL ORDER BY e.notification_id DESC LIMIT 1
"""
)
HEAD: Final = "SELECT coalesce(max(notification_id), 0) FROM log.events"
IDENTITY: Final = "SELECT id, epoch FROM log.identity"
NUMBERS: Final = "SELECT nextval('log.case_numbers') FROM generate_series(1, %(count)s)"


def stored(row: Sequence[Any]) -> Stored:
    """A row of the statements above."""
    position, stream, version, topic, state, recorded_at = row[:6]
    text, personal = key_of(*row[6:9]), key_of(*row[9:12])
    return Stored(position, stream, version, topic, state, recorded_at, text, personal)


def key_of(wrapped: bytes | None, destroyed_as: str | None, destroyed_at: datetime | None) -> Key:
    """A key as its row in `log.keys` has it."""
    if destroyed_as is None or destroyed_at is None:
        return wrapped
    return Destroyed(destroyed_as, destroyed_at)


async def read(conn: AsyncConnection[TupleRow], statement: str, **values: object) -> list[TupleRow]:
    """All rows of a statement above, transferred as bytes and not as text."""
    cursor = await conn.execute(statement, values, binary=True)
    return await cursor.fetchall()


def sight(by: Actor) -> dict[str, UUID | str | None]:
    """Whose cases these statements read for an actor: all, an account's, or a person's of it."""
    account = by.account if by.is_customer else None
    return {"account": account, "person": None if by.sees_account else str(by.person)}


def page(conn: Connection[TupleRow], after: int, most: int) -> list[Stored]:
    """The next events after a position, in order."""
    rows = conn.execute(PAGE, {"after": after, "most": most}, binary=True).fetchall()
    return [stored(row) for row in rows]


def streams(
    conn: Connection[TupleRow], after: tuple[UUID, int], last: UUID, *, up_to: int, most: int
) -> list[Stored]:
    """The next events in the order of streams and versions, of streams as far as `last`."""
    asked = {"stream": after[0], "version": after[1], "last": last, "up_to": up_to, "most": most}
    rows = conn.execute(STREAMS, asked, binary=True).fetchall()
    if not rows:
        return []
    between = {"first": rows[0][1], "last": rows[-1][1]}
    found = conn.execute(KEYS_OF_STREAMS, between, binary=True).fetchall()
    keys = {(stream, version, slot): key_of(*key) for stream, version, slot, *key in found}

    def with_keys(row: TupleRow) -> Stored:
        position, stream, version, topic, state, at = row
        text, personal = (keys.get((stream, version, slot)) for slot in ("text", "personal"))
        return Stored(position, stream, version, topic, state, at, text, personal)

    return [with_keys(row) for row in rows]
