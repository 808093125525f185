"""Uploads as `desk.uploads` has them: what is known of a file until a command attaches it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import TupleRow, class_row

from domain.runtime.database import Reading

MEGABYTE: Final = 1024 * 1024
MOST_WAITING: Final = 100  # uploads of one person

BEGIN: Final = """
INSERT INTO desk.uploads (id, owner, name, most, wrapped, expires_at)
SELECT %(id)s, %(owner)s, %(name)s, %(most)s, %(wrapped)s, now() + interval '24 hours'
 WHERE (SELECT count(*) FROM desk.uploads WHERE owner = %(owner)s AND expires_at > now())
       < %(most_waiting)s
RETURNING id, name, most, wrapped, expires_at, size, media_type, digest, scanned
"""
ONE: Final = """
SELECT id, name, most, wrapped, expires_at, size, media_type, digest, scanned
  FROM desk.uploads WHERE id = %(id)s AND owner = %(owner)s AND expires_at > now()
"""
PARTS: Final = """
SELECT number, object, size FROM desk.upload_parts WHERE upload = %(id)s ORDER BY number
"""
# The row is held, so that two parts that come at once are added up.
HOLD: Final = "SELECT size FROM desk.uploads WHERE id = %(id)s AND expires_at > now() FOR UPDATE"
OTHERS: Final = """
SELECT coalesce(sum(size), 0) FROM desk.upload_parts WHERE upload = %(id)s AND number <> %(number)s
"""
REPLACED: Final = """
SELECT object FROM desk.upload_parts WHERE upload = %(id)s AND number = %(number)s
"""
PUT: Final = """
INSERT INTO desk.upload_parts (upload, number, object, size)
VALUES (%(id)s, %(number)s, %(object)s, %(size)s)
    ON CONFLICT (upload, number) DO UPDATE SET (object, size) = (%(object)s, %(size)s)
"""
PROLONG: Final = """
UPDATE desk.uploads SET expires_at = now() + interval '24 hours' WHERE id = %(id)s
"""
COMPLETE: Final = """
UPDATE desk.uploads
   SET (size, media_type, digest, scanned) = (%(size)s, %(media_type)s, %(digest)s, %(scanned)s)
 WHERE id = %(id)s
RETURNING id, name, most, wrapped, expires_at, size, media_type, digest, scanned
"""
FORGET_PARTS: Final = "DELETE FROM desk.upload_parts WHERE upload = ANY(%(ids)s) RETURNING object"
FORGET: Final = "DELETE FROM desk.uploads WHERE id = ANY(%(ids)s)"
NAMED: Final = """
UPDATE desk.uploads SET streams = array_append(streams, %(stream)s)
 WHERE id = ANY(%(ids)s) AND owner = ANY(%(owners)s) AND size IS NOT NULL AND expires_at > now()
RETURNING id, owner, name, size, media_type, digest, scanned, wrapped
"""
EXPIRED: Final = """
SELECT u.id, array(SELECT p.object FROM desk.upload_parts p WHERE p.upload = u.id), u.streams
  FROM desk.uploads u WHERE u.expires_at <= now() ORDER BY u.expires_at LIMIT 100
"""


class UploadNotThere(Exception):
    """There is no such upload of yours: it has expired, or is attached."""


class UploadComplete(Exception):
    """The upload is complete, and takes no more parts."""


class FileTooLarge(Exception):
    """A file has at most 35 MB, and a recording 200 MB."""


class TooManyUploads(Exception):
    """100 uploads of yours wait already: attach or remove some."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has arrived, by its number, and the object that has it."""

    number: int
    object: str
    size: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """An upload. `most` bytes are taken; `size` and what follows is None until it is complete."""

    id: UUID
    name: str
    most: int
    wrapped: bytes
    expires_at: datetime
    size: int | None
    media_type: str | None
    digest: str | None
    scanned: bool | None
    parts: list[Part] = field(default_factory=list)


