"""What can be read of one case over HTTP: its head, now and then, and its history."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Response

from api.auth import Scope
from api.bodies import Detail, Happened, happened
from api.deps import READING, Asking, By, case_id
from api.listed import MODELS
from api.lists import JSON
from api.showing import Showing
from domain.case import Case
from domain.configuration import Account, Person
from domain.errors import CaseUnknown
from domain.fold import case_of, evolve
from domain.recorded import Recorded
from domain.values import Instant
from projections import access, listing
from projections.cases import CaseRow, row_of
from projections.shown import other_case

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])


@router.get("/{case}", response_model=Detail, openapi_extra=READING)
async def read_case(
    case: str,
    by: By,
    at: Annotated[Instant | None, Query(description="As it was at this instant.")] = None,
    version: Annotated[
        int | None, Query(ge=1, lt=2**31, description="As it was at this version.")
    ] = None,
) -> Response:
    """A case as it is now, or as it was: `at` an instant, or at a version that one was shown."""
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    reference = case_id(by.given, case)
    now = at is None and version is None
    row = await (now_shown(reference, by) if now else _then(reference, by, at, version))
    if row is None:
        raise CaseUnknown
    shown = await (await Showing.to(by)).detail(row)
    headers = {"ETag": f'"{shown["version"]}"'}
    return Response(orjson.dumps(shown, option=orjson.OPT_UTC_Z), 200, headers, JSON)


@router.get("/{case}/events", openapi_extra=READING)
async def case_events(case: str, by: By) -> list[Happened]:
    """The history of a case, in order; what a viewer may not see is there as withheld."""
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    history = await by.given.store.history_for(case_id(by.given, case), by.by)
    found = case_of(history)
    if found is None:
        raise CaseUnknown
    others = await unseen(history, by)
    named = (await Showing.to(by)).names_assignee
    return [happened(r, found, by.by, others, names_assignee=named) for r in history]


async def unseen(history: Sequence[Recorded], by: Asking) -> Collection[UUID]:
    """Which of the cases that these events name do not exist for the viewer."""
    others = {other for recorded in history if (other := other_case(recorded.event))}
    if not others or not by.by.is_customer or by.by.sees_account:
        return ()  # whatever is public in a case of theirs is a case of the account
    async with by.given.reads.connection() as conn:
        return others - (await listing.among(conn, others, access.visible_to(by.by))).keys()


async def now_shown(case: UUID, by: Asking) -> CaseRow | None:
    async with by.given.reads.connection() as conn:
        return await listing.one(conn, case, access.visible_to(by.by))


async def _then(case: UUID, by: Asking, at: datetime | None, version: int | None) -> CaseRow | None:
    """What existed then as far as the viewer may see it now, under the names of now."""
    then: Case | None = None
    for recorded in await by.given.store.history_for(case, by.by):
        later = evolve(then, recorded)
        past = at is not None and recorded.at > at
        if past or (version is not None and later.version_for(by.by) > version):
            break
        then = later
    if then is None:
        return None
    people = [p for p in (then.account, then.details.contact, then.assignee) if isinstance(p, UUID)]
    found = await by.given.documents.all(people)
    named = {p: d.document for p, d in found.items()}
    names = {p: d.name for p, d in named.items() if isinstance(d, Account | Person)}
    return row_of(then, names)
