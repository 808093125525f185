"""An event as a sentence without its subject, such as `escalated it (delay): No answer yet`."""

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

from domain import events as e
from domain.recorded import Recorded

Name: TypeAlias = Callable[[UUID | str], str]


def sentence(recorded: Recorded, name: Name, *, for_desk: bool = True) -> str:
    """What happened, to be read behind who did it. `name` names people and cases.

    Without `for_desk`, nothing in it is for the desk alone.
    """
    event = recorded.event
    match event:
        case e.Assigned(assignee=UUID() as assignee) if assignee == recorded.by.person:
            return "took it"
        case e.Watched(person=person) if person == recorded.by.person:
            return "watches it"
        case e.Unwatched(person=person) if person == recorded.by.person:
            return "watches it no longer"
        case e.Created():
            return f"raised case {event.number} ({event.severity.name}): {event.subject}"
        case e.Assigned(assignee=None, team=team):
            return f"put it in the queue of {team.name if team else 'nobody'}"
        case e.Assigned(assignee=UUID() as assignee, team=team):
            return f"gave it to {name(assignee)}" + (f" of {team.name}" if team else "")
        case e.Unassigned(reason=reason):
            return "took it away from its assignee" + _also(reason if for_desk else None)
        case e.Posted(internal=True, text=text):
            return f"noted for the desk: {text}"
        case e.Posted(text=text):
            return f"posted: {text}"
        case e.Commented(text=text):
            return f"commented: {text}"
        case e.EntryEdited(text=text):
            return f"edited an entry, which now reads: {text}"
        case e.EntryRemoved():
            return "took an entry back"
        case e.MadeInternal():
            return "made an entry internal"
        case e.AttachmentAdded(name=file, size=size):
            return f"attached {file} ({size} bytes)"
        case e.AttachmentRemoved():
            return "removed an attachment"
        case e.Awaiting(awaited=awaited, until=until):
            return f"waits for the {awaited}" + (f" until {until:%d %b %Y}" if until else "")
        case e.Resumed(ground=ground):
            return f"ended the waiting ({ground})"
        case e.SeverityChanged(severity=severity):
            return f"changed the severity to {severity.name}"
        case e.DetailsChanged():
            return f"changed {', '.join(sorted(event.model_fields_set)).replace('_', ' ')}"
        case e.TagsChanged(tags=tags):
            return f"set the tags to {', '.join(tags) or 'none'}"
        case e.RecipientsChanged(recipients=recipients, pending=pending):
            waiting = f"; {len(pending)} wait for approval" if pending else ""
            return f"set the recipients to {', '.join(recipients) or 'none'}{waiting}"
    return _ending(event, name, for_desk=for_desk)


def _ending(event: e.Event, name: Name, *, for_desk: bool) -> str:
    match event:
        case e.Escalated(reason=reason, comment=comment):
            return f"escalated it ({reason}): {comment}"
        case e.Deescalated(message=message):
            return f"ended the escalation: {message}"
        case e.Resolved(resolution=resolution):
            return f"proposed a resolution ({resolution.type}): {resolution.summary}"
        case e.ResolutionRejected(comment=comment):
            return f"rejected the resolution: {comment}"
        case e.ResolutionAnswered():
            return "answered, which withdraws the resolution"
        case e.CloseRequested(resolved_by=resolved_by, comment=comment):
            return f"asked to close it ({resolved_by} resolution)" + _also(comment)
        case e.CloseRequestWithdrawn():
            return "no longer asks to close it"
        case e.CloseRequestDeclined(reason=reason):
            return f"declined to close it: {reason}"
        case e.Closed(ground=ground, reason=reason, window=window):
            until = f"; it can be reopened before {window.until:%d %b %Y, %H:%M} UTC"
            return f"closed it ({ground})" + _also(reason) + until
        case e.Reopened(comment=comment):
            return f"reopened it: {comment}"
        case e.Merged(number=number):
            return f"merged it into case {number}"
        case e.Unmerged():
            return "took the merge back"
        case e.Linked(kind=kind, number=number):
            return f"linked it: {kind} case {number}"
        case e.Unlinked(kind=kind, case=case):
            return f"unlinked it: no longer {kind} {name(case)}"
        case e.FollowedUp(number=number):
            return f"followed it up with case {number}"
        case e.Rated(score=score, comment=comment):
            return f"rated it {score} of 5" + _also(comment)
        case e.Watched(person=person):
            return f"lets {name(person)} watch it"
        case e.Unwatched(person=person):
            return f"lets {name(person)} watch it no longer"
        case e.Redacted() if not for_desk:
            return "destroyed words"
        case e.Redacted(versions=versions, reason=reason):
            return f"redacted version {', '.join(map(str, versions))}: {reason}"
        case e.Erased(reason=reason):
            return f"erased it: {reason}"
    return _document(event)


def _document(event: e.Event) -> str:
    match event:
        case e.AccountSet(document=account):
            return f"set the account {account.name}"
        case e.PersonSet(document=person):
            return f"set the person {person.name} ({person.role})"
        case e.CatalogueSet(document=catalogue):
            return f"set the catalogue of {len(catalogue.applications)} applications"
        case e.CalendarSet(document=calendar):
            return f"set the calendar {calendar.name}"
        case e.ServiceLevelsSet(document=levels):
            return f"set {len(levels.levels)} service levels"
        case e.SubscriptionSet(document=subscription):
            return f"set the subscription {subscription.description}"
        case e.ExternalIdClaimed():
            return "gave it a number of another system"
        case e.ExternalIdReleased():
            return "took a number of another system from it"
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _also(words: str | None) -> str:
    return f": {words}" if words else ""
