"""What a viewer is shown of cases, their people and their ties."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.deps import Asking
from domain.configuration import Account, Person
from domain.runtime.documents import InForce
from projections import access, listing
from projections.cases import CaseRow, Line


@dataclass(frozen=True, slots=True)
class Showing:
    """One viewer's eyes. A word of the catalogue is {key, name}; a person {id, name}."""

    by: Asking
    internal: bool
    """Whether what is internal exists for them."""
    names_assignee: bool

    @classmethod
    async def to(cls, by: Asking) -> "Showing":
        """How cases are shown to whoever asks."""
        named = True
        if by.by.is_customer and by.by.account:
            found = await by.given.documents.one(by.by.account, Account)
            named = found is None or found[0].shows_assignee
        return cls(by, by.by.sees_internal, named)

    def line(self, row: Line) -> dict[str, Any]:
        """A case in a list."""
        internal = self.internal
        return {
            "id": row.id,
            "number": row.number,
            "type": row.type,
            "application": {"key": row.application, "name": row.application_name},
            "severity": {"key": row.severity, "name": row.severity_name},
            "account": row.account,
            "account_name": row.account_name,
            "subject": row.subject,
            "status": row.status,
            "badges": row.badges,
            "contact": {"id": row.contact, "name": row.contact_name},
            "team": row.team,
            "assignee": self._assignee(row),
            "customer_reference": row.customer_reference,
            "external_ids": row.external_ids,
            "tags": row.tags if internal else None,
            "escalated_at": row.escalated_at,
            "awaiting_until": row.awaiting_until,
            "created_at": row.created_at,
            "closed_at": row.closed_at,
            "reopen_until": row.reopen_until,
            "modified_at": row.modified_at if internal else row.public_modified_at,
            "version": row.version if internal else row.public_version,
        }

    async def detail(self, row: CaseRow) -> dict[str, Any]:
        """A case with everything that its head shows."""
        return (await self.details([row]))[0]

    async def details(self, rows: Sequence[CaseRow]) -> list[dict[str, Any]]:
        """Cases with everything that their heads show."""
        people = {
            p for row in rows for p in (row.submitter, _uuid(row.escalated_by), *row.watchers)
        }
        found = await self.by.given.documents.all(p for p in people if p)
        ties = {UUID(link["case"]) for row in rows for link in row.links}
        others: Mapping[UUID, Line] = {}
        if ties:
            async with self.by.given.reads.connection() as conn:
                others = await listing.among(conn, ties, access.visible_to(self.by.by))
        return [self._detail(row, found, others) for row in rows]

    def _detail(
        self, row: CaseRow, found: Mapping[UUID, InForce], others: Mapping[UUID, Line]
    ) -> dict[str, Any]:
        return {
            **self.line(row),
            "description": row.description,
            "submitter": _somebody(row.submitter, found),
            "phone": row.phone,
            "tech_profile": row.tech_profile,
            "product_version": row.product_version,
            "component": row.component,
            "category": row.category,
            "assigned_at": row.assigned_at,
            "escalated_by": self._by_whom(row.escalated_by, found),
            "closes_at": row.closes_at,
            "resolution": row.resolution,
            "closed_on": row.closed_on,
            "customers_word": row.customers_word,
            "merged_into": row.merged_into,
            "links": _ties(row, others),
            "rating": row.rating,
            "recipients": row.recipients,
            "pending_recipients": row.pending,
            "watchers": self._watchers(row.watchers, found),
            "watching": self.by.by.person in row.watchers,
        }

    def _assignee(self, row: Line) -> dict[str, Any] | None:
        if row.assignee is None:
            return None
        if self.names_assignee:
            return {"id": row.assignee, "name": row.assignee_name}
        return {"id": None, "name": None}

    def _by_whom(self, person: str | None, found: Mapping[UUID, InForce]) -> dict[str, Any] | None:
        return _somebody(_uuid(person) or person, found) if person else None

    def _watchers(
        self, watchers: Collection[UUID], found: Mapping[UUID, InForce]
    ) -> list[dict[str, Any]]:
        """For customers those of their account: of the desk's people they are told nothing."""
        customer, account = self.by.by.is_customer, self.by.by.account
        return [
            _somebody(watcher, found)
            for watcher in watchers
            if not customer or _account(watcher, found) == account
        ]


def _ties(row: CaseRow, others: Mapping[UUID, Line]) -> list[dict[str, Any]]:
    """The cases that this one is tied to, as far as they exist for the viewer."""
    return [
        {
            "kind": link["kind"],
            "id": other.id,
            "number": other.number,
            "subject": other.subject,
            "status": other.status,
        }
        for link in row.links
        if (other := others.get(UUID(link["case"])))
    ]


def _somebody(person: UUID | str, found: Mapping[UUID, InForce]) -> dict[str, Any]:
    document = found[person].document if isinstance(person, UUID) and person in found else None
    return {"id": person, "name": document.name if isinstance(document, Person) else None}


def _account(person: UUID, found: Mapping[UUID, InForce]) -> UUID | None:
    document = found[person].document if person in found else None
    return document.account if isinstance(document, Person) else None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
