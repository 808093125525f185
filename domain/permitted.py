"""Who may do what now: the one rule book for commands, for buttons and for the API's `allowed`.

Each line of `RULES` is a line of the table in the product's description: the command, who, from
which state. What depends on the words of a command (a field, a target, an own entry) is decided
after that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from domain import commands as c
from domain import errors as no
from domain.case import Case
from domain.sight import sees
from domain.terms import Terms
from domain.values import Actor, Role

RATING_CHANGES: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what, of which case, when."""

    case: Case
    by: Actor
    at: datetime
    terms: Terms


Who: TypeAlias = Callable[[Case, Actor], bool]
When: TypeAlias = Callable[[Asked], no.NotPermitted | None]


def oneself(by: Actor) -> UUID | None:
    """Who is meant where a customer names nobody."""
    person = by.person
    is_person = by.is_customer and by.role is not Role.SERVICE
    return person if is_person and isinstance(person, UUID) else None


def is_support_admin(by: Actor) -> bool:
    """Support admins, and who has the command line."""
    return by.role in {Role.SUPPORT_ADMIN, Role.OPERATOR}


def _desk(_case: Case, by: Actor) -> bool:
    return by.is_desk or by.role is Role.OPERATOR


def _customer(_case: Case, by: Actor) -> bool:
    return by.is_customer


def _both(case: Case, by: Actor) -> bool:
    return _customer(case, by) or _desk(case, by)


def _operator(_case: Case, by: Actor) -> bool:
    return by.role is Role.OPERATOR


def _support_admin(_case: Case, by: Actor) -> bool:
    return is_support_admin(by)


def _contact(case: Case, by: Actor) -> bool:
    return by.person == case.details.contact


def _desk_or_timer(case: Case, by: Actor) -> bool:
    return _desk(case, by) or by.role is Role.SYSTEM


