"""What the owner of a webhook is told once it has stopped: why, and that nothing is lost."""

from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers import deliveries
from consumers.email import Item, Letter, Withheld
from consumers.roster import Roster
from domain.configuration import Person
from domain.preferences import SHIPPED, Channel, Kind, Relation
from domain.values import Erased
from projections.subscriptions import why_ended

BECAUSE = "You receive this because events are sent there by your rights."
ENDS = "End the mails of this webhook"
OUTLOOK = (
    "Nothing is lost. Enabled again, it goes on where it stands:\n"
    "POST /api/v1/subscriptions/{id}/enable"
)


def stopped(
    conn: Connection[TupleRow],
    delivery: UUID,
    subscription: UUID,
    owner: str,
    roster: Roster,
    unsubscribe: str,
) -> Letter:
    """The letter about a webhook that has stopped.

    Raises:
        Withheld: it goes on by now, or the owner cannot be told, or does not want to be.
    """
    document, why = roster.subscription(conn, subscription), why_ended(conn, subscription)
    if document is None or why is None or str(document.owner) != owner:
        raise Withheld("it goes on by now")
    person = _reader(conn, subscription, document.owner, roster)
    about = f"Webhook stopped: {document.description}"
    headline = f"Nothing is sent to \u201c{document.description}\u201d any more"
    outlook = OUTLOOK.format(id=subscription)
    return Letter(
        delivery=delivery,
        recipient=person.email or "",
        name=person.name,
        case=None,
        items=[Item("", about, headline, why, outlook, None)],
        because=BECAUSE,
        ends=ENDS,
        unsubscribe=unsubscribe,
        about=about,
    )


def _reader(conn: Connection[TupleRow], subscription: UUID, owner: UUID, roster: Roster) -> Person:
    """The owner, who has an address and wants to be told."""
    person = roster.people(conn, [owner]).get(owner)
    if person is None or not person.active:
        raise Withheld("the recipient is here no longer")
    if not person.email or isinstance(person.email, Erased):
        raise Withheld("the recipient has no address")
    wishes = deliveries.wishes(conn, [owner]).get(owner, SHIPPED)
    if not wishes.wants(Channel.EMAIL, Kind.STOPPED, Relation.OWNER):
        raise Withheld("the recipient does not want to be told")
    if str(owner) in deliveries.ended(conn, subscription):
        raise Withheld("the recipient has ended the mail of this webhook")
    return person
