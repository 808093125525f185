"""Which cases tell of some words, and which of those tells of them best?

What is ranked are the newest that match; the others follow by their age. Where few match, all of
them are looked at; where many do, the newest of them are come upon by going back in time.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from domain.values import Actor
from projections.access import ALL_CASES
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
{ranked}
SELECT t.total, r.score, {columns}
  FROM (SELECT count(*) AS total FROM found) t
  LEFT JOIN (ranked r JOIN read.cases c ON c.id = r.id) ON true
 ORDER BY r.score DESC, r.at DESC, r.id DESC
"""
# The newest that match, from the newest case on; the fences keep PostgreSQL from another way.
BACK_IN_TIME: Final = """
WITH found AS MATERIALIZED (
    SELECT c.id, c.at, {score} AS score
      FROM (SELECT c.id, {at} AS at FROM read.cases c WHERE {where}
             ORDER BY {at} DESC, c.id DESC OFFSET 0) c
     CROSS JOIN LATERAL (
            SELECT s.words FROM read.{table} s WHERE s.case_id = c.id OFFSET 0) s
     WHERE {matching} LIMIT greatest(%(ranked)s, %(skipped)s + %(most)s)),
aged AS (SELECT id, at, score, row_number() OVER (ORDER BY at DESC, id DESC) AS age FROM found),
ranked AS (
    SELECT id, at, CASE WHEN age > %(ranked)s THEN -1 ELSE score END AS score FROM aged
     ORDER BY score DESC, at DESC, id DESC LIMIT %(most)s OFFSET %(skipped)s)
SELECT NULL::bigint, r.score, {columns}
  FROM ranked r JOIN read.cases c ON c.id = r.id
 ORDER BY r.score DESC, r.at DESC, r.id DESC
"""
# How many match, and of how many; no case is looked at of whom nothing is asked but its words.
COUNTED: Final = """
SELECT (SELECT count(*) FROM (
        SELECT FROM read.{table} s WHERE {matching} LIMIT %(most_counted)s) AS counted),
       (SELECT reltuples FROM pg_class WHERE oid = {name}::regclass)
"""
_SCORE: Final = SQL("""
       CASE WHEN s.words @@ %(is_number)s::tsquery THEN 4
            WHEN s.words @@ %(as_number)s::tsquery THEN 3
            WHEN s.words @@ %(in_subject)s::tsquery THEN 2
            WHEN s.words @@ %(in_description)s::tsquery THEN 1 ELSE 0 END""")
_RANKED: Final = SQL("""
newest AS (SELECT id, at FROM found ORDER BY at DESC, id DESC LIMIT %(ranked)s),
scored AS (
    SELECT n.id, n.at, {score} AS score
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
    values |= {"words": query.matching(viewer), "ranked": RANKED, "numbered": query.numbered}
    values |= {"skipped": wanted.skipped, "most": wanted.most + 1}
    values["most_counted"] = None if exactly else MOST_COUNTED + 1
    at: LiteralString = "c.public_modified_at" if wanted.publicly else "c.modified_at"
    names = tuple(wanted.conditions)
    total, many = await _counted(conn, condition, names, values)
    if not many:
        rows = await _rows(conn, _statement(FOUND, condition, names, at), values)
        total = rows[0][0]
        many = total > MOST_COUNTED and not exactly
    if many:
        rows = await _rows(conn, _statement(BACK_IN_TIME, condition, names, at), values)
    page = [(row[1], line_of(row[2:])) for row in rows if row[2]]
    return Found(
        rows=page[: wanted.most],
        total=total if exactly or total <= MOST_COUNTED else None,
        more=len(page) > wanted.most,
    )


async def _counted(
    conn: AsyncConnection[TupleRow],
    condition: LiteralString,
    names: tuple[str, ...],
    values: Mapping[str, Any],
) -> tuple[int, bool]:
    """How many cases match, and whether going back in time is the shorter way to the newest.

    Counted before they are looked for only where nothing is asked of a case but its words.
    """
    if condition != ALL_CASES or set(names) - {"open"}:
        return 0, False
    ((total, all_of_them),) = await _rows(conn, _statement(COUNTED, condition, names, ""), values)
    wanted = max(values["ranked"], values["skipped"] + values["most"])
    # One in so many matches, so that as many times those that are wanted are passed on the way.
    is_shorter = 0 <= wanted * all_of_them < total * total
    return total, total > MOST_COUNTED or is_shorter


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
        "score": _SCORE,
        "ranked": _RANKED.format(table=table, score=_SCORE),
    }
    return SQL(statement).format(**parts).as_bytes(None)
