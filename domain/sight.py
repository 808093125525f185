"""Who sees a case, and which of its events."""

from uuid import UUID

from domain.case import Case
from domain.events import Event
from domain.values import CUSTOMER_ROLES, Actor


def sees(case: Case, person: UUID | str, actor: Actor) -> bool:
    """Whether a case exists for somebody: the rule that every query repeats."""
    if not actor.is_customer:
        return actor.role not in CUSTOMER_ROLES
    if actor.account != case.account:
        return False
    return actor.sees_account or person in {case.details.contact, case.submitter}


def is_hidden(case: Case, event: Event) -> bool:
    """Whether customers may not know of an event now, whatever it was when it happened."""
    entry = case.entries.get(event.field("entry") or case.id)
    file = case.attachments.get(event.field("attachment") or case.id)
    hidden = (entry is not None and entry.internal) or (file is not None and file.internal)
    return event.is_internal or hidden
