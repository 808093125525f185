"""Files: in a directory or an object store, each encrypted under a key of its own.

An object is 16 random bytes, then pieces of 64 KiB, each encrypted and authenticated under a key
that follows from the file's key and those bytes. So the same file may be written twice, a piece can
be read without those before it, and no piece can be moved, left out or cut off unnoticed.

Source: age-encryption.org/v1, "Payload", with AES-256-GCM (STREAM, Hoang et al. 2015).
"""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Final

import obstore
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

KEY_BYTES: Final = 32
PIECE: Final = 64 * 1024
SALT_BYTES: Final = 16
TAG_BYTES: Final = 16
AT_ONCE: Final = 16  # pieces that are read from the store at a time
BUFFER: Final = 8 * 1024 * 1024  # bytes that are sent to the store at a time
LAST, MORE = b"\x01", b"\x00"
COUNTER_BYTES: Final = 11


class FileDamaged(Exception):
    """The file is not as it was written, or not all of it is there."""


class FilesAway(Exception):
    """The place where files are kept does not answer; try again."""


class Blobs:
    """The files of one place."""

    def __init__(self, url: str) -> None:
        """`url` is file:///folder, s3://bucket/path, or what else obstore reads."""
        self._url = url

    @cached_property
    def _store(self) -> ObjectStore:
        # Opened by whoever needs it first: most processes never do.
        try:
            if self._url.startswith("file:"):
                return LocalStore.from_url(self._url, mkdir=True)
            return from_url(self._url)
        except (BaseError, OSError) as error:
            raise FilesAway from error

    async def write(self, name: str, key: bytes, content: AsyncIterable[bytes]) -> int:
        """Keeps all of a content, in pieces of any size; how many bytes it had.

        Raises:
            FilesAway: the store does not answer.
        """
        salt = os.urandom(SALT_BYTES)
        cipher, size, number = _cipher(key, salt), 0, 0
        try:
            async with obstore.open_writer_async(self._store, name, buffer_size=BUFFER) as writer:
                await writer.write(salt)
                async for piece, is_last in _pieces(content):
                    nonce = _nonce(number, is_last=is_last)
                    await writer.write(cipher.encrypt(nonce, piece, None))
                    size, number = size + len(piece), number + 1
        except (BaseError, OSError) as error:
            raise FilesAway from error
        return size

    async def read(
        self, name: str, key: bytes, size: int, begins: int = 0, ends: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes of a file of that size from `begins`, up to but without `ends`.

        Raises:
            FileDamaged: they are not there, or not as they were written.
            FilesAway: the store does not answer.
        """
        ends = size if ends is None else ends
        pieces = max(1, -(-size // PIECE))
        try:
            kept = await obstore.head_async(self._store, name)
            if kept["size"] != SALT_BYTES + size + pieces * TAG_BYTES:
                raise FileDamaged
            salt = await obstore.get_range_async(self._store, name, start=0, length=SALT_BYTES)
            cipher = _cipher(key, bytes(salt))
            first, end = begins // PIECE, max(1, -(-ends // PIECE))
            for number in range(first, end, AT_ONCE):
                some = range(number, min(number + AT_ONCE, end))
                opened = await self._opened(name, cipher, some, pieces)
                for at, piece in zip(some, opened, strict=True):
                    skipped = max(0, begins - at * PIECE)
                    if part := piece[skipped : ends - at * PIECE]:
                        yield part
        except (FileNotFoundError, InvalidTag) as error:
            raise FileDamaged from error
        except (BaseError, OSError) as error:
            raise FilesAway from error

    async def remove(self, names: Iterable[str]) -> None:
        """Removes files; one that is not there is removed already.

        Raises:
            FilesAway: the store does not answer.
        """
        for name in names:
            try:
                with suppress(FileNotFoundError):
                    await obstore.delete_async(self._store, name)
            except (BaseError, OSError) as error:
                raise FilesAway from error

    async def _opened(self, name: str, cipher: AESGCM, some: range, pieces: int) -> list[bytes]:
        """Some neighbouring pieces, decrypted."""
        whole = PIECE + TAG_BYTES
        sealed = bytes(
            await obstore.get_range_async(
                self._store,
                name,
                start=SALT_BYTES + some.start * whole,
                length=len(some) * whole,
            )
        )
        return [
            cipher.decrypt(
                _nonce(number, is_last=number == pieces - 1),
                sealed[at * whole : (at + 1) * whole],
                None,
            )
            for at, number in enumerate(some)
        ]


async def _pieces(content: AsyncIterable[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """The content in pieces of one size, the last one shorter, and whether it is the last."""
    waiting = bytearray()
    async for some in content:
        waiting += some
        while len(waiting) > PIECE:  # not at equality: it may be the last
            yield bytes(waiting[:PIECE]), False
            del waiting[:PIECE]
    yield bytes(waiting), True


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    derived = HKDF(SHA256(), KEY_BYTES, salt, b"casebook file").derive(key)
    return AESGCM(derived)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(COUNTER_BYTES, "big") + (LAST if is_last else MORE)
