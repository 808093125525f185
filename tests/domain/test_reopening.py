"""A closed case: reopen, follow up, rate, and nothing else."""

from datetime import UTC, datetime
from typing import Final

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.values import Actor, Ground, LinkKind, ResolvedBy, Role, Status, Window
from tests.examples import (
    ADA,
    ALAN,
    ANNA,
    ATLAS,
    AUDREY,
    BOT,
    CARL,
    CASE,
    CATALOGUE,
    CLARA,
    CLOSED_ON_FRIDAY,
    CREATED,
    CRM,
    CRM_FOR_CLARA,
    DAY,
    FRIDAY,
    GINA,
    GLOBEX,
    HOLIDAYS,
    HOUR,
    MOMENT,
    NETWORK,
    NEW_CASE,
    NEW_NUMBER,
    OPERATOR,
    PEOPLE,
    RATED,
    REOPENED,
    RESOLVED,
    TAKEN,
    THREE_WEEKS_LATER,
    TIMEKEEPER,
    TUESDAY,
    WINDOW_OF_FRIDAY,
    WINDOW_OF_TUESDAY,
    Happened,
    id_of,
    raised,
    terms,
)
from tests.spec import given

AGAIN: Final = c.Reopen(comment="Again.")
GO_ON: Final = c.FollowUp(description="It is back.")


def left(*actors: Actor) -> dict[str, object]:
    """Terms in which these people have left."""
    gone = {id_of(x): PEOPLE[id_of(x)].model_copy(update={"active": False}) for x in actors}
    return {"people": {**PEOPLE, **gone}}


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, ANNA, ALAN])
def test_the_customers_side_and_agents_reopen_with_a_comment(by: Actor) -> None:
    reopened = given(CREATED, TAKEN, CLOSED_ON_FRIDAY).when(AGAIN, by=by)
    reopened.then(e.Reopened(comment="Again.", assignee=id_of(ANNA)))
    assert (reopened.case.status, reopened.case.badges) == (Status.IN_PROGRESS, ())


def test_a_case_can_be_reopened_until_the_end_of_the_14th_working_day() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    assert past.when(AGAIN, by=CLARA, at=WINDOW_OF_FRIDAY - MOMENT).events
    refused = past.when(AGAIN, by=CLARA, at=WINDOW_OF_FRIDAY).then_refused(no.ReopenWindowPassed)
    assert "10 Dec 2026, 23:00 UTC" in str(refused)


def test_a_case_cannot_be_reopened_after_the_14th_working_day() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    past.when(AGAIN, by=CLARA, at=THREE_WEEKS_LATER).then_refused(no.ReopenWindowPassed)


def test_an_open_case_is_not_reopened() -> None:
    given(CREATED).when(AGAIN, by=CLARA).then_refused(no.CaseOpen)


def test_each_closing_opens_a_new_window() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY, REOPENED)
    closed = past.when(c.Close(reason="Done."), by=ANNA, at=TUESDAY).so
    window = closed.case.life.closed and closed.case.life.closed.window
    assert window == Window(until=WINDOW_OF_TUESDAY, zone="Europe/Berlin")
    assert closed.when(AGAIN, by=CLARA, at=WINDOW_OF_TUESDAY - MOMENT).events


def test_a_later_change_of_calendar_or_zone_moves_nothing() -> None:
    moved = terms(calendar=HOLIDAYS, account=terms().account.model_copy(update={"zone": "UTC"}))
    past = given(CREATED, CLOSED_ON_FRIDAY)
    last = WINDOW_OF_FRIDAY
    assert past.when(AGAIN, by=CLARA, at=last - MOMENT, terms=moved).events
    past.when(AGAIN, by=CLARA, at=last, terms=moved).then_refused(no.ReopenWindowPassed)


