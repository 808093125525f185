"""Addresses that refuse mail: known by a digest alone, so that nobody who was erased is named."""

from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.runtime.keys import Keyring

WHY: Final = "SELECT why FROM desk.suppressed WHERE digest = %(digest)s"
SUPPRESS: Final = """
INSERT INTO desk.suppressed (digest, why) VALUES (%(digest)s, %(why)s) ON CONFLICT DO NOTHING
"""
LIFT: Final = "DELETE FROM desk.suppressed WHERE digest = %(digest)s RETURNING why, since"


class Suppressed:
    """The addresses to which no mail goes."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def why(self, conn: Connection[TupleRow], address: str) -> str | None:
        """What the address's server said when it refused; None: mail goes there."""
        row = conn.execute(WHY, {"digest": self._digest(address)}).fetchone()
        return row[0] if row else None

    def add(self, conn: Connection[TupleRow], address: str, why: str) -> None:
        """No mail goes there until somebody lifts it."""
        conn.execute(SUPPRESS, {"digest": self._digest(address), "why": why})

    def lift(self, conn: Connection[TupleRow], address: str) -> tuple[str, datetime] | None:
        """Mail goes there again; why it did not, and since when. None: it did."""
        row = conn.execute(LIFT, {"digest": self._digest(address)}).fetchone()
        return (row[0], row[1]) if row else None

    def _digest(self, address: str) -> bytes:
        return bytes.fromhex(self._keyring.digest(f"mail {address.lower()}".encode()))
