"""Which cases tell of some words, and which of those tells of them best?

What is ranked are the newest that match; the others follow by their age. Where few match, all of
them are looked at; where many do, the newest of them are come upon by going back in time.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from domain.runtime.database import Pool, Reading
from domain.values import Actor
from projections.access import ALL_CASES
from projections.cases import Line, columns
from projections.listing import MOST_COUNTED, Found, Seen, Wanted, line_of, where
from projections.query import Query

RANKED: Final = 250  # of the newest that match
PASSED: Final = 10  # cases that are passed by at the cost of one that is looked up; measured

# Of each connection for this. Beyond that nobody waits; and neither a scan of all rows nor a second
# process is what helps here, whatever is estimated.
BOUNDED: Final[Mapping[str, str]] = MappingProxyType({
    "statement_timeout": "2s",
    "enable_seqscan": "off",
    "max_parallel_workers_per_gather": "0",
})  # fmt: skip
_MATCHING: Final = SQL("s.words @@ %(words)s::tsquery")
MATCHES: Final = SQL("SELECT s.case_id FROM read.{table} s WHERE {matching}")
# Of closed cases those alone that are named by their number.
OR_NUMBERED: Final = SQL("""
SELECT s.case_id FROM read.search_open s WHERE {matching} UNION
SELECT s.case_id FROM read.search s WHERE s.words @@ %(numbered)s::tsquery AND {matching}
""")
# All that match, in no order, and how many; ranked are the newest, by how well they match.
FOUND: Final = """
WITH found AS MATERIALIZED (
    SELECT c.id, {at} AS at FROM ({matches}) s JOIN read.cases c ON c.id = s.case_id
     WHERE {where} LIMIT %(most_counted)s),
newest AS (SELECT id, at FROM found ORDER BY at DESC, id DESC LIMIT {reach}),
{ranked}
SELECT t.total, r.score, {columns}
  FROM (SELECT count(*) AS total FROM found) t
  LEFT JOIN (ranked r JOIN read.cases c ON c.id = r.id) ON true
 ORDER BY r.score DESC, r.at DESC, r.id DESC
"""
# The same where nothing is asked of a case but its words: those that match are looked up where they
# are few, and else met on the way from the newest case back, of which `passed` cost as much as one
# that is looked up. Neither where not all of them are known.
ALONE: Final = """
WITH matched AS MATERIALIZED ({matches} LIMIT %(most_counted)s),
counted AS MATERIALIZED (
    SELECT total, coalesce(total < %(most_counted)s, true) AS all_known,
           total * total > %(passed)s * (
               SELECT reltuples FROM pg_class WHERE oid = {name}::regclass) AS many
      FROM (SELECT count(*) AS total FROM matched) AS of),
newest AS MATERIALIZED (
    (SELECT c.id, {at} AS at FROM matched m JOIN read.cases c ON c.id = m.case_id
      WHERE (SELECT all_known AND NOT many FROM counted) AND {where}
      ORDER BY {at} DESC, c.id DESC LIMIT {reach})
     UNION ALL
    (SELECT c.id, {at} AS at FROM read.cases c
      WHERE (SELECT all_known AND many FROM counted) AND {where}
        AND CASE WHEN c.id IN (SELECT case_id FROM matched) THEN true END
      ORDER BY {at} DESC, c.id DESC LIMIT {reach})),
{ranked}
SELECT t.total, r.score, {columns}
  FROM counted t LEFT JOIN (ranked r JOIN read.cases c ON c.id = r.id) ON true
 ORDER BY r.score DESC, r.at DESC, r.id DESC
"""
# The newest that match, from the newest case on; the fences keep PostgreSQL from another way.
BACK_IN_TIME: Final = """
WITH newest AS MATERIALIZED (
    SELECT c.id, c.at
      FROM (SELECT c.id, {at} AS at FROM read.cases c WHERE {where}
             ORDER BY {at} DESC, c.id DESC OFFSET 0) c
     CROSS JOIN LATERAL (
            SELECT s.words FROM read.{table} s WHERE s.case_id = c.id OFFSET 0) s
     WHERE {matching} LIMIT {reach}),
{ranked}
SELECT NULL::bigint, r.score, {columns}
  FROM ranked r JOIN read.cases c ON c.id = r.id
 ORDER BY r.score DESC, r.at DESC, r.id DESC
