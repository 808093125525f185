"""What a list could be narrowed to, with how many cases each choice would leave."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.auth import Scope
from api.deps import By
from api.filters import Filtered, described, read, wanted_of
from api.listed import FINDING, MODELS
from api.searching import understood
from projections import access, facets

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

FACETS: Final = described(Filtered)


class Count(BaseModel):
    """So many cases have this; `key` null: so many have none."""

    key: str | None
    name: str | None
    count: int


class Facets(BaseModel):
    """By each field the choices and their counts, the most frequent first, 50 of each at most.

    A field's own filter does not narrow its counts. The last four are for the desk.
    """

    status: list[Count]
    application: list[Count]
    type: list[Count]
    severity: list[Count]
    account: list[Count] | None = None
    assignee: list[Count] | None = None
    team: list[Count] | None = None
    tag: list[Count] | None = None


@router.get("/facets", openapi_extra=FACETS)
async def case_facets(by: By, request: Request) -> Facets:
    """How many cases there are of each status, application, type … under the filters of a list."""
    by.needs(Scope.CASES_READ)
    asked, query = await understood(read(Filtered, request.scope["query_string"]), by)
    await by.reached(FINDING if query else MODELS)
    customer = by.by.is_customer
    wanted = [name for name in facets.FACETS if not customer or name in facets.FOR_CUSTOMERS]
    if not by.by.sees_internal and "tag" in wanted:
        wanted.remove("tag")
    async with by.looking(query) as conn:
        found = await facets.counted(
            conn, wanted, wanted_of(asked, by, query).conditions, access.visible_to(by.by)
        )
    return Facets.model_validate(found, from_attributes=True)
