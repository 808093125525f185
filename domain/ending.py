"""How a case is escalated, resolved, closed and opened again, and how it is tied to others."""

from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.calendar import REMINDER_DAYS, REOPEN_DAYS, TIMER_DAYS, window_end
from domain.case import Details
from domain.conversation import resumed
from domain.permitted import Asked, oneself
from domain.terms import OtherCase
from domain.values import Ground, LinkKind, Resolution, Role, Window

_DETAILS: Final = tuple(f.name for f in fields(Details))


def escalated(asked: Asked, command: c.Escalate) -> e.Events:
    life = asked.case.life
    withdrawn: list[e.Event] = []
    if life.requested:
        withdrawn.append(e.CloseRequestWithdrawn())
    if life.proposed:
        withdrawn.append(e.ResolutionAnswered())
    escalated = e.Escalated(comment=command.comment, reason=command.reason)
    return [*withdrawn, *resumed(asked), escalated]


def resolved(asked: Asked, command: c.Resolve) -> e.Events:
    resolution = Resolution(
        type=command.type, root_cause=command.root_cause, summary=command.summary
    )
    return [e.Resolved(resolution=resolution, **_timer(asked))]


def close_requested(asked: Asked, command: c.RequestClose) -> e.Events:
    by, comment = command.resolved_by, command.comment
    return [e.CloseRequested(resolved_by=by, comment=comment, **_timer(asked)), *resumed(asked)]


def closed(asked: Asked, ground: Ground, reason: str | None) -> e.Closed:
    life = asked.case.life
    window = Window(until=_days_from(asked, REOPEN_DAYS), zone=asked.terms.account.zone)
    word = bool(life.requested or life.proposed)
    return e.Closed(ground=ground, customers_word=word, reason=reason, window=window)


def ground(asked: Asked, reason: str | None) -> Ground:
    life = asked.case.life
    if asked.by.role is Role.SYSTEM:
        due = life.requested.closes_at if life.requested else None
        on_request = due is not None and due <= asked.at
        return Ground.TIMER_ON_REQUEST if on_request else Ground.TIMER_ON_RESOLUTION
    if life.requested:
        return Ground.REQUESTED
    if life.proposed is None and reason is None:
        raise no.ReasonRequired
    return Ground.AGENT


def _timer(asked: Asked) -> dict[str, datetime]:
    return {
        "reminds_at": _days_from(asked, REMINDER_DAYS),
        "closes_at": _days_from(asked, TIMER_DAYS),
    }


def _days_from(asked: Asked, days: int) -> datetime:
    terms = asked.terms
    return window_end(asked.at, days, terms.calendar, terms.account.zone)


def still_there(asked: Asked) -> UUID | None:
    assignee, people = asked.case.assignee, asked.terms.people
    if isinstance(assignee, UUID) and assignee in people and people[assignee].can_have_cases:
        return assignee
    return None


def followed_up(asked: Asked, command: c.FollowUp) -> e.Events:
    case, terms, old = asked.case, asked.terms, asked.case.details
    assert terms.new_case is not None, "the runtime gives every follow-up an id and a number"
    new, number = terms.new_case
    contact = _contact_now(asked, command.contact)
    copied = {name: getattr(old, name) for name in _DETAILS} | {
        "contact": contact,
        "external_ids": {},
        "subject": command.subject or old.subject,
        "description": command.description,
    }
    created = e.Created(
        number=number,
        account=case.account,
        submitter=oneself(asked.by) or contact,
        severity=case.severity,
        team=case.team,
        follows=case.id,
        **copied,
    )
    both: list[e.Event | e.Elsewhere] = [
        e.FollowedUp(case=new, number=number),
        e.Elsewhere(new, created),
    ]
    if case.recipients or case.pending:
        kept = e.RecipientsChanged(recipients=case.recipients, pending=case.pending)
        both.append(e.Elsewhere(new, kept))
    return both


def _contact_now(asked: Asked, named: UUID | None) -> UUID:
    """Whoever is named, else the old contact, else whoever asks: never a dead end."""
    if named is not None:
        if asked.terms.person(named, "contact").account != asked.case.account:
            raise no.NotOfTheAccount(what="contact")
        return named
    contact = asked.case.details.contact
    found = asked.terms.people.get(contact)
    if found is not None and found.active and found.account == asked.case.account:
        return contact
    if (asking := oneself(asked.by)) is not None:
        return asking
    raise no.PersonInactive(what="contact")


def _other(asked: Asked) -> OtherCase:
    if asked.terms.other is None:
        raise no.OtherCaseUnknown
    if asked.terms.other.id == asked.case.id:
        raise no.SameCase
    return asked.terms.other


def merged(asked: Asked) -> e.Events:
    case, target = asked.case, _other(asked)
    if target.account != case.account:
        raise no.OtherAccount
    if not target.is_open:
        raise no.TargetClosed
    # The target records it too: two cases that are merged into each other at once meet there,
    # and one of the two merges is decided again.
    link = e.Linked(kind=LinkKind.MERGED_FROM, case=case.id, number=case.number)
    return [e.Merged(into=target.id, number=target.number), e.Elsewhere(target.id, link)]


def unmerged(asked: Asked) -> e.Events:
    merge = asked.case.merge
    assert merge is not None, "permitted has looked"
    untied = e.Unlinked(kind=LinkKind.MERGED_FROM, case=asked.case.id)
    return [e.Unmerged(source=merge.into), e.Elsewhere(merge.into, untied)]


def linked(asked: Asked, kind: LinkKind) -> e.Events:
    case, other = asked.case, _other(asked)
    if (kind, other.id) in case.links:
        return []
    internal = other.account != case.account
    there = e.Linked(kind=kind.inverse, case=case.id, number=case.number, internal=internal)
    return [
        e.Linked(kind=kind, case=other.id, number=other.number, internal=internal),
        e.Elsewhere(other.id, there),
    ]


def unlinked(asked: Asked, kind: LinkKind) -> e.Events:
    case, other = asked.case, _other(asked)
    if kind not in c.LINKABLE or (kind, other.id) not in case.links:
        return []
    internal = other.account != case.account
    there = e.Unlinked(kind=kind.inverse, case=case.id, internal=internal)
    return [e.Unlinked(kind=kind, case=other.id, internal=internal), e.Elsewhere(other.id, there)]