def _open(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.life.closed is None else no.CaseClosed()


def _closed(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.life.closed else no.CaseOpen()


def _merged(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.merge else no.CaseNotMerged()


def _free(asked: Asked) -> no.NotPermitted | None:
    case = asked.case
    if case.assignee is None:
        return None
    return no.AssignedAlready(assignee=asked.terms.name_of(case.assignee), since=case.assigned_at)


def _assigned(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.assignee else no.NobodyAssigned()


def _calm(asked: Asked) -> no.NotPermitted | None:
    escalated = asked.case.life.escalated
    if escalated is None:
        return None
    return no.EscalatedAlready(by=asked.terms.name_of(escalated.by), since=escalated.at)


def _escalated(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.life.escalated else no.NotEscalated()


def _not_requested(asked: Asked) -> no.NotPermitted | None:
    requested = asked.case.life.requested
    return no.CloseRequestedAlready(since=requested.at) if requested else None


def _requested(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.life.requested else no.NoCloseRequested()


def _proposed(asked: Asked) -> no.NotPermitted | None:
    return None if asked.case.life.proposed else no.NoResolutionProposed()


def _proposed_by_another(asked: Asked) -> no.NotPermitted | None:
    proposed = asked.case.life.proposed
    if proposed and proposed.by in {asked.by.id, asked.by.person}:
        return no.RoleMayNot(role=asked.by.role, command="accept or reject an own resolution")
    return None


def _awaits(asked: Asked) -> no.NotPermitted | None:
    awaiting = asked.case.life.awaiting
    if awaiting is None:
        return no.NotAwaiting()
    due = awaiting.until is not None and asked.at >= awaiting.until
    return no.TimerNotDue() if asked.by.role is Role.SYSTEM and not due else None


def _timer_due(asked: Asked) -> no.NotPermitted | None:
    if asked.by.role is not Role.SYSTEM:
        return None
    life = asked.case.life
    if life.escalated or asked.case.is_critical:
        return no.TimerStopped()
    due = [w.closes_at for w in (life.requested, life.proposed) if w and w.closes_at]
    return None if any(at <= asked.at for at in due) else no.TimerNotDue()


def _within_window(asked: Asked) -> no.NotPermitted | None:
    closed = asked.case.life.closed
    if closed and asked.at >= closed.window.until:
        return no.ReopenWindowPassed(until=closed.window.until)
    return None


def _after_window(asked: Asked) -> no.NotPermitted | None:
    closed = asked.case.life.closed
    if closed and asked.at < closed.window.until:
        return no.ReopenWindowOpen(until=closed.window.until)
    return None


def _rating_open(asked: Asked) -> no.NotPermitted | None:
    rating = asked.case.rating
    if rating and asked.at >= rating.first_at + RATING_CHANGES:
        return no.RatingFixed(until=rating.first_at + RATING_CHANGES)
    return None


Rule: TypeAlias = tuple[Who, tuple[When, ...]]

RULES: Final[Mapping[type[c.Command], Rule]] = MappingProxyType({
    c.Take: (_desk, (_open, _free)),
    c.Assign: (_desk, (_open,)),
    c.Unassign: (_desk, (_open, _assigned)),
    c.Post: (_both, (_open,)),
    c.Comment: (_both, (_open,)),
    c.Note: (_desk, ()),
    c.MakeInternal: (_desk, ()),
    c.EditEntry: (_both, (_open,)),
    c.RemoveEntry: (_both, (_open,)),
    c.AddAttachment: (_both, (_open,)),
    c.RemoveAttachment: (_both, (_open,)),
    c.Await: (_desk, (_open,)),
    c.Resume: (_desk_or_timer, (_open, _awaits)),
    c.ChangeSeverity: (_desk, (_open,)),
    c.ChangeDetails: (_both, (_open,)),
    c.ChangeTags: (_desk, (_open,)),
    c.ChangeRecipients: (_both, (_open,)),
    c.Escalate: (_both, (_open, _calm)),
    c.Deescalate: (_desk, (_open, _escalated)),
    c.Resolve: (_desk, (_open,)),
    c.AcceptResolution: (_customer, (_open, _proposed, _proposed_by_another)),
    c.RejectResolution: (_customer, (_open, _proposed, _proposed_by_another)),
    c.RequestClose: (_customer, (_open, _not_requested)),
    c.WithdrawCloseRequest: (_customer, (_open, _requested)),
    c.DeclineCloseRequest: (_desk, (_open, _requested)),
    c.Close: (_desk_or_timer, (_open, _timer_due)),
    c.Reopen: (_both, (_closed, _within_window)),
    c.FollowUp: (_both, (_closed, _after_window)),
    c.Merge: (_desk, (_open,)),
    c.Unmerge: (_desk, (_merged,)),
    c.Link: (_desk, ()),
    c.Unlink: (_desk, ()),
    c.Rate: (_contact, (_closed, _rating_open)),
    c.Watch: (_both, ()),
    c.Unwatch: (_both, ()),
    c.Redact: (_support_admin, ()),
    c.Erase: (_operator, ()),
    c.Forget: (_operator, ()),
})  # fmt: skip

# The same, by who may: each question about a role is asked once for all of its commands.
_BY_WHO: Final[Mapping[Who, tuple[type[c.Command], ...]]] = {
    who: tuple(command for command, rule in RULES.items() if rule[0] is who)
    for who, _ in RULES.values()
}
WHILE_MERGED: Final = frozenset(
    {c.Unmerge, c.Watch, c.Unwatch, c.Note, c.Redact, c.Erase, c.Forget}
)


def permitted(
    case: Case | None, by: Actor, at: datetime, terms: Terms
) -> Mapping[type[c.Command], no.NotPermitted | None]:
    """Why each command would be refused by role or state; None where it would not.

    Without a case there is `Create` alone.
    """
    if case is None:
        return {c.Create: refusal(None, c.Create, by, at, terms)}
    if not sees(case, by.person, by):
        return dict.fromkeys(RULES, no.CaseUnknown())
    asked = Asked(case, by, at, terms)
    found: dict[type[c.Command], no.NotPermitted | None] = {}
    for who, commands in _BY_WHO.items():
        if who(case, by):
            found |= {command: _in_this_state(asked, command) for command in commands}
        else:
            found |= _none_of_these(who, by.role)
    return found


def refusal(
    case: Case | None, command: type[c.Command], by: Actor, at: datetime, terms: Terms
) -> no.NotPermitted | None:
    """Why this command would be refused by role or state; None when it would not."""
    if case is None:
        return _refuses_create(command, by)
    if command not in RULES or not sees(case, by.person, by):
        return no.CaseUnknown()
    who = RULES[command][0]
    if not who(case, by):
        return _not_theirs(command, by.role, who)
    return _in_this_state(Asked(case, by, at, terms), command)


def _in_this_state(asked: Asked, command: type[c.Command]) -> no.NotPermitted | None:
    case = asked.case
    if case.erased:
        return no.CaseErased()
    if case.merge and command not in WHILE_MERGED:
        return no.CaseMerged(target=case.merge.number)
    for when in RULES[command][1]:
        if refused := when(asked):
            return refused
    return None


def _refuses_create(command: type[c.Command], by: Actor) -> no.NotPermitted | None:
    if command is not c.Create:
        return no.CaseUnknown()
    if by.is_customer or by.is_desk or by.role is Role.OPERATOR:
        return None
    return no.RoleMayNot(role=by.role, command=command.verb())


@cache
def _none_of_these(who: Who, role: Role) -> Mapping[type[c.Command], no.NotPermitted]:
    return {command: _not_theirs(command, role, who) for command in _BY_WHO[who]}


def _not_theirs(command: type[c.Command], role: Role, who: Who) -> no.NotPermitted:
    kind = no.ContactOnly if who is _contact else no.RoleMayNot
    return kind(role=role, command=command.verb())
