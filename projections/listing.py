"""Which cases are there for a viewer: the list, page by page, and what changed since."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, LiteralString, NamedTuple, TypeAlias
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed, Identifier

from projections.cases import READ, CaseRow, Line, columns

Seen: TypeAlias = tuple[LiteralString, Mapping[str, Any]]
"""The condition on `read.cases c` of a viewer, as `projections.access` gives it."""

MOST_COUNTED: Final = 10_000
_LINE: Final = tuple(column.name for column in fields(Line))
_CASE: Final = tuple(column.name for column in fields(CaseRow))


class Sort(NamedTuple):
    """What a column is sorted by, the type of that, and the same as customers see it."""

    by: LiteralString
    type: LiteralString = "text"
    publicly: LiteralString | None = None


# Words in the order of their code points, whatever the server's locale: a cursor must mean the
# same everywhere. What has no index is sorted among the rows that the filter leaves.
SORTS: Final[Mapping[str, Sort]] = MappingProxyType({
    "type": Sort("lower(c.type ->> 'name') COLLATE \"C\""),
    "number": Sort("c.number"),
    "application": Sort('lower(c.application_name) COLLATE "C"'),
    "severity": Sort("c.severity_rank", "smallint"),
    "account": Sort("lower(coalesce(c.account_name, '')) COLLATE \"C\""),
    "subject": Sort('lower(c.subject) COLLATE "C"'),
    "status": Sort("c.status_rank", "smallint"),
    "contact": Sort("lower(coalesce(c.contact_name, '')) COLLATE \"C\""),
    "created": Sort("c.created_at", "timestamptz"),
    "modified": Sort("c.modified_at", "timestamptz", "c.public_modified_at"),
})  # fmt: skip

CONDITIONS: Final[Mapping[str, LiteralString]] = MappingProxyType({
    "open": "c.status <> 'Closed'",
    "closed": "c.status = 'Closed'",
    "status": "c.status = ANY(%(status)s)",
    "application": "c.application = ANY(%(application)s)",
    "type": "c.type ->> 'key' = ANY(%(type)s)",
    "severity": "c.severity = ANY(%(severity)s)",
    "number": "c.number = ANY(%(number)s)",
    "account": "c.account = ANY(%(account)s)",
    "contact": "c.contact = ANY(%(contact)s)",
    "assignee": "c.assignee = ANY(%(assignee)s)",
    "nobody": "c.assignee IS NULL",
    "assignee_or_nobody": "(c.assignee IS NULL OR c.assignee = ANY(%(assignee_or_nobody)s))",
    "team": "c.team ->> 'key' = ANY(%(team)s)",
    "tag": "c.tags && %(tag)s::text[]",
    "escalated": "(c.escalated_at IS NOT NULL) = %(escalated)s",
    "awaiting": "c.awaiting = ANY(%(awaiting)s)",
    "awaits": "c.awaiting IS NOT NULL",
    "awaits_nothing": "c.awaiting IS NULL",
    "awaiting_or_nothing": "(c.awaiting IS NULL OR c.awaiting = ANY(%(awaiting_or_nothing)s))",
    "reopenable": "coalesce(c.reopen_until > now(), false) = %(reopenable)s",
    "customers_word": "c.customers_word = %(customers_word)s",
    "close_requested": "('close requested' = ANY(c.badges)) = %(close_requested)s",
    "resolution_proposed": "('resolution proposed' = ANY(c.badges)) = %(resolution_proposed)s",
    "customer_reference": "c.customer_reference = %(customer_reference)s",
    "external_id": "c.external_ids @> %(external_id)s::jsonb",
    "created_after": "c.created_at >= %(created_after)s",
    "created_before": "c.created_at < %(created_before)s",
    "open_or_numbered": "(c.status <> 'Closed' OR c.number LIKE %(open_or_numbered)s)",
    "words": "c.id IN (SELECT case_id FROM read.search WHERE words @@ %(words)s::tsquery)",
    "aged": "c.created_at <= %(aged)s",
    "fresh": "c.created_at >= %(fresh)s",
})  # fmt: skip

ONE: Final = SQL(" AND c.id = %(id)s")
AMONG: Final = SQL("SELECT {} FROM read.cases c WHERE c.id = ANY(%(some)s) AND ").format(
    columns(Line)
)
MENTIONING: Final = """
SELECT id FROM read.cases
 WHERE contact = %(person)s OR %(email)s::text = ANY(recipients) OR %(email)s::text = ANY(pending)
 ORDER BY id