"""
_REACH: Final = SQL("greatest(%(ranked)s, %(skipped)s + %(most)s)")
_RANKED: Final = SQL("""
ranked AS (
    SELECT n.id, n.at, CASE WHEN n.age > %(ranked)s THEN -1 ELSE (
               SELECT CASE WHEN s.words @@ %(is_number)s::tsquery THEN 4
                           WHEN s.words @@ %(as_number)s::tsquery THEN 3
                           WHEN s.words @@ %(in_subject)s::tsquery THEN 2
                           WHEN s.words @@ %(in_description)s::tsquery THEN 1 ELSE 0 END
                 FROM read.{table} s WHERE s.case_id = n.id) END AS score
      FROM (SELECT id, at, row_number() OVER (ORDER BY at DESC, id DESC) AS age FROM newest) n
     ORDER BY score DESC, at DESC, id DESC LIMIT %(most)s OFFSET %(skipped)s)""")


class SearchTooBroad(Exception):
    """This search takes too long: ask for more letters, or for one more word or filter."""


@asynccontextmanager
async def looking(searches: Pool) -> AsyncIterator[Reading]:
    """A connection to look for words with, of those that are bounded.

    Raises:
        SearchTooBroad: a statement takes longer than two seconds.
    """
    try:
        async with searches.connection() as conn:
            yield conn
    except QueryCanceled:
        raise SearchTooBroad from None


async def found(
    conn: AsyncConnection[TupleRow],
    wanted: Wanted,
    query: Query,
    viewer: Actor,
    seen: Seen,
    *,
    exactly: bool,
) -> Found:
    """The page asked for, of the cases that match; best first. Each row with its score."""
    condition, given = seen
    values: dict[str, Any] = {**given, **wanted.conditions, **query.scores()}
    values |= {"words": query.matching(viewer), "ranked": RANKED, "numbered": query.numbered}
    values |= {"passed": PASSED, "skipped": wanted.skipped, "most": wanted.most + 1}
    values["most_counted"] = None if exactly else MOST_COUNTED + 1
    at: LiteralString = "c.public_modified_at" if wanted.publicly else "c.modified_at"
    names = tuple(wanted.conditions)
    alone = condition == ALL_CASES and not set(names) - {"open"}
    rows = await _rows(conn, _statement(ALONE if alone else FOUND, condition, names, at), values)
    total: int = rows[0][0]
    if total > MOST_COUNTED and not exactly:
        rows = await _rows(conn, _statement(BACK_IN_TIME, condition, names, at), values)
    page = [(row[1], line_of(row[2:])) for row in rows if row[2]]
    return Found(
        rows=page[: wanted.most],
        total=total if exactly or total <= MOST_COUNTED else None,
        more=len(page) > wanted.most,
    )


async def _rows(
    conn: AsyncConnection[TupleRow], statement: bytes, values: Mapping[str, Any]
) -> list[TupleRow]:
    # Planned each time: what helps depends on the words.
    return await (await conn.execute(statement, values, binary=True, prepare=False)).fetchall()


@lru_cache(maxsize=1_000)
def _statement(
    statement: LiteralString, condition: LiteralString, names: tuple[str, ...], at: LiteralString
) -> bytes:
    table = Identifier("search_open" if "open" in names else "search")
    parts: dict[str, Composable] = {
        "table": table,
        "matches": (OR_NUMBERED if "open_or_numbered" in names else MATCHES).format(
            table=table, matching=_MATCHING
        ),
        "name": Literal(f"read.{table.as_string()}"),
        "at": SQL(at),
        "matching": _MATCHING,
        "where": where(condition, names),
        "columns": columns(Line),
        "reach": _REACH,
        "ranked": _RANKED.format(table=table),
    }
    return SQL(statement).format(**parts).as_bytes(None)