def test_reopening_clears_the_resolution_the_window_and_the_rating() -> None:
    past = given(CREATED, RESOLVED, CLOSED_ON_FRIDAY, RATED)
    assert past.case.life.closed
    assert past.case.life.closed.resolution
    case = past.when(AGAIN, by=CLARA).case
    assert (case.life.closed, case.life.proposed, case.rating) == (None, None, None)


def test_whoever_left_does_not_get_the_case_back() -> None:
    past = given(CREATED, TAKEN, CLOSED_ON_FRIDAY)
    reopened = past.when(AGAIN, by=CLARA, terms=terms(**left(ANNA)))
    reopened.then(e.Reopened(comment="Again.", assignee=None))
    case = reopened.case
    assert (case.status, case.assignee, case.assigned_at) == (Status.UNASSIGNED, None, None)


def test_a_follow_up_is_a_new_case_with_the_fields_copied_linked_both_ways() -> None:
    details = {
        "phone": "+4930901820",
        "customer_reference": "PO 7",
        "external_ids": {"jira": "OPS-1"},
        "product_version": ATLAS.versions[0].word,
        "severity": CATALOGUE.severities[1].word,
        "team": NETWORK.word,
    }
    copied = details | {"external_ids": {}, "description": "It is back.", "number": NEW_NUMBER}
    recipients = e.RecipientsChanged(recipients=("a@acme.com",), pending=("x@law.com",))
    past = given(Happened(raised(**details), CLARA, FRIDAY - DAY), recipients, CLOSED_ON_FRIDAY)
    followed = past.when(GO_ON, by=CLARA, at=WINDOW_OF_FRIDAY)
    followed.then(
        e.FollowedUp(case=NEW_CASE, number=NEW_NUMBER),
        e.Elsewhere(NEW_CASE, raised(follows=CASE, **copied)),
        e.Elsewhere(NEW_CASE, recipients),
    )
    assert (LinkKind.FOLLOWED_BY, NEW_CASE) in followed.case.links
    assert followed.case.status is Status.CLOSED


def test_a_follow_up_waits_until_the_window_is_over() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    before = WINDOW_OF_FRIDAY - MOMENT
    past.when(GO_ON, by=CLARA, at=before).then_refused(no.ReopenWindowOpen)
    given(CREATED).when(GO_ON, by=CLARA).then_refused(no.CaseOpen)


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, ANNA, BOT, OPERATOR])
def test_a_case_is_always_either_reopened_or_followed_up_never_a_dead_end(by: Actor) -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    for at in (FRIDAY + HOUR, WINDOW_OF_FRIDAY - MOMENT, WINDOW_OF_FRIDAY, FRIDAY + 3000 * DAY):
        command = AGAIN if at < WINDOW_OF_FRIDAY else GO_ON
        assert past.when(command, by=by, at=at).events


def test_a_follow_up_may_name_another_contact_of_the_account() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    go_on = GO_ON.model_copy(update={"contact": id_of(CARL)})
    (_, there) = past.when(go_on, by=ANNA, at=WINDOW_OF_FRIDAY).events
    assert isinstance(there, e.Elsewhere)
    assert isinstance(there.event, e.Created)
    assert (there.event.contact, there.event.submitter) == (id_of(CARL), id_of(CARL))
    strange = GO_ON.model_copy(update={"contact": id_of(GINA)})
    past.when(strange, by=ANNA, at=WINDOW_OF_FRIDAY).then_refused(no.NotOfTheAccount)


@pytest.mark.parametrize("gone", ["left", "moved"])
def test_whoever_follows_up_is_the_contact_where_the_old_one_is_no_longer_there(gone: str) -> None:
    change = {"active": False} if gone == "left" else {"account": GLOBEX}
    clara = PEOPLE[id_of(CLARA)].model_copy(update=change)
    without = terms(people={**PEOPLE, id_of(CLARA): clara})
    past = given(CREATED, CLOSED_ON_FRIDAY)
    followed = past.when(GO_ON, by=ADA, at=WINDOW_OF_FRIDAY, terms=without)
    ada = id_of(ADA)
    new = {"contact": ada, "submitter": ada, "number": NEW_NUMBER, "description": "It is back."}
    assert followed.events[1] == e.Elsewhere(NEW_CASE, raised(follows=CASE, **new))
    refused = past.when(GO_ON, by=ANNA, at=WINDOW_OF_FRIDAY, terms=without)
    refused.then_refused(no.PersonInactive, what="contact")


