"""Deliveries as `desk.deliveries` has them: made once, and what people want and no longer want."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.notices import Notice
from domain.preferences import Channel, Digest, Preferences
from domain.recorded import Recorded
from domain.runtime.database import Reading
from projections.subscriptions import Standing

_STOPS: Final = UUID("b8b0c4b2-3b55-5c0f-9c6d-0d8f4d7a1e22")
DAILY_HOUR: Final = 6  # UTC: when a day's digest goes out
IN_APP, MAIL = "noticed", "mail_waits"  # who listens: streams of people, and the mailer

RECORD: Final = """
INSERT INTO desk.deliveries (id, stream, version, position, recipient, relation, channel, kind,
                             state, due_at, done_at)
SELECT r.id, %(stream)s, %(version)s, %(position)s, r.recipient, r.relation, r.channel, r.kind,
       r.state, r.due_at, CASE WHEN r.state = 'sent' THEN now() END
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
       id uuid, recipient text, relation text, channel text, kind text, state text,
       due_at timestamptz)
    ON CONFLICT (id) DO NOTHING
RETURNING recipient, channel
"""
# By mail alone: what is told in the portal belongs to a case.
RECORD_STOPPED: Final = """
INSERT INTO desk.deliveries (id, stream, version, position, recipient, relation, channel, kind,
                             state)
VALUES (%(id)s, %(subscription)s, 1, %(position)s, %(owner)s, 'owner', 'email',
        'subscription stopped', 'waiting')
    ON CONFLICT (id) DO NOTHING
"""
WISHES: Final = "SELECT person, chosen FROM desk.preferences WHERE person = ANY(%(people)s)"
ENDED: Final = "SELECT recipient FROM desk.unsubscribed WHERE stream = %(stream)s"
TELL: Final = "SELECT pg_notify(%(channel)s, %(whom)s)"
# The addresses of those in copy, which nothing else here names.
FORGET: Final = """
UPDATE desk.deliveries SET recipient = ''
 WHERE stream = %(stream)s AND relation = 'cc' AND NOT recipient = ANY(%(kept)s)
"""
FORGET_ENDED: Final = """
DELETE FROM desk.unsubscribed
 WHERE stream = %(stream)s AND position('@' IN recipient) > 0 AND NOT recipient = ANY(%(kept)s)
"""
FORGET_WISHES: Final = "DELETE FROM desk.preferences WHERE person = %(person)s"


def record(
    conn: Connection[TupleRow], of: Recorded, notices: Sequence[Notice], now: datetime
) -> None:
    """Writes the deliveries of an event that are not there yet, and wakes who waits for them."""
    if not notices:
        return
    place = {"stream": of.stream, "version": of.version, "position": of.position}
    rows = orjson.dumps([_row(notice, now) for notice in notices]).decode()
    made = conn.execute(RECORD, {**place, "rows": rows}).fetchall()
    told = {recipient for recipient, channel in made if channel == Channel.IN_APP}
    for whom in sorted(told):
        conn.execute(TELL, {"channel": IN_APP, "whom": whom})
    if len(told) < len(made):
        conn.execute(TELL, {"channel": MAIL, "whom": ""})


async def record_stopped(conn: Reading, of: Standing, owner: UUID) -> None:
    """Writes that an owner is to be told: a webhook has stopped where it stands."""
    id_ = uuid5(_STOPS, f"{of.id} {of.run} {owner}")
    place = {"id": id_, "subscription": of.id, "position": of.position, "owner": str(owner)}
    await conn.execute(RECORD_STOPPED, place)
    await conn.execute(TELL, {"channel": MAIL, "whom": ""})


def wishes(conn: Connection[TupleRow], people: Collection[UUID]) -> dict[UUID, Preferences]:
    """The preferences of those of the people who have set some."""
    rows = conn.execute(WISHES, {"people": list(people)}).fetchall()
    return {person: Preferences.model_validate(chosen) for person, chosen in rows}


def ended(conn: Connection[TupleRow], case: UUID) -> frozenset[str]:
    """Who has ended the mail of a case: people by id, others by address."""
    rows = conn.execute(ENDED, {"stream": case}).fetchall()
    return frozenset(recipient for (recipient,) in rows)


def forget_copies(conn: Connection[TupleRow], case: UUID, kept: Collection[str]) -> None:
    """Only these addresses of the case's are known still: the others were erased."""
    asked = {"stream": case, "kept": list(kept)}
    conn.execute(FORGET, asked)
    conn.execute(FORGET_ENDED, asked)


def forget_person(conn: Connection[TupleRow], person: UUID) -> None:
    """What somebody wanted to be told goes with them."""
    conn.execute(FORGET_WISHES, {"person": person})


def due(digest: Digest, now: datetime) -> datetime:
    """When a mail goes out: now, or with the others of its hour or day."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    match digest:
        case Digest.OFF:
            return now
        case Digest.HOURLY:
            return hour + timedelta(hours=1)
        case Digest.DAILY:
            today = hour.replace(hour=DAILY_HOUR)
            return today if today > now else today + timedelta(days=1)


def _row(notice: Notice, now: datetime) -> dict[str, object]:
    if notice.channel is Channel.IN_APP:
        state = "sent"
    else:
        state = "waiting" if notice.digest is Digest.OFF else "digest"
    return {
        "id": notice.id,
        "recipient": notice.recipient,
        "relation": notice.relation,
        "channel": notice.channel,
        "kind": notice.kind,
        "state": state,
        "due_at": due(notice.digest, now),
    }
