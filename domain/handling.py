"""What is raised, and how it is handled: assignment, waiting, fields, recipients, watchers."""

from dataclasses import fields
from typing import Final, cast
from uuid import UUID

from domain import choices
from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.case import Case, Details
from domain.conversation import attached
from domain.permitted import Asked, oneself
from domain.sight import sees
from domain.terms import Terms
from domain.values import MOST_RECIPIENTS, MOST_TAGS, Actor, Status

_DETAILS: Final = tuple(f.name for f in fields(Details))
_CUSTOMERS_DETAILS: Final = frozenset({"customer_reference", "phone"})
_WHILE_UNASSIGNED: Final = frozenset({"subject", "description"})


def create(command: c.Create, by: Actor, terms: Terms) -> e.Events:
    if by.is_customer and command.account not in {None, by.account}:
        raise no.AccountUnknown
    if not terms.account.active:
        raise no.PersonInactive(what="account")
    contact = command.contact or oneself(by)
    if contact is None:
        raise no.FieldRequired(field="contact")
    given = command.__dict__  # a model is slow to go through
    asked = {name: of for name in _DETAILS if (of := given.get(name)) is not None}
    asked["contact"] = contact
    words = choices.details(asked, None, terms)
    if "application" not in words:
        raise no.FieldRequired(field="application")
    assert terms.new_case is not None, "the runtime gives every Create an id and a number"
    new, number = terms.new_case
    created = e.Created(
        number=number,
        account=terms.account_id,
        submitter=oneself(by) or contact,
        severity=terms.catalogue.severity(command.severity),
        team=command.team and terms.catalogue.team(command.team),
        **words,
    )
    files = attached(command.attachments, None, by, terms, internal=False)
    claims = choices.claims(new, {}, created.external_ids, terms)
    return [created, *files, *_first_recipients(command, by, terms), *claims]


def _first_recipients(command: c.Create, by: Actor, terms: Terms) -> e.Events:
    if not command.recipients:
        return []
    free = [a for a in command.recipients if not by.is_customer or terms.account.owns(a)]
    waiting = [a for a in command.recipients if a not in free]
    return [e.RecipientsChanged(recipients=tuple(free), pending=tuple(waiting))]


def assigned(asked: Asked, person: UUID | str | None, team: str | None) -> e.Events:
    """The case given to a person; another team alone takes it from whoever has it."""
    case, terms = asked.case, asked.terms
    word = terms.catalogue.team(team) if team else case.team
    if person is None:
        person = case.assignee if word == case.team else None
    else:
        _refuse_no_agent(person, terms)
    if (person, word) == (case.assignee, case.team):
        return []
    return [e.Assigned(assignee=cast("UUID | None", person), team=word)]


def _refuse_no_agent(person: UUID | str, terms: Terms) -> None:
    if not isinstance(person, UUID) or person not in terms.people:
        raise no.PersonUnknown(what="assignee")
    if not terms.people[person].can_have_cases:
        raise no.NotAnAgent


def awaiting(asked: Asked, command: c.Await) -> e.Events:
    if command.until is not None and command.until <= asked.at:
        raise no.DateNotAhead
    now = asked.case.life.awaiting
    if now and (now.awaited, now.until) == (command.awaited, command.until):
        return []
    return [e.Awaiting(awaited=command.awaited, until=command.until, reason=command.reason)]


def details_changed(asked: Asked, command: c.ChangeDetails) -> e.Events:
    case = asked.case
    if asked.by.is_customer:
        _refuse_others_fields(asked, command.model_fields_set)
    given = {name: getattr(command, name) for name in command.model_fields_set}
    words = choices.details(given, case.details, asked.terms)
    changed = {k: v for k, v in words.items() if v != getattr(case.details, k)}
    if not changed:
        return []
    before = case.details.external_ids
    after = changed.get("external_ids", before)
    return [e.DetailsChanged(**changed), *choices.claims(case.id, before, after, asked.terms)]


def _refuse_others_fields(asked: Asked, given: set[str]) -> None:
    allowed = _CUSTOMERS_DETAILS
    if asked.case.status is Status.UNASSIGNED:
        allowed |= _WHILE_UNASSIGNED
    if given - allowed:
        raise no.NotTheirsToChange(role=asked.by.role, fields=tuple(sorted(given - allowed)))


def tags_changed(case: Case, command: c.ChangeTags) -> e.Events:
    tags = tuple(t for t in dict.fromkeys((*case.tags, *command.add)) if t not in command.remove)
    if len(tags) > MOST_TAGS:
        raise no.TooMany(most=MOST_TAGS, what="tags")
    return [] if tags == case.tags else [e.TagsChanged(tags=tags)]


def recipients_changed(asked: Asked, command: c.ChangeRecipients) -> e.Events:
    case, account = asked.case, asked.terms.account
    free = [a for a in command.add if not asked.by.is_customer or account.owns(a)]
    waiting = [a for a in command.add if a not in free]
    gone = set(command.remove)
    recipients = tuple(a for a in dict.fromkeys((*case.recipients, *free)) if a not in gone)
    known = gone | set(recipients)
    pending = tuple(a for a in dict.fromkeys((*case.pending, *waiting)) if a not in known)
    if len(recipients) + len(pending) > MOST_RECIPIENTS:
        raise no.TooMany(most=MOST_RECIPIENTS, what="recipients")
    if (recipients, pending) == (case.recipients, case.pending):
        return []
    return [e.RecipientsChanged(recipients=recipients, pending=pending)]


def watched(asked: Asked, person: UUID | None) -> e.Events:
    watcher, seen_as = _watcher(asked, person)
    asked.terms.person(watcher, "watcher")
    if not sees(asked.case, watcher, seen_as):
        raise no.WatcherCannotSee
    if watcher in asked.case.watchers:
        return []
    return [e.Watched(person=watcher, internal=not seen_as.is_customer)]


def unwatched(asked: Asked, person: UUID | None) -> e.Events:
    """Also somebody who left or no longer sees the case, or nobody could ever take them off."""
    watcher, seen_as = _watcher(asked, person)
    if watcher not in asked.case.watchers:
        return []
    return [e.Unwatched(person=watcher, internal=not seen_as.is_customer)]


def _watcher(asked: Asked, person: UUID | None) -> tuple[UUID, Actor]:
    """Who is meant, and as whom they see cases; of the desk's people customers are told nothing."""
    by = asked.by
    watcher = person or by.person
    if watcher != by.person and by.is_customer and not by.sees_account:
        raise no.NotTheirsToChange(role=by.role, fields="watchers")
    found = asked.terms.people.get(watcher) if isinstance(watcher, UUID) else None
    if found is None or (by.is_customer and found.account is None):
        raise no.PersonUnknown(what="watcher")
    return cast("UUID", watcher), Actor(id=watcher, role=found.role, account=found.account)
