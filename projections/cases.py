"""What does the list of cases show, and what the head of one?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Identifier

from domain.case import Case
from domain.values import Severity, Word
from projections.page import Page

NAME: Final = "cases"
MOST_COUNTED: Final = 10_000

_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case as it is shown; each field is a column of `read.cases`. A word is {key, name}."""

    id: UUID
    number: str
    account: UUID
    contact: UUID
    submitter: UUID
    phone: str | None
    subject: str
    description: str
    tech_profile: dict[str, str] | None
    application: str
    application_name: str
    product_version: dict[str, str] | None
    component: dict[str, str] | None
    type: dict[str, str]
    category: dict[str, str] | None
    severity: str
    severity_name: str
    severity_rank: int
    team: dict[str, str] | None
    assignee: UUID | None
    assigned_at: datetime | None
    status: str
    badges: list[str]
    escalated_at: datetime | None
    escalated_by: str | None
    awaiting_until: datetime | None
    closes_at: datetime | None
    resolution: dict[str, str] | None
    closed_at: datetime | None
    closed_on: str | None
    customers_word: bool | None
    reopen_until: datetime | None
    merged_into: str | None
    rating: int | None
    customer_reference: str | None
    external_ids: dict[str, str]
    tags: list[str]
    recipients: list[str]
    pending: list[str]
    erased: bool
    created_at: datetime
    version: int
    modified_at: datetime
    public_version: int
    public_modified_at: datetime


_COLUMNS: Final = tuple(field.name for field in fields(CaseRow))
_NAMES: Final = SQL(", ").join(map(Identifier, _COLUMNS))

WRITE: Final = SQL("""
INSERT INTO read.cases ({names})
SELECT {names} FROM jsonb_populate_recordset(NULL::read.cases, %(rows)s::jsonb)
    ON CONFLICT (id) DO UPDATE SET ({names}) = ROW ({new})
""").format(names=_NAMES, new=SQL(", ").join(Identifier("excluded", name) for name in _COLUMNS))
READ: Final = SQL("SELECT {} FROM read.cases c WHERE ").format(
    SQL(", ").join(Identifier("c", name) for name in _COLUMNS)
)
MENTIONING: Final = """
SELECT id FROM read.cases
 WHERE contact = %(person)s OR %(email)s::text = ANY(recipients) OR %(email)s::text = ANY(pending)
 ORDER BY id
"""
AMONG: Final = "SELECT c.id FROM read.cases c WHERE c.id = ANY(%(some)s) AND "
COUNT: Final = "SELECT count(*) FROM (SELECT FROM read.cases c WHERE "


def apply(conn: Connection[TupleRow], page: Page) -> None:
    """Writes the cases of the page as they are after it."""
    if page.cases:
        rows = [row_of(case) for case in page.cases.values()]
        conn.execute(WRITE, {"rows": orjson.dumps(rows).decode()})


def row_of(case: Case) -> CaseRow:
    """The row of a case: a function of its history alone."""
    details, life = case.details, case.life
    closed, proposed = life.closed, life.closed or life.proposed
    resolution = proposed.resolution if proposed else None
    due = [w.closes_at for w in (life.requested, life.proposed) if w and w.closes_at]
    return CaseRow(
        id=case.id,
        number=case.number,
        account=case.account,
        contact=details.contact,
        submitter=case.submitter,
        phone=details.phone,
        subject=details.subject,
        description=details.description,
        tech_profile=_word(details.tech_profile),
        application=details.application.key,
        application_name=details.application.name,
        product_version=_word(details.product_version),
        component=_word(details.component),
        type={"key": details.type.key, "name": details.type.name},
        category=_word(details.category),
        severity=case.severity.key,
        severity_name=case.severity.name,
        severity_rank=_RANKS[Severity(case.severity.key)],
        team=_word(case.team),
        assignee=case.assignee if isinstance(case.assignee, UUID) else None,
        assigned_at=case.assigned_at,
        status=case.status,
        badges=list(case.badges),
        escalated_at=life.escalated.at if life.escalated else None,
        escalated_by=str(life.escalated.by) if life.escalated else None,
        awaiting_until=life.awaiting.until if life.awaiting else None,
        closes_at=min(due, default=None),
        resolution=resolution.model_dump(mode="json") if resolution else None,
        closed_at=closed.at if closed else None,
        closed_on=closed.ground if closed else None,
        customers_word=closed.customers_word if closed else None,
        reopen_until=closed.window.until if closed else None,
        merged_into=case.merge.number if case.merge else None,
        rating=case.rating.score if case.rating else None,
        customer_reference=details.customer_reference,
        external_ids=dict(details.external_ids),
        tags=list(case.tags),
        recipients=list(case.recipients),
        pending=list(case.pending),
        erased=case.erased,
        created_at=case.created_at,
        version=case.version,
        modified_at=case.modified_at,
        public_version=case.public_version,
        public_modified_at=case.public_modified_at,
    )


