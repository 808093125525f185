"""Files over HTTP, on their way into a case: sent at once, or in parts that may be sent again."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from api.auth import Scope
from api.deps import SECURITY, Asking, By
from api.strict import StrictRoute
from domain.runtime.uploads import MOST_PARTS, Uploads
from domain.runtime.waiting import Waiting
from domain.values import FileName, Value

router = APIRouter(prefix="/api/v1/uploads", tags=["files"], route_class=StrictRoute)

BYTES: Final[dict[str, Any]] = {
    **SECURITY,
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
}


class NewUpload(Value):
    """A file that is going to be sent in parts."""

    name: FileName
    recording: Annotated[bool, Field(description="Up to 200 MB; else 35 MB.")] = False


class Completion(Value):
    """All parts were sent. `digest`: the SHA-256 of the whole file in hex, to be compared."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


class UploadPart(BaseModel):
    """A part that has arrived, and its size in bytes."""

    number: int
    size: int


class Upload(BaseModel):
    """A file that waits to be attached; what is not known before it is complete is null.

    `media_type` is what its bytes are, whatever its name says. `scanned`: a scanner has found
    nothing in it; false: nobody has looked.
    """

    id: UUID
    name: str
    complete: bool
    size: int | None
    most: int
    """Bytes that it may have."""
    media_type: str | None
    digest: str | None
    scanned: bool | None
    parts: list[UploadPart]
    expires_at: datetime


@router.post("", status_code=201, openapi_extra=SECURITY)
async def begin_upload(new: NewUpload, by: By) -> Upload:
    """Begins a file that is sent in parts; it is forgotten a day after the last one.

    Attach it by naming its id in `attachments` of a command.
    """
    uploads, owner = _of(by)
    return _shown(await uploads.begin(owner, new.name, recording=new.recording))


@router.post("/file", status_code=201, openapi_extra=BYTES)
async def upload_file(
    by: By,
    request: Request,
    name: Annotated[FileName, Query(description="Its name.")],
    recording: Annotated[bool, Query(description="Up to 200 MB; else 35 MB.")] = False,  # noqa: FBT002  as the address has it
) -> Upload:
    """Takes a whole file at once: the body is its bytes, as they are."""
    uploads, owner = _of(by)
    begun = await uploads.begin(owner, name, recording=recording)
    return _shown(await uploads.take(owner, begun.id, _body(request)))


@router.get("/{upload}", openapi_extra=SECURITY)
async def read_upload(upload: UUID, by: By) -> Upload:
    """An upload of one's own, with the parts that have arrived: so one knows where to go on."""
    uploads, owner = _of(by)
    return _shown(await uploads.one(owner, upload))


@router.put("/{upload}/parts/{number}", openapi_extra=BYTES)
async def put_part(
    upload: UUID,
    number: Annotated[int, Path(ge=1, le=MOST_PARTS)],
    by: By,
    request: Request,
) -> UploadPart:
    """Takes a part of any size, in any order; sent again, it takes the place of the one before."""
    uploads, owner = _of(by)
    part = await uploads.put(owner, upload, number, _body(request))
    return UploadPart(number=part.number, size=part.size)


@router.post("/{upload}/complete", openapi_extra=SECURITY)
async def complete_upload(upload: UUID, completion: Completion, by: By) -> Upload:
    """Joins the parts in the order of their numbers; a second time changes nothing."""
    uploads, owner = _of(by)
    return _shown(await uploads.complete(owner, upload, completion.digest))


@router.delete("/{upload}", status_code=204, openapi_extra=SECURITY)
async def remove_upload(upload: UUID, by: By) -> None:
    """Forgets an upload: no byte of it is left."""
    uploads, owner = _of(by)
    await uploads.remove(owner, upload)


def _of(by: Asking) -> tuple[Uploads, str]:
    by.needs(Scope.CASES_WRITE)
    return by.given.store.lookup.uploads, str(by.by.person)


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for some in request.stream():
        if some:
            yield some


def _shown(found: Waiting) -> Upload:
    return Upload(
        id=found.id,
        name=found.name,
        complete=found.size is not None,
        size=found.size,
        most=found.most,
        media_type=found.media_type,
        digest=found.digest,
        scanned=found.scanned,
        parts=[UploadPart(number=part.number, size=part.size) for part in found.parts],
        expires_at=found.expires_at,
    )
