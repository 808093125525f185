"""History in, case out: no rules, no clock, no calendar.

What happened is taken as it is, also where today's rules would refuse it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Final
from uuid import UUID

from domain import events as e
from domain.case import (
    Act,
    Attachment,
    Case,
    CloseRequest,
    Closing,
    Details,
    Entry,
    Life,
    Merge,
    Proposal,
    Rating,
    Wait,
)
from domain.recorded import Recorded
from domain.values import LinkKind

_DETAILS: Final = tuple(f.name for f in fields(Details))


def fold(case: Case | None, history: Iterable[Recorded]) -> Case | None:
    """The case after `history`, which goes on where `case` stands; None: nothing has happened."""
    folded = replace(case) if case else None
    for recorded in history:
        if folded is None:
            folded = _created(recorded)
            continue
        # Nobody else has it yet, and a new one for each event would be a third of the time.
        for name, value in _changed(folded, recorded).items():
            object.__setattr__(folded, name, value)
    return folded


def case_of(history: Sequence[Recorded]) -> Case | None:
    """The case whose history this is; None where it is no case's, or nothing has happened."""
    if not history or not isinstance(history[0].event, e.Created):
        return None
    return fold(None, history)


def evolve(case: Case | None, recorded: Recorded) -> Case:
    """The case after one more event."""
    return replace(case, **_changed(case, recorded)) if case else _created(recorded)


def _changed(case: Case, recorded: Recorded) -> dict[str, Any]:
    """What is otherwise after an event: what it says, and that there was one."""
    changed = _changes(case, recorded)
    changed["version"] = recorded.version
    changed["modified_at"] = recorded.at
    if recorded.event.is_internal:
        changed["internal_versions"] = case.internal_versions | {recorded.version}
    else:
        changed["public_version"] = case.public_version + 1
        changed["public_modified_at"] = recorded.at
    return changed


def _created(recorded: Recorded) -> Case:
    event = recorded.event
    assert isinstance(event, e.Created), f"a case begins with Created, not {event!r}"
    return Case(
        id=recorded.stream,
        number=event.number,
        account=event.account,
        submitter=event.submitter,
        details=Details(**{name: getattr(event, name) for name in _DETAILS}),
        severity=event.severity,
        team=event.team,
        created_at=recorded.at,
        version=recorded.version,
        modified_at=recorded.at,
        public_version=1,
        personal=(recorded.version,) if event.phone else (),
        public_modified_at=recorded.at,
        links=frozenset({(LinkKind.FOLLOWS, event.follows)} if event.follows else ()),
    )


