"""Links that end mail: good for one delivery's case and recipient, without a word about either."""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

_KEY: Final = b"casebook links that end mail"
_SECRET: Final = re.compile(r"([ca])([0-9a-f]{32})([0-9a-f]{32})")
OF_CASE, OF_ALL = "c", "a"


@dataclass(frozen=True, slots=True)
class End:
    """Whose mail is to end: that of one case, or `of_all`, for the recipient of a delivery."""

    delivery: UUID
    of_all: bool


class Ending:
    """Makes and reads the secrets of such links, under the master key."""

    def __init__(self, master: bytes) -> None:
        self._key = hmac.digest(master, _KEY, sha256)

    def secret(self, end: End) -> str:
        """The end of the link in a mail."""
        what = OF_ALL if end.of_all else OF_CASE
        return what + end.delivery.hex + self._mark(what, end.delivery.hex)

    def read(self, secret: str) -> End | None:
        """What a secret ends; None: it is not one of ours."""
        found = _SECRET.fullmatch(secret)
        if found is None:
            return None
        what, delivery, mark = found.groups()
        good = hmac.compare_digest(mark, self._mark(what, delivery))
        return End(UUID(hex=delivery), what == OF_ALL) if good else None

    def _mark(self, what: str, delivery: str) -> str:
        return hmac.digest(self._key, (what + delivery).encode(), sha256).hex()[:32]
