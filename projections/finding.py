"""Which cases tell of some words, and which of those tells of them best?

What is ranked are the newest that match; the others follow by their age. Nothing is looked at twice
that most cases have: up to 10,000 that match are all looked at; of more than that the newest are
come upon by going back in time.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from domain.values import Actor
from projections.cases import Line, columns
from projections.listing import MOST_COUNTED, Found, Seen, Wanted, line_of, where
from projections.query import Query

RANKED: Final = 250  # of the newest that match

# Beyond that nobody waits. Neither a scan of all rows nor a second process is what helps here,
# whatever is estimated.
BOUNDED: Final = """
SELECT set_config('statement_timeout', '2s', true), set_config('enable_seqscan', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true)
"""
_MATCHING: Final = SQL("s.words @@ %(words)s::tsquery")
# All that match, in no order, and how many; ranked are the newest, by how well they match.
FOUND: Final = SQL("""
WITH found AS MATERIALIZED (
    SELECT c.id, {at} AS at FROM read.{table} s JOIN read.cases c ON c.id = s.case_id
     WHERE {matching} AND {where} LIMIT %(most_counted)s),
{ranked}
SELECT t.total, r.score, {columns}
  FROM (SELECT count(*) AS total FROM found) t
  LEFT JOIN (ranked r JOIN read.cases c ON c.id = r.id) ON true
 ORDER BY r.score DESC, r.at DESC, r.id DESC
""")
# The newest that match, from the newest case on; the fences keep PostgreSQL from another way.
BACK_IN_TIME: Final = SQL("""
WITH found AS MATERIALIZED (
    SELECT c.id, c.at
      FROM (SELECT c.id, {at} AS at FROM read.cases c WHERE {where}
             ORDER BY {at} DESC, c.id DESC OFFSET 0) c
     CROSS JOIN LATERAL (
            SELECT s.words FROM read.{table} s WHERE s.case_id = c.id OFFSET 0) s
     WHERE {matching} LIMIT greatest(%(ranked)s, %(skipped)s + %(most)s)),
{ranked}
SELECT %(most_counted)s::bigint, r.score, {columns}
  FROM ranked r JOIN read.cases c ON c.id = r.id
 ORDER BY r.score DESC, r.at DESC, r.id DESC
""")
_RANKED: Final = SQL("""
newest AS (SELECT id, at FROM found ORDER BY at DESC, id DESC LIMIT %(ranked)s),
scored AS (
    SELECT n.id, n.at, CASE WHEN s.words @@ %(is_number)s::tsquery THEN 4
                            WHEN s.words @@ %(as_number)s::tsquery THEN 3
                            WHEN s.words @@ %(in_subject)s::tsquery THEN 2
                            WHEN s.words @@ %(in_description)s::tsquery THEN 1 ELSE 0 END AS score
      FROM newest n CROSS JOIN LATERAL (
           SELECT s.words FROM read.{table} s WHERE s.case_id = n.id OFFSET 0) s),
ranked AS (
    SELECT id, at, score FROM scored
     UNION ALL
    SELECT f.id, f.at, -1 FROM found f
     WHERE %(skipped)s + %(most)s > %(ranked)s AND f.id NOT IN (SELECT id FROM newest)
     ORDER BY score DESC, at DESC, id DESC LIMIT %(most)s OFFSET %(skipped)s)""")


class SearchTooBroad(Exception):
    """This search takes too long: ask for more letters, or for one more word or filter."""


@asynccontextmanager
async def bounded(conn: AsyncConnection[TupleRow], query: Query | None) -> AsyncIterator[None]:
    """A block in which words are looked for; without any it is like every other.

    Raises:
        SearchTooBroad: a statement in it takes longer than two seconds.
    """
    if query is None:
        yield
        return
    try:
        async with conn.transaction():
            await conn.execute(BOUNDED)
            yield
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
    values |= {"words": query.matching(viewer), "ranked": RANKED}
    values |= {"skipped": wanted.skipped, "most": wanted.most + 1}
    values["most_counted"] = None if exactly else MOST_COUNTED + 1
    at: LiteralString = "c.public_modified_at" if wanted.publicly else "c.modified_at"
    names = tuple(wanted.conditions)
    rows = await _rows(conn, _statement(condition, names, at), values)
    if not exactly and rows[0][0] > MOST_COUNTED:
        rows = await _rows(conn, _statement(condition, names, at, newest=True), values)
    total: int = rows[0][0]
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
    condition: LiteralString,
    names: tuple[str, ...],
    at: LiteralString,
    *,
    newest: bool = False,
) -> bytes:
    table = Identifier("search_open" if "open" in names else "search")
    parts: dict[str, SQL | Composed | Identifier] = {
        "table": table,
        "at": SQL(at),
        "matching": _MATCHING,
        "where": where(condition, names),
        "columns": columns(Line),
        "ranked": _RANKED.format(table=table),
    }
    return (BACK_IN_TIME if newest else FOUND).format(**parts).as_bytes(None)
