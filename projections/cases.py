"""What does a list of cases show, and what the head of one?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from domain.case import Case
from domain.values import Severity, Status, Word
from projections.page import Page

NAME: Final = "cases"
_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}
_STATUS_RANKS: Final = {status: rank for rank, status in enumerate(Status)}
_NOBODY: Final[Mapping[UUID, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a list shows of a case; each field is a column of `read.cases`.

    A word of the catalogue is {key, name}.
    """

    id: UUID
    number: str
    account: UUID
    account_name: str | None
    contact: UUID
    contact_name: str | None
    subject: str
    application: str
    application_name: str
    type: dict[str, str]
    severity: str
    severity_name: str
    team: dict[str, str] | None
    assignee: UUID | None
    assignee_name: str | None
    status: str
    badges: list[str]
    escalated_at: datetime | None
    awaiting_until: datetime | None
    closed_at: datetime | None
    reopen_until: datetime | None
    customer_reference: str | None
    external_ids: dict[str, str]
    tags: list[str]
    created_at: datetime
    version: int
    modified_at: datetime
    public_version: int
    public_modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow(Line):
    """A whole row of `read.cases`."""

    submitter: UUID
    phone: str | None
    description: str
    tech_profile: dict[str, str] | None
    product_version: dict[str, str] | None
    component: dict[str, str] | None
    category: dict[str, str] | None
    severity_rank: int
    assigned_at: datetime | None
    status_rank: int
    escalated_by: str | None
    awaiting: str | None
    closes_at: datetime | None
    resolution: dict[str, str] | None
    closed_on: str | None
    customers_word: bool | None
    merged_into: str | None
    rating: int | None
    links: list[dict[str, str]]
    watchers: list[UUID]
    recipients: list[str]
    pending: list[str]
    erased: bool
    # In the log, and so no part of what a case is.
    position: int = field(compare=False, default=0)
    public_position: int | None = field(compare=False, default=None)


_COLUMNS: Final = tuple(column.name for column in fields(CaseRow))
_NAMES: Final = SQL(", ").join(map(Identifier, _COLUMNS))

FILL: Final = SQL("""
INSERT INTO cases ({names})
SELECT {names} FROM jsonb_populate_recordset(NULL::cases, %(rows)s::jsonb)
""").format(names=_NAMES)
WRITE: Final = FILL + SQL("ON CONFLICT (id) DO UPDATE SET ({names}) = ROW ({new})").format(
    names=_NAMES,
    # A page without a public event of a case does not tell when there was the last one.
    new=SQL(", ").join(
        SQL("coalesce(excluded.public_position, cases.public_position)")
        if name == "public_position"
        else Identifier("excluded", name)
        for name in _COLUMNS
    ),
)
RENAME: Final = tuple(
    SQL("""
UPDATE cases c SET {name} = r.value FROM jsonb_each_text(%(names)s::jsonb) r
 WHERE c.{id} = r.key::uuid AND c.{name} IS DISTINCT FROM r.value
""").format(id=Identifier(id_), name=Identifier(f"{id_}_name"))
    for id_ in ("account", "contact", "assignee")
)


def columns(of: type[Line]) -> Composed:
    """The columns of `read.cases c` that a class of rows has, in its order."""
    return SQL(", ").join(Identifier("c", column.name) for column in fields(of))


READ: Final = SQL("SELECT {} FROM read.cases c WHERE ").format(columns(CaseRow))


def apply(conn: Connection[TupleRow], page: Page) -> None:
    """Writes the cases of the page as they are after it, and new names into all others."""
    if page.renamed and not page.is_whole:
        names = orjson.dumps({str(id_): name for id_, name in page.renamed.items()}).decode()
        for statement in RENAME:
            conn.execute(statement, {"names": names})
    if page.cases:
        statement = FILL if page.is_whole else WRITE
        conn.execute(statement, {"rows": orjson.dumps(_rows(page)).decode()})


def _rows(page: Page) -> list[CaseRow]:
    cases = page.cases.values()
    people = {p for c in cases for p in (c.account, c.details.contact, c.assignee)}
    names = page.names(person for person in people if isinstance(person, UUID))
    return [
        row_of(case, names, page.positions[case.id], page.public_positions.get(case.id))
        for case in cases
    ]


def row_of(
    case: Case,
    names: Mapping[UUID, str] = _NOBODY,
    position: int = 0,
    public_position: int | None = None,
) -> CaseRow:
    """The row of a case: what its history says, with the names that people have now."""
    assignee = case.assignee if isinstance(case.assignee, UUID) else None
    details, life = case.details, case.life
    closed, proposed = life.closed, life.closed or life.proposed
    resolution = proposed.resolution if proposed else None
    due = [w.closes_at for w in (life.requested, life.proposed) if w and w.closes_at]
    return CaseRow(
        id=case.id,
        number=case.number,
        account=case.account,
        account_name=names.get(case.account),
        contact=details.contact,
        contact_name=names.get(details.contact),
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
        assignee=assignee,
        assignee_name=names.get(assignee) if assignee else None,
        assigned_at=case.assigned_at,
        status=case.status,
        status_rank=_STATUS_RANKS[case.status],
        badges=list(case.badges),
        escalated_at=life.escalated.at if life.escalated else None,
        escalated_by=str(life.escalated.by) if life.escalated else None,
        awaiting=life.awaiting.awaited if life.awaiting else None,
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
        links=[{"kind": kind, "case": str(other)} for kind, other in sorted(case.links)],
        watchers=sorted(case.watchers),
        recipients=list(case.recipients),
        pending=list(case.pending),
        erased=case.erased,
        created_at=case.created_at,
        version=case.version,
        modified_at=case.modified_at,
        public_version=case.public_version,
        public_modified_at=case.public_modified_at,
        position=position,
        public_position=public_position,
    )


def _word(word: Word | None) -> dict[str, str] | None:
    return {"key": word.key, "name": word.name} if word else None
