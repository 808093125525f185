"""In which texts of some cases may words have been found?"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

MOST_TEXTS: Final = 50  # of a conversation, the newest
MOST_LETTERS: Final = 400_000  # of all cases together

READ: Final = """
SELECT case_id, field, text FROM (
    SELECT t.*, sum(length(text)) OVER (ORDER BY t.rank, t.number DESC) AS letters FROM (
        SELECT c.id AS case_id, 0 AS rank, 0 AS number, 'description' AS field,
               c.description AS text
          FROM read.cases c WHERE c.id = ANY(%(cases)s)
         UNION ALL
        SELECT t.case_id, rank() OVER (PARTITION BY t.case_id ORDER BY t.number DESC), t.number,
               CASE WHEN t.kind = 'file' THEN 'file' WHEN t.internal THEN 'note'
                    ELSE 'conversation' END, t.text
          FROM unnest(%(cases)s::uuid[]) AS of (id) CROSS JOIN LATERAL (
               SELECT * FROM read.search_texts t
                WHERE t.case_id = of.id AND (%(internal)s OR NOT t.internal)
                ORDER BY t.number DESC LIMIT %(most)s) t) t) t
 WHERE letters <= %(letters)s ORDER BY letters
"""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a case; `field`: description, conversation, note or file."""

    case_id: UUID
    field: str
    text: str


async def of_cases(
    conn: AsyncConnection[TupleRow], cases: Collection[UUID], *, internal: bool
) -> list[Text]:
    """The descriptions of some cases, then their conversations, the newest text of each first.

    As far as 400,000 characters: what lies beyond is found all the same, and not shown. The caller
    has asked whether the cases may be seen.
    """
    asked = {"cases": list(cases), "internal": internal}
    async with conn.cursor(row_factory=class_row(Text)) as cursor:
        await cursor.execute(READ, {**asked, "most": MOST_TEXTS, "letters": MOST_LETTERS})
        return await cursor.fetchall()
