"""Where does a read model say something else than the log?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

COLUMNS: Final = """
SELECT a.attname, coalesce(a.attnum = ANY(k.conkey), false)
  FROM pg_attribute a
  JOIN pg_attribute b ON b.attrelid = %(live)s::regclass AND b.attname = a.attname
                     AND b.atttypid = a.atttypid AND b.attnum > 0
  LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
 WHERE a.attrelid = %(replayed)s::regclass AND a.attnum > 0 ORDER BY a.attnum
"""
DIFFER: Final = SQL("""
SELECT to_jsonb(l), to_jsonb(r)
  FROM (SELECT {columns} FROM read.{table}) l
  FULL JOIN (SELECT {columns} FROM next.{table}) r ON {same}
 WHERE l IS DISTINCT FROM r
""")
ROW: Final = "the row"
WORDS: Final = frozenset(
    {ROW, "subject", "description", "phone", "recipients", "pending", "name", "email"}
    | {"account_name", "contact_name", "assignee_name", "customer_reference", "external_ids"}
    | {"resolution", "tags"}
    | {"words", "word", "short", "text"}
)
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a read model says and the log does not, or the other way round.

    `key` is the row's, its parts with commas between; `column` is `the row` where only one of both
    has it. `live` and `replayed` are JSON; None: there is none.
    """

    model: str
    key: str
    column: str
    live: Any
    replayed: Any

    @property
    def is_words(self) -> bool:
        """Whether people's words or names stand in it: nothing that keeps them may keep it."""
        return self.column in WORDS

    @property
    def key_is_a_word(self) -> bool:
        """The same of its key: all others are ids and numbers."""
        return self.key.isalpha()


def differences(conn: Connection[TupleRow], model: str, table: str) -> Iterator[Difference]:
    """What differs between a table that is read and the one that was built beside it.

    Of both, the columns that both have: another shape is no difference.
    """
    names = {"live": f"read.{table}", "replayed": f"next.{table}"}
    columns = conn.execute(COLUMNS, names).fetchall()
    keys = [name for name, is_key in columns if is_key]
    statement = DIFFER.format(
        table=Identifier(table),
        columns=SQL(", ").join(Identifier(name) for name, _ in columns),
        same=SQL(" AND ").join(_same(name) for name in keys),
    )
    with conn.cursor("differences") as cursor:
        cursor.itersize = AT_ONCE
        for live, replayed in cursor.execute(statement):
            some = live or replayed
            key = ", ".join(str(some[name]) for name in keys)
            if live is None or replayed is None:
                yield Difference(model, key, ROW, live, replayed)
                continue
            for name, _ in columns:
                if live[name] != replayed[name]:
                    yield Difference(model, key, name, live[name], replayed[name])


def _same(column: str) -> sql.Composed:
    return SQL("l.{0} = r.{0}").format(Identifier(column))
