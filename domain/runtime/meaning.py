"""What a foreign row makes happen here: no rule is asked, since it has happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID, uuid5

from domain import events as e
from domain.calendar import REOPEN_DAYS, Calendar, window_end
from domain.case import Case
from domain.configuration import Account, Catalogue, claim_stream
from domain.runtime.foreign import Row
from domain.runtime.mapping import (
    ForeignMapping,
    SaysAssigned,
    SaysAwaiting,
    SaysCloseRequested,
    SaysEscalated,
    SaysPlainly,
    SaysResolved,
    SaysSeverity,
)
from domain.values import MOST_WORDS, Actor, Ground, Resolution, Role, Window

_MOST_SUBJECT: Final = 255
# What only an open case can come to: the foreign system had opened it again without a word.
_NEEDS_OPEN: Final = frozenset({"assigned", "awaiting", "escalated", "resolved", "close-requested"})


@dataclass(frozen=True, slots=True)
class Setting:
    """What the rows of one file are read against; `people` are all that it names."""

    mapping: ForeignMapping
    account_id: UUID
    account: Account
    calendar: Calendar
    catalogue: Catalogue
    people: Mapping[str, Actor]
    versions: Mapping[str, int]

    def by(self, row: Row) -> Actor:
        """Who did it; the import itself where nobody is named."""
        if row.who:
            return self.people[row.who]
        return Actor(id=f"import:{self.mapping.source}", role=Role.SERVICE)

    def claim(self, case: str) -> UUID:
        """The stream that says for which case a foreign case's number stands."""
        return claim_stream(self.account_id, self.mapping.source, case)


def contact_of(row: Row, mapping: ForeignMapping) -> str:
    """The name of the contact of the case that begins with this row."""
    return row.named(mapping.contact.column) or mapping.contact.name


def created(row: Row, number: str, setting: Setting) -> e.Created:
    """The case that a row begins."""
    mapping = setting.mapping
    contact = _id(setting, contact_of(row, mapping))
    subject = " ".join(mapping.filled(mapping.subject, row.cells).split())[:_MOST_SUBJECT]
    description = mapping.filled(mapping.description, row.cells)[:MOST_WORDS]
    return e.Created(
        number=number,
        account=setting.account_id,
        contact=contact,
        submitter=contact,
        application=mapping.application.word,
        type=mapping.type.word,
        severity=setting.catalogue.severity(mapping.severity),
        external_ids={mapping.source: row.case},
        subject=subject or row.case,
        description=description or row.case,
    )


def meant(row: Row, case: Case, setting: Setting, command: UUID, at: datetime) -> list[e.Event]:
    """The events of a row: what it says, and before it what it says without a word."""
    says = setting.mapping.meaning(row.activity)
    before: list[e.Event] = []
    if case.life.closed and says.event in _NEEDS_OPEN:
        before.append(e.Reopened(comment=row.words, assignee=_assignee(case)))
    elif case.life.awaiting and says.resumes:
        before.append(e.Resumed(ground="resumed"))
    match says:
        case SaysAssigned(column=column, team=team):
            name = row.named(column) if column else row.who
            word = team.word if team else case.team
            event: e.Event = e.Assigned(assignee=_id(setting, name) if name else None, team=word)
        case SaysAwaiting(awaited=awaited):
            event = e.Awaiting(awaited=awaited, until=None, reason=row.text or None)
        case SaysSeverity(severity=severity):
            event = e.SeverityChanged(severity=setting.catalogue.severity(severity))
        case SaysEscalated(reason=reason):
            event = e.Escalated(comment=row.words, reason=reason)
        case SaysResolved():
            event = _resolved(row, says)
        case SaysCloseRequested(resolved_by=resolved_by):
            comment = row.text or None
            event = e.CloseRequested(
                resolved_by=resolved_by, comment=comment, reminds_at=None, closes_at=None
            )
        case SaysPlainly():
            event = _plainly(says, row, case, setting, command, at)
        case _:
            assert_never(says)
    return [*before, event]


def _plainly(
    says: SaysPlainly, row: Row, case: Case, setting: Setting, command: UUID, at: datetime
) -> e.Event:
    match says.event:
        case "posted" | "note":
            # Nothing that a customer says is internal.
            internal = says.event == "note" and not setting.by(row).is_customer
            return e.Posted(entry=uuid5(command, "entry"), text=row.words, internal=internal)
        case "unassigned":
            return e.Unassigned(reason=row.words)
        case "resumed":
            return e.Resumed(ground="resumed")
        case "deescalated":
            return e.Deescalated(justification=row.words, message=row.words)
        case "resolution-rejected":
            return e.ResolutionRejected(comment=row.words)
        case "resolution-answered":
            return e.ResolutionAnswered()
        case "close-request-withdrawn":
            return e.CloseRequestWithdrawn()
        case "close-request-declined":
            return e.CloseRequestDeclined(reason=row.words)
        case "closed":
            return _closed(row, case, setting, at)
        case "reopened":
            return e.Reopened(comment=row.words, assignee=_assignee(case))
        case _:
            assert_never(says.event)


def _resolved(row: Row, says: SaysResolved) -> e.Resolved:
    resolution = Resolution(type=says.type, root_cause=says.root_cause, summary=row.words)
    # No timer: it would close today what was left open years ago.
    return e.Resolved(resolution=resolution, reminds_at=None, closes_at=None)


def _closed(row: Row, case: Case, setting: Setting, at: datetime) -> e.Closed:
    life, zone = case.life, setting.account.zone
    until = window_end(at, REOPEN_DAYS, setting.calendar, zone)
    # Closed once more, nothing is taken back of how it was closed.
    asked = life.closed.customers_word if life.closed else bool(life.requested or life.proposed)
    return e.Closed(
        ground=Ground.AGENT,
        customers_word=asked,
        reason=row.text or None,
        window=Window(until=until, zone=zone, origin="import"),
    )


def _assignee(case: Case) -> UUID | None:
    return case.assignee if isinstance(case.assignee, UUID) else None


def _id(setting: Setting, name: str) -> UUID:
    person = setting.people[name].id
    assert isinstance(person, UUID), "the people of a file have ids"
    return person
