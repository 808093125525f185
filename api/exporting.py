"""All cases of a list as a file: of CSV, or a case a line as JSON."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import IO, Annotated, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from api.auth import Scope
from api.deps import Asking, By
from api.filters import Filtered, FilterForTheDesk, described, read, wanted_of
from api.listed import FINDING, MODELS
from api.searching import understood
from api.showing import Showing
from projections import access, export
from projections.export import COLUMNS, SHOWN
from projections.listing import Wanted

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

TYPES: Final = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}
CHUNK: Final = 64 * 1024


class Exported(Filtered):
    """The file that is asked for."""

    format: Annotated[
        Literal["csv", "ndjson"], Field(description="CSV (RFC 4180), or JSON, a case a line.")
    ] = "csv"
    column: Annotated[
        tuple[Literal["all"] | str, ...],  # noqa: PYI051  `all` stands in the description
        Field(
            default=(),
            max_length=50,
            description=f"A column, or `all`; those of the list without it. Repeat it, in order: "
            f"{', '.join(COLUMNS)}.",
        ),
    ]


@router.get(
    "/export",
    openapi_extra=described(Exported),
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def export_cases(by: By, request: Request) -> StreamingResponse:
    """Exactly the cases that the list has under the same filters, all of them, as a file.

    `Rows` says how many cases are in it, and `Position` up to where it tells. Times are UTC. In CSV
    a cell that a spreadsheet would take for a formula begins with an apostrophe. What is sorted by
    relevance in the list is sorted by its last change here.
    """
    by.needs(Scope.CASES_READ)
    asked, query = await understood(read(Exported, request.scope["query_string"]), by)
    models = FINDING if query else MODELS
    await by.reached(models)
    columns = await _columns(asked, by)
    wanted = wanted_of(asked, by, query)
    file, written = await _written(asked, wanted, columns, models, by)
    named = (
        f"casebook-{datetime.now(UTC):%Y-%m-%d}-{written.rows}-cases-at-{written.position}"
        f".{asked.format}"
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{named}"',
        "Content-Length": str(file.seek(0, 2)),
        "Rows": str(written.rows),
        "Position": str(written.position),
    }
    return StreamingResponse(_sent(file), 200, headers, TYPES[asked.format])


async def _written(
    asked: Exported, wanted: Wanted, columns: tuple[str, ...], models: tuple[str, ...], by: Asking
) -> tuple[IO[bytes], export.Written]:
    """A file without a name, complete before the first byte of it is sent.

    So no transaction waits for a slow reader.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed when it was sent
    seen, url = access.visible_to(by.by), by.given.reads_url
    try:
        written = await asyncio.to_thread(
            export.write, file, url, wanted, seen, columns, asked.format, models
        )
    except BaseException:
        file.close()
        raise
    return file, written


async def _columns(asked: Exported, by: Asking) -> tuple[str, ...]:
    """The columns that this viewer may have of those asked for."""
    publicly = not by.by.sees_internal
    there = [name for name in COLUMNS if export.allowed(name, publicly=publicly)]
    if not (await Showing.to(by)).names_assignee:
        there.remove("assignee")
    if "all" in asked.column:
        return tuple(there)
    for name in asked.column:
        if name not in there:
            raise FilterForTheDesk(name) if name in COLUMNS else ColumnUnknown
    return tuple(dict.fromkeys(asked.column)) or SHOWN


class ColumnUnknown(Exception):
    """There is no such column; the description of the operation names those that there are."""


async def _sent(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk
