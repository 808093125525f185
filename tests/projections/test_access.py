"""Who sees a case: the rows that the clause returns are the cases that the rule shows."""

from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL

from domain.events import DetailsChanged, Event
from domain.recorded import Recorded
from domain.sight import sees
from domain.values import Actor, Role
from projections import access, cases
from projections.page import Folded, Page
from tests import examples as x
from tests.conftest import Database
from tests.domain.encoded import CODEC

PEOPLE = st.sampled_from(sorted(x.PEOPLE))
ACCOUNTS = st.sampled_from([x.ACME, x.GLOBEX])
VIEWERS = st.builds(
    Actor,
    id=PEOPLE,
    role=st.sampled_from(list(Role)),
    account=st.none() | ACCOUNTS,
    on_behalf_of=st.none() | PEOPLE,
    without_notes=st.booleans(),
)
RAISED = st.lists(st.tuples(ACCOUNTS, PEOPLE, PEOPLE, PEOPLE), min_size=1, max_size=6)


def lives(raised: list[tuple[UUID, UUID, UUID, UUID]]) -> list[Recorded]:
    """Cases of these accounts, contacts and submitters, whose contact then changes."""
    history: list[Recorded] = []
    for number, (account, contact, submitter, later) in enumerate(raised):
        fields = {"account": account, "contact": contact, "submitter": submitter}
        events: list[Event] = [
            x.raised(number=f"{number:08}", **fields),
            DetailsChanged(contact=later),
        ]
        stream = x.named(f"case {number}")
        history += [
            Recorded(event, stream, version, x.MONDAY, x.ANNA)
            for version, event in enumerate(events, 1)
        ]
    return history


def test_the_clause_returns_just_the_cases_that_the_rule_shows(database: Database) -> None:
    with psycopg.connect(database.url, options="-c search_path=read") as conn:

        @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
        @given(RAISED, VIEWERS)
        def law(raised: list[tuple[UUID, UUID, UUID, UUID]], viewer: Actor) -> None:
            folded, history = Folded(CODEC), lives(raised)
            with conn.transaction(force_rollback=True):
                for half in (history[::2], history[1::2]):
                    page = Page(half, folded, conn)
                    cases.apply(conn, page)
                    access.apply(conn, page)
                condition, values = access.visible_to(viewer)
                statement = SQL("SELECT c.id FROM read.cases c WHERE ") + SQL(condition)
                shown = {case for (case,) in conn.execute(statement, values)}
                assert shown == {
                    c.id for c in page.cases.values() if sees(c, viewer.person, viewer)
                }

        law()