@pytest.mark.parametrize("by", [CLARA, CRM_FOR_CLARA])
def test_the_contact_rates_once_per_closing(by: Actor) -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    rated = past.when(c.Rate(score=2, comment="Slow."), by=by)
    rated.then(RATED.event)
    assert rated.case.status is Status.CLOSED
    given(CREATED).when(c.Rate(score=2), by=by).then_refused(no.CaseOpen)


@pytest.mark.parametrize("by", [ADA, CRM, ANNA, AUDREY, OPERATOR, TIMEKEEPER])
def test_nobody_but_the_contact_rates(by: Actor) -> None:
    refused = given(CREATED, CLOSED_ON_FRIDAY).when(c.Rate(score=5), by=by)
    refused.then_refused(no.ContactOnly, command="rate", role=by.role)


def test_a_rating_may_be_changed_for_7_days_from_when_it_was_given_first() -> None:
    past, rated_at = given(CREATED, CLOSED_ON_FRIDAY, RATED), FRIDAY + HOUR
    last = rated_at + 7 * DAY
    changed = past.when(c.Rate(score=5), by=CLARA, at=last - MOMENT)
    changed.then(e.Rated(score=5, comment=None))
    changed.so.when(c.Rate(score=1), by=CLARA, at=last).then_refused(no.RatingFixed, until=last)


def test_a_new_closing_gives_a_new_right_to_rate() -> None:
    again = Happened(CLOSED_ON_FRIDAY.event, ANNA, datetime(2027, 3, 1, tzinfo=UTC))
    past = given(CREATED, CLOSED_ON_FRIDAY, RATED, REOPENED, again)
    past.when(c.Rate(score=5), by=CLARA).then(e.Rated(score=5, comment=None))


CHANGES_A_CLOSED_CASE = {
    c.Reopen, c.Rate, c.Watch, c.Unwatch, c.Note, c.Link, c.Unlink, c.MakeInternal, c.Redact,
}  # fmt: skip


def test_a_closed_case_changes_only_by_reopen_rate_watch_notes_link_and_what_hides() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    seen = set()
    for by in (CLARA, ANNA, Actor(id=id_of(CLARA), role=Role.SUPPORT_ADMIN)):
        seen |= past.allowed(by=by)
    assert seen == CHANGES_A_CLOSED_CASE
    assert past.allowed(by=CLARA, at=WINDOW_OF_FRIDAY) - seen == {c.FollowUp}


def test_a_case_is_closed_on_the_word_of_the_customer_only_while_the_request_stands() -> None:
    request = c.RequestClose(resolved_by=ResolvedBy.PROVIDED)
    requested = given(CREATED).when(request, by=CLARA).so
    withdrawn = requested.when(c.WithdrawCloseRequest(), by=CLARA).so
    withdrawn.when(c.Close(), by=ANNA).then_refused(no.ReasonRequired)
    closed = withdrawn.when(c.Close(reason="Quiet."), by=ANNA).case.life.closed
    assert closed is not None
    assert (closed.ground, closed.customers_word) == (Ground.AGENT, False)


def test_a_stranger_of_the_account_neither_reopens_nor_follows_up() -> None:
    past = given(CREATED, CLOSED_ON_FRIDAY)
    past.when(AGAIN, by=CARL).then_refused(no.CaseUnknown)
    past.when(GO_ON, by=CARL, at=WINDOW_OF_FRIDAY).then_refused(no.CaseUnknown)
