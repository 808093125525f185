"""Links that end mail: good for one delivery's case and recipient, without a word about either."""

import hmac
from hashlib import sha256
from typing import Final
from uuid import UUID

_KEY: Final = b"casebook links that end mail"
_ID, _MARK = 32, 32  # hexadecimal digits


class Ending:
    """Makes and reads the secrets of such links, under the master key."""

    def __init__(self, master: bytes) -> None:
        self._key = hmac.digest(master, _KEY, sha256)

    def secret(self, delivery: UUID) -> str:
        """The end of the link in the mail of a delivery."""
        return delivery.hex + self._mark(delivery)

    def delivery(self, secret: str) -> UUID | None:
        """Of which delivery a secret is; None: it is not one of ours."""
        if len(secret) != _ID + _MARK or not secret.isascii():
            return None
        try:
            delivery = UUID(hex=secret[:_ID])
        except ValueError:
            return None
        return delivery if hmac.compare_digest(secret[_ID:], self._mark(delivery)) else None

    def _mark(self, delivery: UUID) -> str:
        return hmac.digest(self._key, delivery.bytes, sha256).hex()[:_MARK]