def _word(word: Word | None) -> dict[str, str] | None:
    return {"key": word.key, "name": word.name} if word else None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cases are asked for: `status` is one that is shown, 'open' or 'all'."""

    status: str = "open"
    application: str | None = None
    severity: Severity | None = None


async def mentioning(
    conn: AsyncConnection[TupleRow], person: UUID, email: str | None
) -> list[UUID]:
    """The cases that keep a telephone number or an address of this person's."""
    cursor = await conn.execute(MENTIONING, {"person": person, "email": email})
    return [case for (case,) in await cursor.fetchall()]


async def one(
    conn: AsyncConnection[TupleRow], case: UUID, seen: tuple[LiteralString, Mapping[str, Any]]
) -> CaseRow | None:
    """The case, if it exists for the viewer whose condition `seen` is."""
    condition, values = seen
    async with conn.cursor(row_factory=class_row(CaseRow)) as cursor:
        statement = READ + SQL(condition) + SQL(" AND c.id = %(id)s")
        await cursor.execute(statement, {**values, "id": case})
        return await cursor.fetchone()


async def those_seen(
    conn: AsyncConnection[TupleRow],
    some: Collection[UUID],
    seen: tuple[LiteralString, Mapping[str, Any]],
) -> set[UUID]:
    """Which of some cases exist for the viewer whose condition `seen` is."""
    condition, values = seen
    statement = SQL(AMONG) + SQL(condition)
    cursor = await conn.execute(statement, {**values, "some": list(some)})
    return {case for (case,) in await cursor.fetchall()}


async def listed(
    conn: AsyncConnection[TupleRow],
    wanted: Filter,
    seen: tuple[LiteralString, Mapping[str, Any]],
    *,
    publicly: bool,
    after: tuple[datetime, UUID] | None = None,
    most: int = 25,
) -> list[CaseRow]:
    """The cases that changed last first; `after` is where the page before ended.

    `publicly`: by the last change that a customer may know of.
    """
    where, values = _where(wanted, seen)
    changed = "c.public_modified_at" if publicly else "c.modified_at"
    if after:
        where += " AND (" + changed + ", c.id) < (%(after_at)s, %(after_id)s)"
        values |= {"after_at": after[0], "after_id": after[1]}
    statement = READ + SQL(where) + SQL(" ORDER BY " + changed + " DESC, c.id DESC LIMIT %(most)s")
    async with conn.cursor(row_factory=class_row(CaseRow)) as cursor:
        await cursor.execute(statement, {**values, "most": most})
        return await cursor.fetchall()


async def counted(
    conn: AsyncConnection[TupleRow],
    wanted: Filter,
    seen: tuple[LiteralString, Mapping[str, Any]],
    *,
    exactly: bool,
) -> tuple[int, bool]:
    """How many cases there are, and whether that is all: else it is `MOST_COUNTED` and more."""
    where, values = _where(wanted, seen)
    limit = None if exactly else MOST_COUNTED + 1
    cursor = await conn.execute(
        SQL(COUNT) + SQL(where) + SQL(" LIMIT %(limit)s) counted"), {**values, "limit": limit}
    )
    row = await cursor.fetchone()
    count: int = row[0] if row else 0
    whole = exactly or count <= MOST_COUNTED
    return (count, True) if whole else (MOST_COUNTED, False)


def _where(
    wanted: Filter, seen: tuple[LiteralString, Mapping[str, Any]]
) -> tuple[LiteralString, dict[str, Any]]:
    condition, values = seen
    given = {
        "status": wanted.status,
        "application": wanted.application,
        "severity": wanted.severity,
    }
    where: LiteralString = condition
    if wanted.status == "open":
        where += " AND c.status <> 'Closed'"
    elif wanted.status != "all":
        where += " AND c.status = %(status)s"
    if wanted.application:
        where += " AND c.application = %(application)s"
    if wanted.severity:
        where += " AND c.severity = %(severity)s"
    return where, {**values, **given}
