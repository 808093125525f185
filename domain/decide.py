"""What a command makes happen: events, or a refusal.

One line for each command; those that do more than say so have a function in conversation.py,
handling.py or ending.py.
"""

from datetime import datetime
from typing import assert_never, cast

from domain import commands as c
from domain import conversation, ending, handling
from domain import errors as no
from domain import events as e
from domain.case import Case
from domain.permitted import Asked, refusal
from domain.terms import Terms
from domain.values import Actor, Ground, Role


def decide(
    case: Case | None, command: c.Command, *, by: Actor, at: datetime, terms: Terms
) -> e.Events:
    """The events that the command makes, in order; none when it would change nothing.

    Raises:
        Refusal: the command is refused; nothing happens.
    """
    if refused := refusal(case, type(command), by, at, terms):
        # A new one: that one may be shared, and a raised exception keeps its traceback.
        raise type(refused)(**refused.details)
    if case is None:
        return handling.create(cast("c.Create", command), by, terms)
    return _decide(Asked(case, by, at, terms), cast("c.CaseCommand", command))


def _decide(asked: Asked, command: c.CaseCommand) -> e.Events:
    case, by = asked.case, asked.by
    match command:
        case c.Take():
            return handling.assigned(asked, by.person, None)
        case c.Assign():
            return handling.assigned(asked, command.assignee, command.team)
        case c.Unassign(reason=reason):
            return [e.Unassigned(reason=reason)]
        case c.Post():
            return conversation.written(asked, command, internal=False)
        case c.Note():
            return conversation.written(asked, command, internal=True)
        case c.Comment():
            return conversation.commented(asked, command)
        case c.MakeInternal():
            return conversation.made_internal(asked, command)
        case c.EditEntry():
            return conversation.edited(asked, command)
        case c.RemoveEntry():
            return conversation.removed(asked, command)
        case c.AddAttachment():
            return conversation.attachment_added(asked, command)
        case c.RemoveAttachment():
            return conversation.attachment_removed(asked, command)
        case c.Await():
            return handling.awaiting(asked, command)
        case c.Resume():
            return [e.Resumed(ground="date" if by.role is Role.SYSTEM else "resumed")]
        case c.ChangeSeverity(severity=severity):
            same = case.severity.key == severity
            return (
                []
                if same
                else [e.SeverityChanged(severity=asked.terms.catalogue.severity(severity))]
            )
        case c.ChangeDetails():
            return handling.details_changed(asked, command)
        case c.ChangeTags():
            return handling.tags_changed(case, command)
        case c.ChangeRecipients():
            return handling.recipients_changed(asked, command)
        case c.Escalate():
            return ending.escalated(asked, command)
        case c.Deescalate(justification=justification, message=message):
            return [e.Deescalated(justification=justification, message=message)]
        case c.Resolve():
            return ending.resolved(asked, command)
        case c.AcceptResolution(comment=comment):
            return [ending.closed(asked, Ground.ACCEPTED, comment)]
        case c.RejectResolution(comment=comment):
            return [e.ResolutionRejected(comment=comment), *conversation.resumed(asked)]
        case c.RequestClose():
            return ending.close_requested(asked, command)
        case c.WithdrawCloseRequest():
            return [e.CloseRequestWithdrawn()]
        case c.DeclineCloseRequest(reason=reason):
            return [e.CloseRequestDeclined(reason=reason)]
        case c.Close(reason=reason):
            return [ending.closed(asked, ending.ground(asked, reason), reason)]
        case c.Reopen(comment=comment):
            return [e.Reopened(comment=comment, assignee=ending.still_there(asked))]
        case c.FollowUp():
            return ending.followed_up(asked, command)
        case c.Merge():
            return ending.merged(asked)
        case c.Unmerge():
            return ending.unmerged(asked)
        case c.Link(kind=kind):
            return ending.linked(asked, kind)
        case c.Unlink(kind=kind):
            return ending.unlinked(asked, kind)
        case c.Rate(score=score, comment=comment):
            return [e.Rated(score=score, comment=comment)]
        case c.Watch(person=person):
            return handling.watched(asked, person)
        case c.Unwatch(person=person):
            return handling.unwatched(asked, person)
        case c.Redact():
            return conversation.redacted(case, command)
        case c.Forget():
            return conversation.forgotten(asked, command)
        case c.Erase(reason=reason):
            return [e.Erased(reason=reason)]
        case c.Create():
            raise no.CaseUnknown
    assert_never(command)