"""
OF_PERSON: Final = """
SELECT id, assignee, contact FROM read.cases
 WHERE status <> 'Closed' AND (assignee = %(person)s OR contact = %(person)s) ORDER BY number
"""
# The total stands before each row, and alone where there is none: one way to the server for both.
LISTED: Final = SQL("""
SELECT t.total, p.*
  FROM (SELECT count(*) AS total FROM (
            SELECT FROM read.cases c WHERE {where} LIMIT %(most_counted)s) AS counted) AS t
  LEFT JOIN (
      SELECT {by} AS sorted_by, {columns} FROM read.cases c
       WHERE {where} {beyond} ORDER BY {by} {direction}, c.id {direction}
       LIMIT %(most)s OFFSET %(skipped)s) AS p
    ON true
 ORDER BY p.sorted_by {direction}, p.id {direction}
""")
COUNT: Final = SQL("""
SELECT count(*) FROM (SELECT FROM read.cases c WHERE {where} LIMIT %(most_counted)s) AS counted
""")
BEYOND: Final = SQL("AND ({by}, c.id) {beyond} (%(value)s::{type}, %(id)s::uuid)")
# How far the rows are, read together with them: nothing can come in between.
CHANGED: Final = SQL("""
SELECT t.through, p.*
  FROM (SELECT min(position) AS through FROM read.models WHERE name = ANY(%(models)s)) AS t
  LEFT JOIN (
      SELECT {columns} FROM read.cases c
       WHERE {where} AND {position} > %(after)s ORDER BY {position} LIMIT %(most)s) AS p
    ON true
 ORDER BY {shown_position}
