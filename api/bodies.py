"""What the API answers with. A word of the catalogue is {key, name}; instants are UTC, RFC 3339."""

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias, get_args
from uuid import UUID

import orjson
from pydantic import BaseModel

from api.deps import Asking
from domain.case import Case
from domain.commands import CaseCommand, Create, Erase, Forget
from domain.configuration import Account, Person
from domain.events import Created, Event, FollowedUp, Linked, Unlinked, desk_fields
from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF
from domain.runtime.documents import InForce
from domain.runtime.store import Outcome
from domain.sight import is_hidden
from domain.values import Actor, Erased
from projections.cases import CaseRow

Word: TypeAlias = dict[str, str]

AT_THE_COMMAND_LINE: Final = frozenset({Erase, Forget})
PATHS: Final = {
    command: command.path()
    for command in get_args(CaseCommand)
    if command not in {Create, *AT_THE_COMMAND_LINE}
}
"""The commands on a case that the API has, and each one's last part of the path."""


class Answer(BaseModel):
    """What a command came to: the case right after it.

    `position` is where in the log; send it as `At-Least` to read what was written.
    """

    id: UUID
    number: str
    version: int
    position: int
    status: str
    badges: list[str]
    allowed: dict[str, str | None]


class Somebody(BaseModel):
    """A person, as far as they may be named."""

    id: UUID | str
    name: str | None


class Summary(BaseModel):
    """A case in a list."""

    id: UUID
    number: str
    type: Word
    application: Word
    severity: Word
    account: UUID
    account_name: str | None
    subject: str
    status: str
    badges: list[str]
    contact: Somebody
    created_at: datetime
    modified_at: datetime
    version: int


class Listed(BaseModel):
    """A page of cases, the last changed first; `next` is the cursor of the page after it."""

    cases: list[Summary]
    total: int
    total_is_exact: bool
    next: str | None


class Detail(Summary):
    """A case with everything that its head shows."""

    description: str
    submitter: Somebody
    phone: str | None
    tech_profile: Word | None
    product_version: Word | None
    component: Word | None
    category: Word | None
    team: Word | None
    assignee: Somebody | None
    assigned_at: datetime | None
    escalated_at: datetime | None
    escalated_by: Somebody | None
    awaiting_until: datetime | None
    closes_at: datetime | None
    resolution: dict[str, str] | None
    closed_at: datetime | None
    closed_on: str | None
    reopen_until: datetime | None
    merged_into: str | None
    rating: int | None
    customer_reference: str | None
    external_ids: dict[str, str]
    recipients: list[str]
    pending_recipients: list[str]
    tags: list[str] | None
    """For the desk; None for customers."""


class Happened(BaseModel):
    """An event. What the viewer may not see is withheld: the fields named, or all of it."""

    version: int
    withheld: bool | list[str] = False
    position: int | None = None
    type: str | None = None
    at: datetime | None = None
    by: Somebody | None = None
    internal: bool | None = None
    data: dict[str, Any] | None = None


class Document(BaseModel):
    """A document of the configuration as it is in force."""

    id: UUID
    version: int
    position: int | None = None
    document: dict[str, Any]


async def answer(outcome: Outcome, by: Asking) -> bytes:
    """What the caller of a command is told: an `Answer`, as JSON without a model in between."""
    case = outcome.case
    allowed = await by.given.store.allowed(outcome, by.by)
    return orjson.dumps(
        {
            "id": case.id,
            "number": case.number,
            "version": case.version_for(by.by),
            "position": outcome.position,
            "status": case.status,
            "badges": case.badges,
            "allowed": {PATHS[c]: why and why.said for c, why in allowed.items() if c in PATHS},
        }
    )


async def summary(row: CaseRow, by: Asking) -> Summary:
    """A row of the list as this viewer is shown it."""
    return Summary(**await _shown(row, by))


async def detail(row: CaseRow, by: Asking) -> Detail:
    """The head of a case as this viewer is shown it."""
    people = [row.submitter, row.assignee, _uuid(row.escalated_by)]
    found = await by.given.documents.all(person for person in people if person)

    def name(person: UUID | str | None) -> Somebody | None:
        return _somebody(person, found) if person else None

    same = {field: getattr(row, field) for field in Detail.model_fields if hasattr(row, field)}
    shown: dict[str, Any] = {
        **same,
        "submitter": name(row.submitter),
        "assignee": name(row.assignee),
        "escalated_by": name(_uuid(row.escalated_by) or row.escalated_by),
        "pending_recipients": row.pending,
        "tags": row.tags if by.by.sees_internal else None,
    }
    return Detail(**{**shown, **await _shown(row, by)})


async def _shown(row: CaseRow, by: Asking) -> dict[str, Any]:
    found = await by.given.documents.all([row.account, row.contact])
    account = found.get(row.account)
    publicly = not by.by.sees_internal
    return {
        "id": row.id,
        "number": row.number,
        "type": row.type,
        "application": {"key": row.application, "name": row.application_name},
        "severity": {"key": row.severity, "name": row.severity_name},
        "account": row.account,
        "account_name": account.document.name
        if account and isinstance(account.document, Account)
        else None,
        "subject": row.subject,
        "status": row.status,
        "badges": row.badges,
        "contact": _somebody(row.contact, found),
        "created_at": row.created_at,
        "modified_at": row.public_modified_at if publicly else row.modified_at,
        "version": row.public_version if publicly else row.version,
    }


def other_case(event: Event) -> UUID | None:
    """The case that an event ties its own case to."""
    match event:
        case Linked(case=other) | Unlinked(case=other) | FollowedUp(case=other):
            return other
        case Created(follows=other):
            return other
    return None


def happened(
    recorded: Recorded, case: Case | None, viewer: Actor, unseen: Container[UUID] = ()
) -> Happened:
    """An event as this viewer is shown it, by what they may see now.

    `unseen` are cases that do not exist for the viewer: that there is a tie to one is told, and
    not to which.
    """
    if not viewer.sees_internal and (case is None or is_hidden(case, recorded.event)):
        return Happened(version=recorded.version, withheld=True)
    data = _readable(recorded.event.model_dump(exclude_unset=recorded.event.partial))
    hidden = frozenset() if viewer.sees_internal else desk_fields(type(recorded.event))
    if other_case(recorded.event) in unseen:
        hidden |= {"follows"} if isinstance(recorded.event, Created) else {"case", "number"}
    withheld = sorted(hidden & data.keys())
    return Happened(
        version=recorded.version,
        withheld=withheld or False,
        position=recorded.position,
        type=NAME_OF[type(recorded.event)],
        at=recorded.at,
        by=Somebody(id=recorded.by.person, name=None),
        internal=recorded.event.is_internal if viewer.sees_internal else None,
        data={field: value for field, value in data.items() if field not in withheld},
    )


def _readable(value: Any) -> Any:  # noqa: ANN401  any JSON
    """Erased words say so, and since when."""
    if isinstance(value, Erased):
        return {"erased": value.reason, "at": value.when}
    if isinstance(value, dict):
        return {field: _readable(inner) for field, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    return value


def _somebody(person: UUID | str, found: Mapping[UUID, InForce]) -> Somebody:
    document = found[person].document if isinstance(person, UUID) and person in found else None
    return Somebody(id=person, name=document.name if isinstance(document, Person) else None)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
