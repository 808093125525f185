"""A read model made again from the beginning of the log: emptied here, filled by the follower."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from projections import access, activity, cases, directory

# All that each read model writes. Not TRUNCATE: it would shut out whoever reads until the commit.
EMPTY: Final[Mapping[str, LiteralString]] = MappingProxyType({
    access.NAME: "DELETE FROM read.access",
    activity.NAME: "DELETE FROM read.activity",
    cases.NAME: "DELETE FROM read.cases",
    directory.NAME: "DELETE FROM read.directory",
})  # fmt: skip
# The follower takes the same rows in the same order before it writes a page.
LOCK: Final = "SELECT FROM read.models WHERE name = ANY(%(names)s) ORDER BY name FOR UPDATE"
RESET: Final = """
UPDATE read.models SET position = 0, failed_at = NULL, failure = NULL WHERE name = ANY(%(names)s)
"""
WAKE: Final = "NOTIFY events"


def reset(conn: Connection[TupleRow], names: Collection[str]) -> None:
    """Empties read models; the follower, also one at work, makes them again from the log."""
    with conn.transaction():
        conn.execute(LOCK, {"names": list(names)})
        for name in names:
            if name in EMPTY:  # else it is of another release
                conn.execute(EMPTY[name])
        conn.execute(RESET, {"names": list(names)})
        conn.execute(WAKE)