""")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row beside which a page begins: behind it, or `before` it."""

    value: str | int
    id: UUID
    before: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked for; `conditions` by their names in `CONDITIONS`."""

    conditions: Mapping[str, Any]
    sort: str = "modified"
    descending: bool = True
    most: int = 25
    cursor: Cursor | None = None
    skipped: int = 0
    """So many are passed over: only where people count pages, for it reads all of them."""
    publicly: bool = False
    """By the last change that a customer may know of."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page: its rows in their order, each with what it is sorted by.

    `total` None: there are more than `MOST_COUNTED`. `more`: in the direction of the cursor.
    """

    rows: Sequence[tuple[Any, Line]]
    total: int | None
    more: bool


async def listed(
    conn: AsyncConnection[TupleRow], wanted: Wanted, seen: Seen, *, exactly: bool
) -> Found:
    """The page asked for, of the cases that exist for the viewer whose condition `seen` is."""
    condition, given = seen
    cursor = wanted.cursor
    backwards = cursor is not None and cursor.before
    by = SORTS[wanted.sort].publicly if wanted.publicly else None
    statement = _listed(
        condition,
        tuple(wanted.conditions),
        by or SORTS[wanted.sort].by,
        SORTS[wanted.sort].type if cursor else None,
        descends=wanted.descending != backwards,
    )
    values = {**given, **wanted.conditions, "most": wanted.most + 1}
    values["skipped"] = wanted.skipped
    values["most_counted"] = None if exactly else MOST_COUNTED + 1
    if cursor:
        values |= {"value": cursor.value, "id": cursor.id}
    rows = await (await conn.execute(statement, values, binary=True)).fetchall()
    total: int = rows[0][0]
    found = [(row[1], line_of(row[2:])) for row in rows if row[2]]
    page = found[: wanted.most]
    return Found(
        rows=page[::-1] if backwards else page,
        total=total if exactly or total <= MOST_COUNTED else None,
        more=len(found) > wanted.most,
    )


@lru_cache(maxsize=1_000)
def _listed(
    condition: LiteralString,
    names: tuple[str, ...],
    by: LiteralString,
    beyond: LiteralString | None,
    *,
    descends: bool,
) -> bytes:
    """The statement of a list; `beyond` is the type of what a cursor compares, if there is one."""
    sign = SQL("<" if descends else ">")
    return LISTED.format(
        by=SQL(by),
        columns=columns(Line),
        where=where(condition, names),
        beyond=BEYOND.format(by=SQL(by), beyond=sign, type=SQL(beyond)) if beyond else SQL(""),
        direction=SQL("DESC" if descends else "ASC"),
    ).as_bytes(None)


def line_of(row: Sequence[Any]) -> Line:
    """A line, of its columns in their order."""
    return Line(**dict(zip(_LINE, row, strict=True)))


async def counted(
    conn: AsyncConnection[TupleRow],
    conditions: Mapping[str, Any],
    seen: Seen,
    most: int | None = None,
) -> int:
    """How many cases there are, or `most` of them."""
    condition, values = seen
    statement = COUNT.format(where=where(condition, tuple(conditions)))
    asked = {**values, **conditions, "most_counted": most}
    row = await (await conn.execute(statement, asked)).fetchone()
    return int(row[0]) if row else 0


async def changed(
    conn: AsyncConnection[TupleRow],
    after: int,
    seen: Seen,
    *,
    publicly: bool,
    most: int,
    models: Collection[str],
) -> tuple[list[CaseRow], int]:
    """The cases that changed after a position, in the order of their last change.

    Beside them up to which position this is complete, as far as nothing is left out by `most`.
    """
    condition, values = seen
    name = "public_position" if publicly else "position"
    statement = CHANGED.format(
        columns=columns(CaseRow),
        where=SQL(condition),
        position=Identifier("c", name),
        shown_position=Identifier("p", name),
    )
    asked = {**values, "after": after, "most": most, "models": list(models)}
    rows = await (await conn.execute(statement, asked, binary=True)).fetchall()
    found = [CaseRow(**dict(zip(_CASE, row[1:], strict=True))) for row in rows if row[1]]
    return found, rows[0][0] or 0


async def one(conn: AsyncConnection[TupleRow], case: UUID, seen: Seen) -> CaseRow | None:
    """The case, if it exists for the viewer whose condition `seen` is."""
    condition, values = seen
    async with conn.cursor(row_factory=class_row(CaseRow)) as cursor:
        await cursor.execute(READ + SQL(condition) + ONE, {**values, "id": case}, binary=True)
        return await cursor.fetchone()


async def among(
    conn: AsyncConnection[TupleRow], some: Collection[UUID], seen: Seen
) -> dict[UUID, Line]:
    """Those of some cases that exist for the viewer whose condition `seen` is."""
    condition, values = seen
    async with conn.cursor(row_factory=class_row(Line)) as cursor:
        await cursor.execute(AMONG + SQL(condition), {**values, "some": list(some)}, binary=True)
        return {line.id: line for line in await cursor.fetchall()}


async def mentioning(
    conn: AsyncConnection[TupleRow], person: UUID, email: str | None
) -> list[UUID]:
    """The cases that keep a telephone number or an address of this person's."""
    cursor = await conn.execute(MENTIONING, {"person": person, "email": email})
    return [case for (case,) in await cursor.fetchall()]


async def of_person(
    conn: AsyncConnection[TupleRow], person: UUID
) -> list[tuple[UUID, UUID | None, UUID]]:
    """The open cases that somebody has or is the contact of: id, assignee, contact."""
    return await (await conn.execute(OF_PERSON, {"person": person})).fetchall()


def where(condition: LiteralString, names: tuple[str, ...]) -> Composed:
    """What a case must be: there for the viewer, and under each of these conditions."""
    return SQL(" AND ").join([SQL(condition), *(SQL(CONDITIONS[name]) for name in names)])
