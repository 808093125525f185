"""Files on their way into a case: taken in parts, joined, looked through, named by a command."""

from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid4

from domain.runtime import waiting
from domain.runtime.blobs import Blobs, FileDamaged
from domain.runtime.database import Pool
from domain.runtime.keys import Keyring
from domain.runtime.scanner import Scanner
from domain.runtime.sniffing import SNIFFED, media_type_of
from domain.runtime.waiting import (
    MEGABYTE,
    FileTooLarge,
    Part,
    UploadComplete,
    Waiting,
)
from domain.values import Upload

MOST_BYTES, MOST_RECORDED = 35 * MEGABYTE, 200 * MEGABYTE
MOST_PARTS: Final = 10_000
SLOT: Final = "file"


class FileEmpty(Exception):
    """The file is empty: nothing of it has arrived."""


class PartMissing(Exception):
    """Part {number} has not arrived: parts are numbered from 1 on, without a gap."""

    def __init__(self, number: int) -> None:
        super().__init__((self.__doc__ or "").format(number=number))


class DigestDiffers(Exception):
    """What has arrived is not what was sent: its SHA-256 is another one, or a part has changed."""


class Uploads:
    """The files of this log that wait to be attached."""

    def __init__(self, pool: Pool, keyring: Keyring, blobs: Blobs, scanner: Scanner | None) -> None:
        self.blobs = blobs
        self._pool, self._keyring, self._scanner = pool, keyring, scanner

    async def begin(self, owner: str, name: str, *, recording: bool = False) -> Waiting:
        """A new upload, which takes parts for 24 hours after the last one.

        Raises:
            TooManyUploads: somebody begins and never ends.
        """
        id_ = uuid4()
        upload = {
            "id": id_,
            "owner": owner,
            "name": name,
            "most": MOST_RECORDED if recording else MOST_BYTES,
            "wrapped": self._keyring.new(id_, 0, SLOT)[1],
        }
        async with self._pool.connection() as conn:
            return await waiting.begun(conn, **upload)

    async def one(self, owner: str, id_: UUID) -> Waiting:
        """An upload of this person, with the parts that have arrived.

        Raises:
            UploadNotThere: there is none.
        """
        async with self._pool.connection() as conn:
            return await waiting.one(conn, owner, id_)

    async def put(self, owner: str, id_: UUID, number: int, content: AsyncIterable[bytes]) -> Part:
        """Takes a part; one that comes again takes the place of the one before.

        Raises:
            UploadNotThere, UploadComplete, FileTooLarge: nothing was taken.
        """
        upload = await self.one(owner, id_)
        if upload.size is not None:
            raise UploadComplete
        left = upload.most - sum(part.size for part in upload.parts if part.number != number)
        name = f"parts/{id_}/{number}-{uuid4().hex}"
        try:
            size = await self.blobs.write(name, self._key(upload), _at_most(left, content))
            async with self._pool.connection() as conn:
                replaced = await waiting.placed(conn, upload, Part(number, name, size))
        except BaseException:
            await self.blobs.remove([name])
            raise
        await self.blobs.remove(replaced)
        return Part(number, name, size)

    async def take(self, owner: str, id_: UUID, content: AsyncIterable[bytes]) -> Waiting:
        """Takes a whole file at once, in the place of parts.

        Raises:
            FileTooLarge, FileEmpty, FileInfected, ScannerAway: it waits no longer.
        """
        upload = await self.one(owner, id_)
        try:
            return await self._kept(upload, _at_most(upload.most, content), None)
        except BaseException:
            await self.remove(owner, id_)
            raise

    async def complete(self, owner: str, id_: UUID, digest: str | None) -> Waiting:
        """Joins the parts in the order of their numbers; `digest` is the sender's SHA-256.

        Raises:
            UploadNotThere, PartMissing, FileEmpty, DigestDiffers, FileInfected, ScannerAway: it
                goes on waiting for parts.
        """
        upload = await self.one(owner, id_)
        if upload.size is not None:
            return upload
        for number, part in enumerate(upload.parts, 1):
            if part.number != number:
                raise PartMissing(number)
        return await self._kept(upload, self._joined(upload), digest)

    async def remove(self, owner: str, id_: UUID) -> None:
        """Forgets an upload and removes its bytes.

        Raises:
            UploadNotThere: there is none.
        """
        async with self._pool.connection() as conn:
            await waiting.one(conn, owner, id_)
            parts = await waiting.forgotten(conn, [id_])
        await self.blobs.remove([*parts, file_of(id_)])

    async def named(
        self, ids: Collection[UUID], owners: Collection[str], stream: UUID
    ) -> Mapping[UUID, Upload]:
        """Those of the uploads that are complete and somebody's own, for a command on a case."""
        async with self._pool.connection() as conn:
            rows = await waiting.named(conn, ids, owners, stream)
        found = {}
        for id_, owner, name, size, media_type, digest, scanned, wrapped in rows:
            key = b64encode(self._keyring.unwrap(wrapped, id_, 0, SLOT)).decode()
            kind = {"media_type": media_type, "digest": digest, "scanned": scanned}
            found[id_] = Upload(id=id_, name=name, size=size, by=owner, key=key, **kind)
        return found

    async def attached(self, ids: Collection[UUID]) -> None:
        """They belong to a case now, whose events have their keys: here they are forgotten."""
        async with self._pool.connection() as conn:
            parts = await waiting.forgotten(conn, ids)
        await self.blobs.remove(parts)

    async def _joined(self, upload: Waiting) -> AsyncIterator[bytes]:
        for part in upload.parts:
            async for piece in self.blobs.read(part.object, self._key(upload), part.size):
                yield piece

    async def _kept(
        self, upload: Waiting, content: AsyncIterable[bytes], digest: str | None
    ) -> Waiting:
        """The upload once all of its bytes are where they stay, and were looked through."""
        looked = _Looked(content)
        seen = self._scanner.through(looked.through()) if self._scanner else looked.through()
        try:
            size = await self.blobs.write(file_of(upload.id), self._key(upload), seen)
            _check(size, digest, looked)
            found = {"size": size, "media_type": looked.media_type, "digest": looked.digest}
            async with self._pool.connection() as conn:
                whole, parts = await waiting.completed(
                    conn, upload.id, scanned=self._scanner is not None, **found
                )
        except FileDamaged:  # another part has just taken the place of one
            raise DigestDiffers from None
        except BaseException:
            await self._removed_if_incomplete(upload.id)
            raise
        await self.blobs.remove(parts)
        return whole

    async def _removed_if_incomplete(self, id_: UUID) -> None:
        """Whoever completes it at the same time may have had what this one had not."""
        async with self._pool.connection() as conn:
            if await waiting.is_incomplete(conn, id_):
                await self.blobs.remove([file_of(id_)])

    def _key(self, upload: Waiting) -> bytes:
        return self._keyring.unwrap(upload.wrapped, upload.id, 0, SLOT)


def file_of(attachment: UUID) -> str:
    """The name of the object that has the bytes of a file."""
    return f"files/{attachment}"


def _check(size: int, digest: str | None, looked: "_Looked") -> None:
    if not size:
        raise FileEmpty
    if digest not in {None, looked.digest}:
        raise DigestDiffers


class _Looked:
    """What is found out about a content while it goes by."""

    def __init__(self, content: AsyncIterable[bytes]) -> None:
        self._content, self._hash, self._head = content, sha256(), b""

    async def through(self) -> AsyncIterator[bytes]:
        async for some in self._content:
            self._hash.update(some)
            if len(self._head) < SNIFFED:
                self._head += some[: SNIFFED - len(self._head)]
            yield some

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    @property
    def media_type(self) -> str:
        return media_type_of(self._head)


async def _at_most(left: int, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for some in content:
        left -= len(some)
        if left < 0:
            raise FileTooLarge
        yield some
