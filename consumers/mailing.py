"""Mails that are due, as `desk.deliveries` has them, and what came of each attempt."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.letters import Due
from domain.preferences import Kind, Relation

MOST_AN_HOUR: Final = 60  # mails to one recipient; what is more waits
PATIENCE: Final = timedelta(hours=36)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=2)
MOST_IN_A_DIGEST: Final = 200
LONGEST_ANSWER: Final = 500

# The row is held while its mail is on the way: nobody else sends it meanwhile.
NEXT: Final = """
SELECT d.id, d.stream, d.version, d.recipient, d.relation, d.kind FROM desk.deliveries d
 WHERE d.channel = 'email' AND d.state = 'waiting' AND d.due_at <= now()
 ORDER BY d.due_at, d.position LIMIT 1 FOR UPDATE SKIP LOCKED
"""
# One at a time for each recipient, so that nobody has two digests of one hour.
GATHERING: Final = """
SELECT r.recipient
  FROM (SELECT d.recipient FROM desk.deliveries d
         WHERE d.channel = 'email' AND d.state = 'digest' AND d.due_at <= now()
         GROUP BY d.recipient ORDER BY min(d.due_at) LIMIT 16) r
 WHERE pg_try_advisory_xact_lock(hashtextextended('casebook digest ' || r.recipient, 0))
 LIMIT 1
"""
GATHERED: Final = """
SELECT d.id, d.stream, d.version, d.recipient, d.relation, d.kind FROM desk.deliveries d
 WHERE d.channel = 'email' AND d.state = 'digest' AND d.due_at <= now()
   AND d.recipient = %(recipient)s
 ORDER BY d.position, d.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
# When the next one may be sent: null where it may be now.
CROWDED: Final = """
SELECT d.done_at + interval '1 hour' FROM desk.deliveries d
 WHERE d.recipient = %(recipient)s AND d.channel = 'email' AND d.state = 'sent'
   AND d.done_at > now() - interval '1 hour'
 ORDER BY d.done_at DESC OFFSET %(most)s - 1 LIMIT 1
"""
TRIED: Final = """
INSERT INTO desk.attempts (delivery, number, at, answer)
SELECT %(id)s, 1 + count(*), clock_timestamp(), %(answer)s
  FROM desk.attempts WHERE delivery = %(id)s
RETURNING number, (SELECT min(at) FROM desk.attempts WHERE delivery = %(id)s)
"""
DONE: Final = """
UPDATE desk.deliveries SET state = %(state)s, why = %(why)s, done_at = clock_timestamp()
 WHERE id = %(id)s
"""
LATER: Final = "UPDATE desk.deliveries SET due_at = %(due)s, why = %(why)s WHERE id = %(id)s"
SOON: Final = """
SELECT extract(epoch FROM min(due_at) - now()) FROM desk.deliveries
 WHERE channel = 'email' AND state IN ('waiting', 'digest')
"""


def due(conn: Connection[TupleRow]) -> Due | None:
    """The mail that has waited longest, held by this transaction."""
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        return _typed(cursor.execute(NEXT).fetchone())


def digest_due(conn: Connection[TupleRow]) -> list[Due]:
    """What has gathered for one recipient whose digest is due, held by this transaction."""
    row = conn.execute(GATHERING).fetchone()
    if row is None:
        return []
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        cursor.execute(GATHERED, {"recipient": row[0], "most": MOST_IN_A_DIGEST})
        return [typed for one in cursor.fetchall() if (typed := _typed(one))]


def crowded(conn: Connection[TupleRow], recipient: str) -> datetime | None:
    """When the recipient may have another mail; None: now."""
    asked = {"recipient": recipient, "most": MOST_AN_HOUR}
    row = conn.execute(CROWDED, asked).fetchone()
    return row[0] if row else None


def sent(conn: Connection[TupleRow], deliveries: Sequence[Due], answer: str) -> None:
    """The server has taken it."""
    for one in deliveries:
        _tried(conn, one, answer)
        _done(conn, one, "sent")


def refused(conn: Connection[TupleRow], deliveries: Sequence[Due], answer: str) -> None:
    """The server refuses mail to this address for good."""
    for one in deliveries:
        _tried(conn, one, answer)
        _done(conn, one, "suppressed", answer)


def failed(conn: Connection[TupleRow], deliveries: Sequence[Due], answer: str) -> None:
    """It may go another time: later and later, until it is given up."""
    for one in deliveries:
        number, first, now = _tried(conn, one, answer)
        if now - first >= PATIENCE:
            _done(conn, one, "given up", answer)
        else:
            later(conn, [one], now + pause_after(number), answer)


def withheld(conn: Connection[TupleRow], one: Due, why: str) -> None:
    """Nobody may be told of it now."""
    _done(conn, one, "withheld", why)


def suppressed(conn: Connection[TupleRow], deliveries: Sequence[Due], why: str) -> None:
    """It is not tried: the address has refused mail before."""
    for one in deliveries:
        _done(conn, one, "suppressed", why)


def later(conn: Connection[TupleRow], deliveries: Sequence[Due], when: datetime, why: str) -> None:
    """It waits until then."""
    for one in deliveries:
        conn.execute(LATER, {"id": one.id, "due": when, "why": why})


def seconds_to_next(conn: Connection[TupleRow]) -> float | None:
    """How long until something is due; None: nothing waits."""
    row = conn.execute(SOON).fetchone()
    return float(row[0]) if row and row[0] is not None else None


def pause_after(attempts: int) -> timedelta:
    """How long a mail rests after so many attempts: twice as long each time, up to two hours."""
    doubled: int = 2 ** min(attempts - 1, 10)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


def _tried(conn: Connection[TupleRow], one: Due, answer: str) -> tuple[int, datetime, datetime]:
    """The number of the attempt, when the first one was, and now."""
    row = conn.execute(TRIED, {"id": one.id, "answer": answer[:LONGEST_ANSWER]}).fetchone()
    assert row is not None, "an INSERT gives its row"
    now = conn.execute("SELECT clock_timestamp()").fetchone()
    assert now is not None
    return row[0], row[1] or now[0], now[0]


def _done(conn: Connection[TupleRow], one: Due, state: str, why: str | None = None) -> None:
    conn.execute(DONE, {"id": one.id, "state": state, "why": why})


def _typed(one: Due | None) -> Due | None:
    if one is None:
        return None
    return Due(
        one.id, one.stream, one.version, one.recipient, Relation(one.relation), Kind(one.kind)
    )
