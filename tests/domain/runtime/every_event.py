"""One example of every event, with every field filled: for the codec and the stored frames."""

from typing import Final, get_args

from domain import events as e
from domain.values import Awaited, LinkKind, ResolvedBy, Slot
from tests import examples as x

TEXT: Final = 'Ümläute, 漢字, \U0001f40d, "quotes", back\\slash, a\ttab and\na line'

_CASE: Final[tuple[e.Event, ...]] = (
    x.raised(
        phone="+4930901820",
        tech_profile={"key": "production", "name": "Production"},
        product_version=x.VERSION_2.word,
        component=x.GATEWAY.word,
        category=x.PERFORMANCE.word,
        team=x.NETWORK.word,
        customer_reference="R-7",
        external_ids={"jira": "OPS-1", "crm": "77"},
        subject="Ümläute \U0001f40d",
        description=TEXT,
        follows=x.OTHER_CASE,
    ),
    e.Assigned(assignee=x.id_of(x.ANNA), team=x.NETWORK.word),
    x.UNASSIGNED.event,
    e.Posted(entry=x.PUBLIC, text=TEXT),
    x.COMMENTED.event,
    e.EntryEdited(entry=x.PUBLIC, text=TEXT),
    e.EntryRemoved(entry=x.PUBLIC),
    e.MadeInternal(entry=x.PUBLIC),
    x.FILE_ADDED.event,
    e.AttachmentRemoved(attachment=x.FILE),
    e.Awaiting(awaited=Awaited.DATE, until=x.WINDOW_OF_FRIDAY, reason=TEXT),
    e.Resumed(ground="answered"),
    x.MADE_CRITICAL.event,
    e.DetailsChanged(phone=None, subject="Anders", category=x.PERFORMANCE.word),
    x.TAGGED.event,
    e.RecipientsChanged(recipients=("carla@acme.com", "x@y.org"), pending=("q@z.org",)),
    x.ESCALATED.event,
    x.DEESCALATED.event,
    x.RESOLVED.event,
    e.ResolutionRejected(comment=TEXT),
    e.ResolutionAnswered(),
    e.CloseRequested(
        resolved_by=ResolvedBy.OWN,
        comment=TEXT,
        reminds_at=x.REMINDS_AT,
        closes_at=x.CLOSES_AT,
    ),
    e.CloseRequestWithdrawn(),
    e.CloseRequestDeclined(reason=TEXT),
    x.CLOSED_ON_FRIDAY.event,
    x.REOPENED.event,
    x.MERGED.event,
    e.Unmerged(source=x.OTHER_CASE),
    x.LINKED.event,
    e.Unlinked(kind=LinkKind.RELATED, case=x.OTHER_CASE),
    x.RATED.event,
    e.Watched(person=x.id_of(x.CLARA)),
    e.Unwatched(person=x.id_of(x.CLARA)),
    e.FollowedUp(case=x.NEW_CASE, number=x.NEW_NUMBER),
    e.Redacted(entry=x.PUBLIC, attachment=None, versions=(2, 5), slot=Slot.TEXT, reason=TEXT),
    x.ERASED.event,
)
_OTHERS: Final[tuple[e.Event, ...]] = (
    e.ExternalIdClaimed(case=x.CASE),
    e.ExternalIdReleased(case=x.CASE),
    e.AccountSet(document=x.ACME_ACCOUNT),
    e.PersonSet(document=x.PEOPLE[x.id_of(x.CLARA)]),
    e.CatalogueSet(document=x.CATALOGUE),
    e.CalendarSet(document=x.HOLIDAYS),
    e.ServiceLevelsSet(document=x.LEVELS),
    e.SubscriptionSet(document=x.SUBSCRIPTION),
)
EVERY: Final = (*_CASE, *_OTHERS)
CLASSES: Final = frozenset(get_args(e.CaseEvent | e.DocumentEvent | e.ClaimEvent))
