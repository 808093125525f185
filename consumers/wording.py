"""An event in the words of a mail: a headline, and what somebody wrote in full.

What is internal is never written in a mail, also to those who may read it: only that there is
something to be read, and where.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from consumers.happening import Happening
from domain import events as e
from domain.preferences import Kind, Relation
from domain.sentences import Name, sentence
from domain.sight import is_hidden

A_MOMENT: Final = timedelta(microseconds=1)


def headline(told: Happening, kind: Kind, relation: Relation, who: str, name: Name) -> str:
    """What happened, in one line; `who` did it."""
    event = told.recorded.event
    if kind is Kind.REMINDER:
        return _waits_for(event)
    match event:
        case e.RecipientsChanged():
            return f"{who} put you in copy of this case"
        case e.Posted() | e.Commented() if relation is Relation.MENTIONED:
            return f"{who} mentioned you"
        case e.Assigned() if relation is Relation.CC:
            return "Somebody works on this case now"
    if is_hidden(told.case, event):
        return f"{who} {_INSIDE.get(type(event), 'did something that is for the desk')}"
    said = _PUBLIC.get(type(event))
    return f"{who} {said}" if said else f"{who} {sentence(told.recorded, name, for_desk=False)}"


_INSIDE: Final[dict[type[e.Event], str]] = {
    e.Posted: "wrote a note for the desk",
    e.Commented: "commented on a note for the desk",
    e.AttachmentAdded: "added a file for the desk",
    e.Redacted: "destroyed words of what is for the desk",
}
_PUBLIC: Final[dict[type[e.Event], str]] = {
    e.Created: "raised this case",
    e.Posted: "wrote",
    e.Commented: "commented",
    e.AttachmentAdded: "added a file",
    e.Escalated: "escalated this case",
    e.Deescalated: "ended the escalation",
    e.Resolved: "proposed a resolution",
    e.ResolutionRejected: "rejected the resolution",
    e.ResolutionAnswered: "answered, which withdraws the resolution",
    e.CloseRequested: "asked to close this case",
    e.CloseRequestWithdrawn: "no longer asks to close this case",
    e.CloseRequestDeclined: "keeps this case open",
    e.Closed: "closed this case",
    e.Reopened: "reopened this case",
    e.Redacted: "destroyed words in this case",
}


def words(told: Happening) -> str | None:
    """What somebody wrote, in full; None: nothing, or nothing that a mail may carry."""
    event = told.recorded.event
    if is_hidden(told.case, event):
        return None
    match event:
        case e.Created(description=text):
            return text
        case e.RecipientsChanged():
            return told.case.details.description
        case e.Posted(entry=entry, text=text) | e.Commented(entry=entry, text=text):
            return told.case.entries[entry].text if entry in told.case.entries else text
        case e.AttachmentAdded(name=name):
            return name
        case e.Escalated(comment=text) | e.ResolutionRejected(comment=text):
            return text
        case e.Reopened(comment=text) | e.Deescalated(message=text):
            return text
        case e.CloseRequestDeclined(reason=text):
            return text
        case e.CloseRequested(comment=comment):
            return comment
        case e.Closed(reason=reason):
            return reason
        case e.Resolved(resolution=resolution):
            return f"{resolution.summary}\n\nRoot cause: {resolution.root_cause}"
    return None


def outlook(told: Happening, kind: Kind, relation: Relation, zone: str) -> str | None:
    """What comes next, with its date in a time zone; None: nothing that has one."""
    event = told.recorded.event
    match event:
        case e.Resolved(closes_at=closes_at) | e.CloseRequested(closes_at=closes_at):
            if closes_at is None or told.case.is_critical:
                return None
            again = "still " if kind is Kind.REMINDER else ""
            return (
                f"Unless somebody {again}answers, this case is closed after {day(closes_at, zone)}."
            )
        case e.Closed(window=window):
            until = day(window.until, window.zone)
            asks = relation is Relation.CONTACT
            rate = " How did it go? You can say so there, from 1 to 5." if asks else ""
            return f"It can be reopened until {until}, 24:00: 14 working days after closing.{rate}"
    return None


def day(end: datetime, zone: str) -> str:
    """The last local day before an instant that is the first moment of the next one."""
    last = (end - A_MOMENT).astimezone(ZoneInfo(zone))
    return f"{last.day} {last:%b %Y} ({zone.rpartition('/')[2].replace('_', ' ')})"


def _waits_for(event: e.Event) -> str:
    if isinstance(event, e.CloseRequested):
        return "The request to close this case waits for an answer"
    return "The proposed resolution waits for an answer"
