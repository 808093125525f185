"""What the API answers with. A word of the catalogue is {key, name}; instants are UTC, RFC 3339."""

from collections.abc import Container
from datetime import datetime
from typing import Any, Final, TypeAlias, get_args
from uuid import UUID

import orjson
from pydantic import BaseModel

from domain.case import Case
from domain.commands import CaseCommand, Create, Erase, Forget
from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF
from domain.runtime.store import Outcome, Store
from domain.sight import is_hidden
from domain.values import Actor, Badge, Ground, LinkKind, Status
from projections.shown import data_of, is_assignment, service_of

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

    id: UUID | str | None
    name: str | None


class Summary(BaseModel):
    """A case in a list. What is for the desk is null for customers."""

    id: UUID
    number: str
    type: Word
    application: Word
    severity: Word
    account: UUID
    account_name: str | None
    subject: str
    status: Status
    badges: list[Badge]
    contact: Somebody
    team: Word | None
    assignee: Somebody | None
    customer_reference: str | None
    external_ids: dict[str, str]
    tags: list[str] | None
    """For the desk."""
    escalated_at: datetime | None
    awaiting_until: datetime | None
    created_at: datetime
    closed_at: datetime | None
    reopen_until: datetime | None
    modified_at: datetime
    version: int


class Tied(BaseModel):
    """A case that another one is tied to; those that one does not see are left out."""

    kind: LinkKind
    id: UUID
    number: str
    subject: str
    status: Status


class Detail(Summary):
    """A case with everything that its head shows."""

    description: str
    submitter: Somebody
    phone: str | None
    tech_profile: Word | None
    product_version: Word | None
    component: Word | None
    category: Word | None
    assigned_at: datetime | None
    escalated_by: Somebody | None
    closes_at: datetime | None
    resolution: dict[str, str] | None
    closed_on: Ground | None
    customers_word: bool | None
    merged_into: str | None
    links: list[Tied]
    rating: int | None
    recipients: list[str]
    pending_recipients: list[str]
    watchers: list[Somebody]
    watching: bool


class Changes(BaseModel):
    """Cases that changed, in the order of their last change.

    Send `next` as `after`; the page is complete up to the position `through` unless it is full.
    """

    cases: list[Detail]
    next: int
    through: int


class Happened(BaseModel):
    """An event. What the viewer may not see is withheld: the fields named, or all of it."""

    version: int
    withheld: bool | list[str] = False
    position: int | None = None
    type: str | None = None
    at: datetime | None = None
    by: Somebody | None = None
    via: UUID | None = None
    """The service account that acted on behalf of `by`."""
    internal: bool | None = None
    cause: str | None = None
    """For the desk: the id of the request that it came from."""
    data: dict[str, Any] | None = None


class DocumentThen(BaseModel):
    """A document as it was set once; erased words say so."""

    version: int
    position: int
    at: datetime
    by: Somebody
    document: dict[str, Any]


class Document(BaseModel):
    """A document of the configuration as it is in force."""

    id: UUID
    version: int
    position: int | None = None
    document: dict[str, Any]


async def answer(outcome: Outcome, by: Actor, store: Store) -> bytes:
    """What the caller of a command is told: an `Answer`, as JSON without a model in between."""
    case = outcome.case
    allowed = await store.allowed(outcome, by)
    return orjson.dumps(
        {
            "id": case.id,
            "number": case.number,
            "version": case.version_for(by),
            "position": outcome.position,
            "status": case.status,
            "badges": case.badges,
            "allowed": {PATHS[c]: why and why.said for c, why in allowed.items() if c in PATHS},
        }
    )


def happened(
    recorded: Recorded,
    case: Case | None,
    viewer: Actor,
    unseen: Container[UUID] = (),
    *,
    names_assignee: bool = True,
) -> Happened:
    """An event as this viewer is shown it, by what they may see now.

    `unseen` are cases that do not exist for the viewer: that there is a tie to one is told, and
    not to which. `names_assignee`: whether the viewer is told who of the desk has a case.
    """
    if not viewer.sees_internal and (case is None or is_hidden(case, recorded.event)):
        return Happened(version=recorded.version, withheld=True)
    nameless = not names_assignee and is_assignment(recorded.event)
    data, withheld = data_of(recorded, viewer, unseen, names_assignee=names_assignee)
    return Happened(
        version=recorded.version,
        withheld=withheld or False,
        position=recorded.position,
        type=NAME_OF[type(recorded.event)],
        at=recorded.at,
        by=Somebody(id=None if nameless else recorded.by.person, name=None),
        via=service_of(recorded.by),
        internal=recorded.event.is_internal if viewer.sees_internal else None,
        cause=recorded.cause.id if viewer.sees_internal else None,
        data=data,
    )
