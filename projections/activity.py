"""What happened in a case, and which of it may whoever reads know of now?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed

from domain import events as e
from domain.case import Case
from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF
from domain.sight import is_hidden
from projections.page import Page

NAME: Final = "activity"


@dataclass(frozen=True, slots=True)
class Trace:
    """An event in its place; each field is a column of `read.activity`.

    `kind`: post, comment, change (of an entry), file or step. `thread`: the post it belongs to.
    """

    position: int
    case_id: UUID
    account: UUID
    name: str
    kind: str
    entry: UUID | None
    thread: UUID | None
    internal: bool


WRITE: Final = """
INSERT INTO activity (position, case_id, account, name, kind, entry, thread, internal)
SELECT position, case_id, account, name, kind, entry, thread, internal
  FROM jsonb_populate_recordset(NULL::activity, %(rows)s::jsonb)
"""
# With an entry goes all that hangs on it: comments, changes, files.
HIDE: Final = """
UPDATE activity SET internal = true
 WHERE case_id = %(case)s AND entry = ANY(%(entries)s) AND NOT internal
"""

_FROM: Final = """
  FROM read.activity a JOIN read.cases c ON c.id = a.case_id
 WHERE (%(internal)s OR NOT a.internal) AND """
TOP: Final = SQL("""
SELECT a.position, a.case_id, a.account, a.name, a.kind, a.entry, a.thread, a.internal
  FROM read.activity a
 WHERE a.case_id = %(case)s AND (%(internal)s OR NOT a.internal) AND a.kind = ANY(%(kinds)s)
   AND a.position < %(before)s
 ORDER BY a.position DESC LIMIT %(most)s
""")
BELOW: Final = SQL("""
SELECT a.position, a.case_id, a.account, a.name, a.kind, a.entry, a.thread, a.internal
  FROM read.activity a
 WHERE a.thread = ANY(%(threads)s) AND a.case_id = %(case)s AND (%(internal)s OR NOT a.internal)
 ORDER BY a.position
""")
FEED: Final = SQL("SELECT a.position {source}{where} ORDER BY a.position LIMIT %(most)s")
BEFORE: Final = SQL("SELECT max(a.position) {source}{where}")
BEHIND: Final = "a.position > %(after)s AND a.position <= %(through)s"
UP_TO: Final = "a.position <= %(after)s"
FILTERS: Final[Mapping[str, LiteralString]] = {
    "names": "a.name = ANY(%(names)s)",
    "case": "a.case_id = %(case)s",
    "account": "a.account = %(account)s",
}
ACCOUNTS: Final = """
SELECT DISTINCT account FROM read.activity
 WHERE position > %(after)s AND position <= %(through)s
"""
THROUGH: Final = "SELECT min(position) FROM read.models WHERE name = ANY(%(models)s)"


def apply(conn: Connection[TupleRow], page: Page) -> None:
    """Writes what happened in the cases of the page, as customers may know of it after the page."""
    if not page.cases:
        return
    if not page.is_whole:
        _hide(conn, page)
    rows = [_trace(r, page.cases[r.stream]) for r in page.recorded if r.stream in page.cases]
    conn.execute(WRITE, {"rows": orjson.dumps(rows).decode()})


def _hide(conn: Connection[TupleRow], page: Page) -> None:
    """Hides what was written of entries before they were made internal."""
    hidden = {r.stream for r in page.recorded if isinstance(r.event, e.MadeInternal)}
    for stream in hidden & page.cases.keys():
        entries = [id_ for id_, entry in page.cases[stream].entries.items() if entry.internal]
        conn.execute(HIDE, {"case": stream, "entries": entries})


def _trace(recorded: Recorded, case: Case) -> Trace:
    event = recorded.event
    entry = _entry(event, case)
    written = case.entries.get(entry) if entry else None
    return Trace(
        position=recorded.position,
        case_id=case.id,
        account=case.account,
        name=NAME_OF[type(event)],
        kind=_kind(event, entry),
        entry=entry,
        thread=(written.post if written else None) or entry,
        internal=is_hidden(case, event),
    )


def _entry(event: e.Event, case: Case) -> UUID | None:
    """The entry that an event is about, also by way of a file."""
    entry: UUID | None = event.field("entry")
    file = case.attachments.get(event.field("attachment") or case.id)
    return entry or (file.entry if file else None)


def _kind(event: e.Event, entry: UUID | None) -> str:
    match event:
        case e.Posted():
            return "post"
        case e.Commented():
            return "comment"
        case e.AttachmentAdded() | e.AttachmentRemoved() if entry:
            return "file"
    return "change" if entry else "step"


async def top(
    conn: AsyncConnection[TupleRow],
    case: UUID,
    *,
    internal: bool,
    kinds: Collection[str],
    before: int,
    most: int,
) -> list[Trace]:
    """Posts and steps of a case, the newest first. The caller has asked whether it may be seen."""
    async with conn.cursor(row_factory=class_row(Trace)) as cursor:
        asked = {"case": case, "internal": internal, "before": before, "most": most}
        await cursor.execute(TOP, {**asked, "kinds": list(kinds)})
        return await cursor.fetchall()


async def below(
    conn: AsyncConnection[TupleRow], case: UUID, threads: Collection[UUID], *, internal: bool
) -> list[Trace]:
    """All that belongs to some posts of a case, the posts included, the oldest first."""
    async with conn.cursor(row_factory=class_row(Trace)) as cursor:
        asked = {"case": case, "threads": list(threads), "internal": internal}
        await cursor.execute(BELOW, asked)
        return await cursor.fetchall()


async def through(conn: AsyncConnection[TupleRow], models: Sequence[str]) -> int:
    """The position up to which all of these read models show the log."""
    row = await (await conn.execute(THROUGH, {"models": list(models)})).fetchone()
    return int(row[0] or 0) if row else 0


async def accounts(conn: AsyncConnection[TupleRow], after: int, up_to: int) -> frozenset[UUID]:
    """In whose cases something happened after a position."""
    cursor = await conn.execute(ACCOUNTS, {"after": after, "through": up_to})
    return frozenset(account for (account,) in await cursor.fetchall())


async def following(
    conn: AsyncConnection[TupleRow],
    seen: tuple[LiteralString, Mapping[str, Any]],
    filters: Mapping[str, Any],
    *,
    internal: bool,
    after: int,
    up_to: int,
    most: int,
) -> list[int]:
    """Where the events stand that a viewer may know of and that come next, in order.

    `filters` by their names in `FILTERS`.
    """
    condition, values = seen
    asked = {**values, **filters, "internal": internal, "after": after}
    asked |= {"through": up_to, "most": most}
    rows = await conn.execute(_narrowed(FEED, condition, filters, BEHIND), asked)
    return [position for (position,) in await rows.fetchall()]


async def before(
    conn: AsyncConnection[TupleRow],
    seen: tuple[LiteralString, Mapping[str, Any]],
    filters: Mapping[str, Any],
    *,
    internal: bool,
    after: int,
) -> int:
    """Where the last event up to a position stands that a viewer may know of; 0: there is none."""
    condition, values = seen
    asked = {**values, **filters, "internal": internal, "after": after}
    row = await (await conn.execute(_narrowed(BEFORE, condition, filters, UP_TO), asked)).fetchone()
    return int(row[0] or 0) if row else 0


def _narrowed(
    of: SQL, condition: LiteralString, filters: Mapping[str, Any], place: LiteralString
) -> Composed:
    where = [SQL(condition), *(SQL(FILTERS[name]) for name in filters), SQL(place)]
    return of.format(source=SQL(_FROM), where=SQL(" AND ").join(where))