def _changes(case: Case, recorded: Recorded) -> dict[str, Any]:
    """Which fields the event gives another value."""
    by, at, life = recorded.by.person, recorded.at, case.life
    desk, here = recorded.by_desk, (recorded.version,)
    match recorded.event:
        case e.Posted(entry=entry, text=text, internal=internal):
            return _written(case, recorded, entry, Entry(by, desk, text, None, internal, here))
        case e.Commented(entry=entry, post=post, text=text, internal=internal):
            return _written(case, recorded, entry, Entry(by, desk, text, post, internal, here))
        case e.EntryEdited(entry=entry, text=text):
            old = case.entries.get(entry)
            return _entry(case, entry, text=text, versions=(old.versions if old else ()) + here)
        case e.EntryRemoved(entry=entry):
            return _entry(case, entry, removed=True)
        case e.MadeInternal(entry=entry):
            return _made_internal(case, entry)
        case e.AttachmentAdded(attachment=attachment, entry=entry, name=name, internal=internal):
            added = Attachment(by, entry, name, internal, recorded.version)
            files = {"attachments": {**case.attachments, attachment: added}}
            return files | _timer_stopped(case, recorded, internal=internal)
        case e.AttachmentRemoved(attachment=attachment):
            gone = {
                k: replace(f, removed=f.removed or k == attachment)
                for k, f in case.attachments.items()
            }
            return {"attachments": gone}
        case e.Assigned(assignee=assignee, team=team):
            since = case.assigned_at if assignee == case.assignee else at
            return {"assignee": assignee, "team": team, "assigned_at": since if assignee else None}
        case e.Unassigned():
            return {"assignee": None, "assigned_at": None}
        case e.Awaiting(awaited=awaited, until=until):
            return {"life": replace(life, awaiting=Wait(awaited, until))}
        case e.Resumed():
            return {"life": replace(life, awaiting=None)}
        case e.SeverityChanged(severity=severity):
            return {"severity": severity}
        case e.DetailsChanged() as event:
            given = {name: getattr(event, name) for name in event.model_fields_set}
            kept = case.personal + here if event.phone else case.personal
            return {"details": replace(case.details, **given), "personal": kept}
        case e.TagsChanged(tags=tags):
            return {"tags": tags}
        case e.RecipientsChanged(recipients=recipients, pending=pending):
            kept = case.personal + here
            return {"recipients": recipients, "pending": pending, "personal": kept}
        case e.Escalated():
            return {"life": replace(life, escalated=Act(by, at))}
        case e.Deescalated():
            return {"life": replace(life, escalated=None)}
        case e.Resolved(resolution=resolution, closes_at=closes_at):
            return {"life": replace(life, proposed=Proposal(by, at, resolution, closes_at))}
        case e.ResolutionRejected():
            # It is a word from the customer's side, as a post is.
            requested = life.requested and replace(life.requested, closes_at=None)
            return {"life": replace(life, proposed=None, requested=requested)}
        case e.ResolutionAnswered():
            return {"life": replace(life, proposed=None)}
        case e.CloseRequested(resolved_by=resolved_by, closes_at=closes_at):
            return {"life": replace(life, requested=CloseRequest(by, at, resolved_by, closes_at))}
        case e.CloseRequestWithdrawn() | e.CloseRequestDeclined():
            return {"life": replace(life, requested=None)}
        case e.Closed() as event:
            # A foreign history may close a case twice: it is still solved as it was.
            before = life.proposed or life.closed
            solved = before.resolution if before else None
            closing = Closing(by, at, event.ground, event.customers_word, event.window, solved)
            return {"life": Life(closed=closing)}
        case e.Reopened(assignee=assignee):
            since = case.assigned_at if assignee else None
            return {"life": Life(), "rating": None, "assignee": assignee, "assigned_at": since}
        case e.Merged(into=into, number=number):
            return {"merge": Merge(into, number, life), "life": Life()}
        case e.Unmerged():
            return {"merge": None, "life": case.merge.before if case.merge else life}
        case e.Linked(kind=kind, case=other):
            return {"links": case.links | {(kind, other)}}
        case e.Unlinked(kind=kind, case=other):
            return {"links": case.links - {(kind, other)}}
        case e.FollowedUp(case=other):
            return {"links": case.links | {(LinkKind.FOLLOWED_BY, other)}}
        case e.Rated(score=score):
            return {"rating": Rating(score, case.rating.first_at if case.rating else at)}
        case e.Watched(person=person):
            return {"watchers": case.watchers | {person}}
        case e.Unwatched(person=person):
            return {"watchers": case.watchers - {person}}
        case e.Redacted(versions=versions, slot=slot):
            return {"redacted": case.redacted | {(v, slot) for v in versions}}
        case e.Erased():
            return {"erased": True}
        case unknown:
            raise AssertionError(f"{type(unknown).__name__} does not belong to a case")


def _written(case: Case, recorded: Recorded, entry: UUID, new: Entry) -> dict[str, Any]:
    stopped = _timer_stopped(case, recorded, internal=new.internal)
    return {"entries": {**case.entries, entry: new}} | stopped


def _timer_stopped(case: Case, recorded: Recorded, *, internal: bool) -> dict[str, Any]:
    """A word from the customer's side stops the clock that would have closed the case."""
    requested = case.life.requested
    if requested is None or internal or recorded.by_desk:
        return {}
    return {"life": replace(case.life, requested=replace(requested, closes_at=None))}


def _entry(case: Case, entry: UUID, **changed: Any) -> dict[str, Any]:  # noqa: ANN401  any field of Entry
    if entry not in case.entries:
        return {}
    return {"entries": {**case.entries, entry: replace(case.entries[entry], **changed)}}


def _made_internal(case: Case, entry: UUID) -> dict[str, Any]:
    entries = {
        id_: replace(e, internal=True) if entry in {id_, e.post} else e
        for id_, e in case.entries.items()
    }
    files = {
        id_: replace(f, internal=True) if f.entry in entries and entries[f.entry].internal else f
        for id_, f in case.attachments.items()
    }
    return {"entries": entries, "attachments": files}
