"""Nothing was found: which words may have been meant, and would closed cases match?"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from domain.values import Actor
from projections import listing
from projections.listing import Found, Seen, Wanted
from projections.query import Query, Term
from projections.search import is_meant, shortened

MOST_TRIED: Final = 60  # words that are near, of which those are asked for that the viewer has
MOST_MEANT: Final = 5
MOST_ALIKE: Final = 1_000
FEW_LETTERS: Final = 5  # a word that is shorter has room for one slip, others for two

SOON: Final = "SET LOCAL statement_timeout = '50ms'"
NEAR: Final = "SELECT word FROM read.search_words WHERE short && %(short)s LIMIT %(most)s"
# Of words that begin as this one does, those that begin so for longest.
ALIKE: Final = """
SELECT w.word FROM (
       SELECT b.beginning FROM unnest(%(beginnings)s::text[]) WITH ORDINALITY AS b (beginning, rank)
        WHERE EXISTS (SELECT FROM read.search_words
                       WHERE word >= b.beginning AND word < b.beginning || E'\\U0010FFFF')
        ORDER BY b.rank LIMIT 1) AS longest
  JOIN read.search_words w
    ON w.word >= longest.beginning AND w.word < longest.beginning || E'\\U0010FFFF'
 LIMIT %(most)s
"""
# Most words that occur do so in an open case, and those are few.
OCCURS: Final = SQL("""
SELECT t.number FROM unnest(%(queries)s::text[]) WITH ORDINALITY AS t (query, number)
 WHERE EXISTS (SELECT FROM read.search_open s JOIN read.cases c ON c.id = s.case_id
                WHERE s.words @@ t.query::tsquery AND {seen})
    OR EXISTS (SELECT FROM read.search s JOIN read.cases c ON c.id = s.case_id
                WHERE s.words @@ t.query::tsquery AND {seen})
""")


async def meant(
    conn: AsyncConnection[TupleRow], query: Query, viewer: Actor, seen: Seen
) -> Mapping[Term, Sequence[str]]:
    """For each term that occurs in none of the viewer's cases, the nearest words that do.

    All of them differ from it equally; none where it is a phrase, or there is nothing near.
    """
    there = await _occurring(conn, query, query.required, viewer, seen)
    return {
        term: await _nearest(conn, query, term, viewer, seen)
        for number, term in enumerate(query.required)
        if number not in there and term.words
    }


async def closed_besides(
    conn: AsyncConnection[TupleRow], found: Found, wanted: Wanted, seen: Seen
) -> int | None:
    """How many closed cases match, where only open ones were wanted and there are none.

    None where counting them takes longer than a hint is worth.
    """
    if found.total != 0 or "open" not in wanted.conditions:
        return None
    others = {name: of for name, of in wanted.conditions.items() if name != "open"}
    with suppress(QueryCanceled):
        async with conn.transaction():
            await conn.execute(SOON)
            return await listing.counted(conn, {**others, "closed": True}, seen)
    return None


async def _nearest(
    conn: AsyncConnection[TupleRow], query: Query, term: Term, viewer: Actor, seen: Seen
) -> Sequence[str]:
    words = term.words
    if len(words) != 1 or not is_meant(words[0].word):
        return ()
    word = words[0].word
    known = {one for (one,) in await (await conn.execute(NEAR, _asked(word))).fetchall()}
    if term.begins:
        known |= {one for (one,) in await (await conn.execute(ALIKE, _asked(word))).fetchall()}
    tried = near(word, known, begins=term.begins)[:MOST_TRIED]
    there = await _occurring(conn, query, [Term(one) for _, one in tried], viewer, seen)
    found = [tried[number] for number in sorted(there)]
    return [one for slips, one in found if slips == found[0][0]][:MOST_MEANT]


def _asked(word: str) -> dict[str, object]:
    # As long as half of it: what begins otherwise has more in it than a slip.
    beginnings = [word[:end] for end in range(len(word) - 1, max(1, len(word) // 2 - 1), -1)]
    return {"short": shortened(word), "beginnings": beginnings, "most": MOST_ALIKE}


async def _occurring(
    conn: AsyncConnection[TupleRow],
    query: Query,
    terms: Sequence[Term],
    viewer: Actor,
    seen: Seen,
) -> set[int]:
    """Which of the terms occur in a case of the viewer's, by their numbers."""
    condition, values = seen
    queries = [Query((term,), query.internal).matching(viewer) for term in terms]
    asked = {**values, "queries": queries}
    cursor = await conn.execute(OCCURS.format(seen=SQL(condition)), asked)
    return {number - 1 for (number,) in await cursor.fetchall()}


def near(word: str, known: Iterable[str], *, begins: bool) -> list[tuple[int, str]]:
    """Those of the known words that differ little from this one, the nearest first.

    With each the number of slips. `begins`: what was meant may go on behind the word.
    """
    most = 1 if len(word) < FEW_LETTERS else 2
    found = ((slips_between(word, one, begins=begins), one) for one in known)
    return sorted(
        ((slips, one) for slips, one in found if slips <= most),
        key=lambda way: (way[0], way[1][:1] != word[:1], abs(len(way[1]) - len(word)), way[1]),
    )


def slips_between(word: str, other: str, *, begins: bool = False) -> int:
    """How many letters were left out, put in, changed, or exchanged with the next.

    `begins`: the beginning of the other one that is nearest counts.

    Source: optimal string alignment distance (Damerau 1964, restricted).
    """
    before, line = list[int](), list(range(len(other) + 1))
    for at, letter in enumerate(word, 1):
        above, line = line, [at]
        for to, sign in enumerate(other, 1):
            cost = min(line[-1] + 1, above[to] + 1, above[to - 1] + (letter != sign))
            if at > 1 and to > 1 and letter == other[to - 2] and word[at - 2] == sign:
                cost = min(cost, before[to - 2] + 1)
            line.append(cost)
        before = above
    return min(line) if begins else line[-1]


def replaced(query: Query, instead: Mapping[Term, Sequence[str]]) -> Query:
    """The query with the words that were meant in the place of those that occur nowhere."""
    terms = (
        Term(term.text, instead=tuple(words)) if (words := instead.get(term)) else term
        for term in query.terms
    )
    return Query(tuple(terms), query.internal)