async def begun(conn: Reading, **upload: Any) -> Waiting:  # noqa: ANN401  its columns
    """A new upload.

    Raises:
        TooManyUploads: somebody begins and never ends.
    """
    cursor = conn.cursor(row_factory=class_row(Waiting))
    await cursor.execute(BEGIN, {**upload, "most_waiting": MOST_WAITING})
    if (found := await cursor.fetchone()) is None:
        raise TooManyUploads
    return found


async def one(conn: Reading, owner: str, id_: UUID) -> Waiting:
    """An upload of this person, with the parts that have arrived.

    Raises:
        UploadNotThere: there is none.
    """
    cursor = conn.cursor(row_factory=class_row(Waiting))
    found = await (await cursor.execute(ONE, {"id": id_, "owner": owner})).fetchone()
    if found is None:
        raise UploadNotThere
    parts = conn.cursor(row_factory=class_row(Part))
    found.parts.extend(await (await parts.execute(PARTS, {"id": id_})).fetchall())
    return found


async def placed(conn: Reading, waiting: Waiting, part: Part) -> list[str]:
    """Records a part; the object of the one whose place it takes.

    Raises:
        UploadNotThere, UploadComplete, FileTooLarge: nothing is recorded.
    """
    asked = {"id": waiting.id, "number": part.number}
    async with conn.transaction():
        held = await (await conn.execute(HOLD, asked)).fetchone()
        if held is None:
            raise UploadNotThere
        if held[0] is not None:
            raise UploadComplete
        others = await (await conn.execute(OTHERS, asked)).fetchone()
        if others and others[0] + part.size > waiting.most:
            raise FileTooLarge
        replaced = await (await conn.execute(REPLACED, asked)).fetchall()
        await conn.execute(PUT, {**asked, "object": part.object, "size": part.size})
        await conn.execute(PROLONG, asked)
    return [name for (name,) in replaced]


async def completed(conn: Reading, id_: UUID, **found: object) -> tuple[Waiting, list[str]]:
    """Records what the file is; the objects of its parts, which nobody needs any more.

    Raises:
        UploadNotThere: it was removed meanwhile.
    """
    async with conn.transaction():
        cursor = conn.cursor(row_factory=class_row(Waiting))
        whole = await (await cursor.execute(COMPLETE, {"id": id_, **found})).fetchone()
        if whole is None:
            raise UploadNotThere
        return whole, await _parts_forgotten(conn, [id_])


async def is_incomplete(conn: Reading, id_: UUID) -> bool:
    """Whether an upload is not complete, or not there any more."""
    held = await (await conn.execute(HOLD, {"id": id_})).fetchone()
    return held is None or held[0] is None


async def named(
    conn: Reading, ids: Collection[UUID], owners: Collection[str], stream: UUID
) -> Sequence[TupleRow]:
    """Those that are complete and somebody's own: id, owner and so on, as in `NAMED`.

    They keep the stream that is about to have them.
    """
    asked = {"ids": list(ids), "owners": list(owners), "stream": stream}
    return await (await conn.execute(NAMED, asked)).fetchall()


async def forgotten(conn: Reading, ids: Collection[UUID]) -> list[str]:
    """Forgets uploads, and with each its key; the objects of their parts."""
    async with conn.transaction():
        parts = await _parts_forgotten(conn, ids)
        await conn.execute(FORGET, {"ids": list(ids)})
    return parts


async def expired(conn: Reading) -> list[tuple[UUID, list[str], list[UUID]]]:
    """Uploads whose time is over: their parts, and the cases that commands wanted to attach to."""
    return await (await conn.execute(EXPIRED)).fetchall()


async def _parts_forgotten(conn: Reading, ids: Collection[UUID]) -> list[str]:
    rows = await (await conn.execute(FORGET_PARTS, {"ids": list(ids)})).fetchall()
    return [name for (name,) in rows]
