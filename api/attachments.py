"""The files of a case over HTTP: which there are, and their bytes, as harmless as they can be."""

import re
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.auth import Scope
from api.bodies import Somebody
from api.deps import READING, Asking, By, case_id
from api.listed import MODELS
from domain.case import Attachment as Known
from domain.configuration import Person
from domain.errors import CaseUnknown
from domain.events import AttachmentAdded
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.blobs import FileDamaged
from domain.runtime.sniffing import INLINE, KNOWN, UNKNOWN
from domain.runtime.uploads import file_of
from domain.values import Erased, Role

router = APIRouter(prefix="/api/v1/cases", tags=["files"])

# Whatever a file has in it, nothing of it runs, and nothing of it reaches us or anybody else.
SANDBOXED: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; "
    "frame-ancestors 'none'"
)
# A sandbox shows no PDF. Its viewer is a process of the browser's own, and the rest stays shut.
OF_PDF: Final = "default-src 'none'; object-src 'self'; plugin-types application/pdf"
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {UNKNOWN: {"schema": {"type": "string", "format": "binary"}}}},
    206: {
        "description": "The part that `Range` asks for.",
        "content": {
            UNKNOWN: {"schema": {"type": "string", "format": "binary"}, "example": "07:12"}
        },
    },
    304: {"description": "It is the one that `If-None-Match` names."},
}


class FileUnknown(Exception):
    """There is no such file in this case."""


class FileGone(Exception):
    """The file was redacted: it was destroyed for everybody."""


class RangeNotThere(Exception):
    """The file has no such part: it ends before."""


class Attachment(BaseModel):
    """A file of a case.

    `name` null: it was redacted. `media_type` is what its bytes are. `scanned` false: nobody has
    looked through it. `inline`: it may be shown where it is, by `?inline=true`.
    """

    id: UUID
    name: str | None
    size: int
    media_type: str
    at: datetime
    by: Somebody
    entry: UUID | None
    """The post or comment that it belongs to; null: the case itself."""
    internal: bool | None
    removed: bool
    """It was taken off; who audits still sees it."""
    scanned: bool
    inline: bool


class _File(NamedTuple):
    recorded: Recorded
    event: AttachmentAdded
    known: Known


@router.get("/{case}/attachments", openapi_extra=READING)
async def case_attachments(case: str, by: By) -> list[Attachment]:
    """The files of a case, the newest first."""
    files = await _files(case, by)
    people = {f.recorded.by.person for f in files if isinstance(f.recorded.by.person, UUID)}
    found = await by.given.documents.all(people)
    names = {p: d.document.name for p, d in found.items() if isinstance(d.document, Person)}
    return [_shown(file, names, by) for file in reversed(files)]


@router.get(
    "/{case}/attachments/{attachment}",
    openapi_extra=READING,
    response_class=StreamingResponse,
    responses=FILE,
)
async def case_attachment(
    case: str,
    attachment: UUID,
    by: By,
    request: Request,
    inline: Annotated[  # noqa: FBT002  a parameter of the address
        bool, Query(description="To be shown where it is, if its type allows that.")
    ] = False,
) -> Response:
    """The bytes of a file: all of them, or the one range that `Range` asks for."""
    file = next((f for f in await _files(case, by) if f.event.attachment == attachment), None)
    if file is None or file.event.key is None:
        raise FileUnknown
    if isinstance(file.event.key, Erased):
        raise FileGone
    headers = _headers(file.event, inline=inline)
    if request.headers.get("if-none-match") in {headers["ETag"], "*"}:
        return Response(None, 304, headers)
    begins, ends = _range(request, headers["ETag"], file.event.size)
    headers["Content-Length"] = str(ends - begins)
    status = 200
    if (begins, ends) != (0, file.event.size):
        status = 206
        headers["Content-Range"] = f"bytes {begins}-{ends - 1}/{file.event.size}"
    content = await _opened(file.event, by, begins, ends)
    return StreamingResponse(content, status, headers)


async def _files(case: str, by: Asking) -> list[_File]:
    """The files of a case that exist for whoever asks, the oldest first."""
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    history: Sequence[Recorded] = await by.given.store.history_for(case_id(by.given, case), by.by)
    now = case_of(history)
    if now is None:
        raise CaseUnknown
    return [
        _File(recorded, recorded.event, known)
        for recorded in history
        if isinstance(recorded.event, AttachmentAdded)
        for known in [now.attachments[recorded.event.attachment]]
        if (by.by.sees_internal or not known.internal)
        and (by.by.role is Role.AUDITOR or not known.removed)
    ]


def _shown(file: _File, names: dict[UUID, str], by: Asking) -> Attachment:
    event, person = file.event, file.recorded.by.person
    return Attachment(
        id=event.attachment,
        name=None if isinstance(event.name, Erased) else event.name,
        size=event.size,
        media_type=event.media_type,
        at=file.recorded.at,
        by=Somebody(id=person, name=names.get(person) if isinstance(person, UUID) else None),
        entry=event.entry,
        internal=file.known.internal if by.by.sees_internal else None,
        removed=file.known.removed,
        scanned=event.scanned,
        inline=event.media_type in INLINE,
    )


def _headers(event: AttachmentAdded, *, inline: bool) -> dict[str, str]:
    """What keeps a file from doing anything but being kept, or being looked at.

    Source: RFC 6266, 4 (the name for those who read only ASCII, and the name).
    """
    shown = INLINE.get(event.media_type) if inline else None
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", event.name)
    disposition = "inline" if shown else "attachment"
    return {
        "Content-Type": shown or (event.media_type if event.media_type in KNOWN else UNKNOWN),
        "Content-Disposition": f'{disposition}; filename="{plain}"; '
        f"filename*=UTF-8''{quote(event.name, safe='')}",
        "Content-Security-Policy": OF_PDF if shown == "application/pdf" else SANDBOXED,
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "ETag": f'"{event.attachment}"',
    }


def _range(request: Request, etag: str, size: int) -> tuple[int, int]:
    """From where, and up to but without where; all of it, where one range is not asked for.

    Raises:
        RangeNotThere: it begins behind the end.

    Source: RFC 9110, 14.1.2 and 13.1.5.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or asked[0] == "bytes=-" or request.headers.get("if-range", etag) != etag:
        return 0, size
    first, last = asked[1], asked[2]
    if not first:
        begins, ends = max(0, size - int(last)), size
    else:
        begins, ends = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < begins:
            return 0, size  # it is no range
    if begins >= size:
        raise RangeNotThere
    return begins, ends


async def _opened(
    event: AttachmentAdded, by: Asking, begins: int, ends: int
) -> AsyncIterator[bytes]:
    """The bytes, of which the first are there already: what is damaged is said, not cut off."""
    assert event.key is not None, "the caller has looked"
    blobs = by.given.store.lookup.uploads.blobs
    content = blobs.read(file_of(event.attachment), b64decode(event.key), event.size, begins, ends)
    try:
        first = await anext(content)
    except StopAsyncIteration:
        raise FileDamaged from None

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in content:
            yield piece

    return whole()
