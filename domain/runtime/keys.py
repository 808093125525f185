"""The keys of the log: one for each encrypted slot of each event, wrapped by the master key.

A key is made for one slot of one event and encrypts nothing else. So a field's nonce can follow
from its name: no pair of key and nonce is ever used for two texts, and none has to be stored.
"""

import hmac
import os
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FIRST_MASTER: Final = b"\x01"  # which master key wraps: one byte, so that another can follow


class KeyUnusable(Exception):
    """The key of {stream} version {version} was wrapped by another master key."""

    def __init__(self, stream: UUID, version: int) -> None:
        super().__init__((self.__doc__ or "").format(stream=stream, version=version))


class Keyring:
    """Makes, wraps and unwraps keys under one master key."""

    def __init__(self, master: bytes) -> None:
        self._master = AESGCM(master)
        key = hmac.digest(master, b"casebook command digests", sha256)
        self._digests = hmac.new(key, digestmod=sha256)

    def new(self, stream: UUID, version: int, slot: str) -> tuple[bytes, bytes]:
        """A fresh key, and the same wrapped for `log.keys`: 61 bytes."""
        fresh = os.urandom(KEY_BYTES + NONCE_BYTES)
        key, nonce = fresh[:KEY_BYTES], fresh[KEY_BYTES:]
        sealed = self._master.encrypt(nonce, key, _place(stream, version, slot))
        return key, FIRST_MASTER + nonce + sealed

    def unwrap(self, wrapped: bytes, stream: UUID, version: int, slot: str) -> bytes:
        """The key that `new` gave.

        Raises:
            KeyUnusable: another master key wrapped it, or it belongs to another event.
        """
        nonce, sealed = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            return self._master.decrypt(nonce, sealed, _place(stream, version, slot))
        except (InvalidTag, ValueError):
            raise KeyUnusable(stream, version) from None

    def digest(self, content: bytes) -> str:
        """HMAC-SHA-256 in hex: equal for equal contents, and no proof for who guesses them."""
        digest = self._digests.copy()  # twice as fast as to begin with the key
        digest.update(content)
        return digest.hexdigest()


class FieldCipher:
    """Encrypts and decrypts the fields of one slot of one event: AES-256-GCM."""

    def __init__(self, key: bytes, stream: UUID, version: int) -> None:
        self._aead = AESGCM(key)
        self._place = stream.bytes + version.to_bytes(4, "big")

    def seal(self, field: str, text: str) -> bytes:
        """The ciphertext and its tag; `field` is the path in the event's data."""
        return self._aead.encrypt(_nonce(field), text.encode(), self._place + field.encode())

    def open(self, field: str, sealed: bytes) -> str:
        """The text that was sealed for this field of this event, and for no other."""
        return self._aead.decrypt(_nonce(field), sealed, self._place + field.encode()).decode()


def _place(stream: UUID, version: int, slot: str) -> bytes:
    return stream.bytes + version.to_bytes(4, "big") + slot.encode()


@lru_cache(maxsize=4096)
def _nonce(field: str) -> bytes:
    return blake2b(field.encode(), digest_size=NONCE_BYTES).digest()
