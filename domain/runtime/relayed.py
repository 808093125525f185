"""What was published, as `desk.relayed` has it: up to where, and why it does not go on."""

from dataclasses import dataclass
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

BEGIN: Final = "INSERT INTO desk.relayed (topics) VALUES (%(topics)s) ON CONFLICT DO NOTHING"
CHECKPOINT: Final = "SELECT position FROM desk.relayed WHERE topics = %(topics)s"
MOVE: Final = """
UPDATE desk.relayed SET position = %(position)s, moved_at = now(), failure = NULL
 WHERE topics = %(topics)s AND position = %(before)s
"""
WELL: Final = """
UPDATE desk.relayed SET failure = NULL WHERE topics = %(topics)s AND failure IS NOT NULL
"""
FAIL: Final = "UPDATE desk.relayed SET failure = %(failure)s WHERE topics = %(topics)s"
AGAIN: Final = """
UPDATE desk.relayed r SET position = %(after)s
  FROM (SELECT topics, position FROM desk.relayed FOR UPDATE) was
 WHERE was.topics = r.topics AND was.position > %(after)s
RETURNING r.topics, was.position
"""
ALL: Final = "SELECT topics, position, failure FROM desk.relayed ORDER BY topics"


@dataclass(frozen=True, slots=True)
class Published:
    """Up to which position something is published; `failure` is why it does not go on."""

    topics: str
    position: int
    failure: str | None


class PutBack(Exception):
    """Somebody wants it published again from an earlier position."""


class Checkpoint:
    """Up to where one kind of thing is published, on the session that has the lead."""

    def __init__(self, conn: Connection[TupleRow], topics: str) -> None:
        self._conn, self._topics = conn, topics
        conn.execute(BEGIN, {"topics": topics})

    @property
    def position(self) -> int:
        """Up to here Kafka has acknowledged everything."""
        row = self._conn.execute(CHECKPOINT, {"topics": self._topics}).fetchone()
        return row[0] if row else 0

    def move(self, before: int, position: int) -> None:
        """Kafka has acknowledged what comes after `before`, up to here.

        Raises:
            PutBack: it is not `before` any more.
        """
        asked = {"topics": self._topics, "before": before, "position": position}
        if not self._conn.execute(MOVE, asked).rowcount:
            raise PutBack

    def well(self) -> None:
        """It goes on."""
        self._conn.execute(WELL, {"topics": self._topics})

    def fail(self, failure: str) -> None:
        """It does not, and this is why."""
        self._conn.execute(FAIL, {"topics": self._topics, "failure": failure})


def republish(conn: Connection[TupleRow], after: int) -> dict[str, int]:
    """Puts back what is beyond a position; where each stood."""
    return dict(conn.execute(AGAIN, {"after": after}).fetchall())
