"""Read models over HTTP: how they are, made anew, verified; for those who run the desk."""

from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import SECURITY, Asking, By
from api.strict import StrictRoute
from domain.errors import RoleMayNot
from domain.permitted import is_support_admin
from domain.values import Role, Value
from projections import operations
from projections.comparing import Difference
from projections.generation import TABLES
from projections.operations import Operation, ReadModel

router = APIRouter(prefix="/api/v1", tags=["read models"], route_class=StrictRoute)


class ReadModelUnknown(Exception):
    """There is no such read model; there are {known}."""

    def __init__(self) -> None:
        super().__init__((self.__doc__ or "").format(known=", ".join(TABLES)))


class OperationUnknown(Exception):
    """There is no such operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithDifferences(Operation):
    """An operation and what it found, up to 1,000 things.

    `live` and `replayed` are null where they would be people's words, and on the side that has no
    such row.
    """

    differences: list[Difference]


class Which(Value):
    """Which read models; all without it."""

    models: Annotated[tuple[str, ...], Field(max_length=50)] = ()


@router.get("/read-models", openapi_extra=SECURITY)
async def list_read_models(by: By) -> list[ReadModel]:
    """How the read models are."""
    _may_look(by)
    async with by.given.store.pool.connection() as conn:
        return await operations.models(conn)


@router.post("/read-models/rebuild", status_code=202, openapi_extra=SECURITY)
async def rebuild_read_models(asked: Which, by: By) -> Operation:
    """Make read models anew from the log while they are read, compare both, and switch.

    The answer comes at once; ask for the operation to see how far it is.
    """
    return await _ask(by, "rebuild", asked)


@router.post("/read-models/verify", status_code=202, openapi_extra=SECURITY)
async def verify_read_models(asked: Which, by: By) -> Operation:
    """Replay the log beside the read models and find every row that says something else."""
    return await _ask(by, "verify", asked)


@router.post("/read-models/drop-old", status_code=202, openapi_extra=SECURITY)
async def drop_old_read_models(by: By) -> Operation:
    """Drop what was read before the last rebuilds."""
    return await _ask(by, "drop-old", Which())


@router.get("/read-models/operations", openapi_extra=SECURITY)
async def list_operations(
    by: By, limit: Annotated[int, Query(ge=1, le=100, description="So many.")] = 25
) -> list[Operation]:
    """What was done to read models, also at a command line, the newest first."""
    _may_look(by)
    async with by.given.store.pool.connection() as conn:
        return await operations.listed(conn, limit)


@router.get("/read-models/operations/{operation}", openapi_extra=SECURITY)
async def read_operation(operation: UUID, by: By) -> WithDifferences:
    """How far an operation is, or what came of it."""
    _may_look(by)
    async with by.given.store.pool.connection() as conn:
        found = await operations.one(conn, operation)
        if found is None:
            raise OperationUnknown
        differences = await operations.found_by(conn, operation)
    return WithDifferences(**asdict(found), differences=differences)


def _may_look(by: Asking) -> None:
    by.needs_a_person()
    if not is_support_admin(by.by) and by.by.role is not Role.AUDITOR:
        raise RoleMayNot(role=by.by.role, command="look at read models")


async def _ask(by: Asking, kind: str, which: Which) -> Operation:
    by.needs_a_person()
    if not is_support_admin(by.by):
        raise RoleMayNot(role=by.by.role, command=f"{kind.replace('-', ' ')} read models")
    if any(name not in TABLES for name in which.models):
        raise ReadModelUnknown
    models = [name for name in TABLES if not which.models or name in which.models]
    async with by.given.store.pool.connection() as conn:
        return await operations.ask(conn, kind, models, str(by.by.person))
