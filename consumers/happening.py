"""What an event is to those who are told of it, in its case as it was before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from domain import events as e
from domain.case import Case
from domain.commands import Forget
from domain.fold import evolve, fold
from domain.preferences import Kind
from domain.recorded import Recorded
from domain.sight import is_hidden
from domain.values import Severity, Slot


@dataclass(frozen=True, slots=True)
class Happening:
    """An event in its case: as the case was before, and as it was right after.

    `earlier` are the events before it that the same command wrote.
    """

    recorded: Recorded
    before: Case | None
    case: Case
    earlier: tuple[e.Event, ...] = ()


def happening(history: Sequence[Recorded]) -> Happening | None:
    """The last event of a case's history; None where it is no case's."""
    if not history or not isinstance(history[0].event, e.Created):
        return None
    recorded = history[-1]
    before = fold(None, history[:-1])
    command = recorded.command and recorded.command.id
    earlier = tuple(r.event for r in history[:-1] if r.command and r.command.id == command)
    return Happening(recorded, before, evolve(before, recorded), earlier)


def kinds(happening: Happening) -> tuple[Kind, ...]:
    """What an event is to those who are told of it; the first that concerns somebody counts."""
    event, case = happening.recorded.event, happening.case
    match event:
        case e.Created():
            return (Kind.CREATED, Kind.CRITICAL) if case.is_critical else (Kind.CREATED,)
        case e.Posted() | e.Commented():
            return (Kind.NOTE if is_hidden(case, event) else Kind.POST, Kind.MENTION)
        case e.AttachmentAdded():
            return () if _comes_with_words(happening) else (Kind.FILE,)
        case e.Redacted(slot=Slot.PERSONAL):
            return ()
        case e.RecipientsChanged() if _is_forgetting(happening.recorded):
            return ()
        case e.RecipientsChanged():
            created = any(isinstance(one, e.Created) for one in happening.earlier)
            return (Kind.CREATED if created else Kind.ADDED,)
        case e.Assigned() | e.Unassigned():
            return (Kind.ASSIGNED, Kind.STATUS) if _status_changed(happening) else (Kind.ASSIGNED,)
        case e.Merged() | e.Unmerged():
            return (Kind.STATUS,) if _status_changed(happening) else ()
        case e.SeverityChanged(severity=severity):
            critical = severity.key == Severity.CRITICAL
            return (Kind.SEVERITY, Kind.CRITICAL) if critical else (Kind.SEVERITY,)
        case e.Closed():
            return (Kind.CLOSED, Kind.SURVEY)
    kind = _ALONE.get(type(event))
    return (kind,) if kind else ()


def _is_forgetting(recorded: Recorded) -> bool:
    """Whether addresses were only written anew, because all that named somebody was destroyed."""
    return recorded.command is not None and recorded.command.name == Forget.__name__


def _status_changed(happening: Happening) -> bool:
    return happening.before is None or happening.before.status is not happening.case.status


def _comes_with_words(happening: Happening) -> bool:
    """Whether a file is told with the words, or with the file, that the same command wrote."""
    told = e.Created | e.Posted | e.Commented | e.AttachmentAdded
    return any(isinstance(one, told) for one in happening.earlier)


_ALONE: Final[Mapping[type[e.Event], Kind]] = MappingProxyType({
    e.Awaiting: Kind.AWAIT,
    e.Resumed: Kind.AWAIT,
    e.Escalated: Kind.ESCALATED,
    e.Deescalated: Kind.DEESCALATED,
    e.Resolved: Kind.PROPOSED,
    e.ResolutionRejected: Kind.ANSWERED,
    e.ResolutionAnswered: Kind.ANSWERED,
    e.CloseRequested: Kind.REQUESTED,
    e.CloseRequestDeclined: Kind.DECLINED,
    e.CloseRequestWithdrawn: Kind.WITHDRAWN,
    e.Reopened: Kind.REOPENED,
    e.Redacted: Kind.REDACTED,
})  # fmt: skip
