"""How a case is escalated, resolved and closed, and where the flags cross."""

from datetime import UTC, datetime

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.values import (
    Actor,
    Badge,
    EscalationReason,
    Ground,
    Resolution,
    ResolutionType,
    ResolvedBy,
    Severity,
    Status,
    Window,
)
from tests.examples import (
    ADA,
    ANNA,
    AWAITING,
    CLARA,
    CLOSE_REQUESTED,
    CLOSED_ON_FRIDAY,
    CLOSES_AT,
    CREATED,
    CRM,
    CRM_FOR_CLARA,
    DEESCALATED,
    ESCALATED,
    FRIDAY,
    HOUR,
    MADE_CRITICAL,
    MOMENT,
    REMINDS_AT,
    RESOLUTION,
    RESOLVED,
    SUE,
    TAKEN,
    TIMEKEEPER,
    Happened,
    id_of,
)
from tests.spec import given

ESCALATE = c.Escalate(comment="We lose orders.", reason=EscalationReason.DELAY)
RESOLVE = c.Resolve(type=ResolutionType.PROVIDED, root_cause="A loop.", summary="Update to 2.1.")
REQUEST = c.RequestClose(resolved_by=ResolvedBy.OWN)
CALM = c.Deescalate(justification="A workaround.", message="Orders go through again.")
ANSWERED = Happened(e.Posted(entry=id_of(ADA), text="Not yet."), CLARA, FRIDAY + HOUR)
CLOSING_DAY = datetime(2026, 12, 4, 23, tzinfo=UTC)


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, ANNA])
def test_an_open_case_is_escalated_with_a_comment_and_a_reason(by: Actor) -> None:
    escalated = given(CREATED, TAKEN).when(ESCALATE, by=by)
    escalated.then(ESCALATED.event)
    assert escalated.case.status is Status.ESCALATED


def test_a_case_is_not_escalated_twice_until_it_is_deescalated() -> None:
    past = given(CREATED, ESCALATED)
    refused = past.when(ESCALATE, by=ADA).then_refused(no.EscalatedAlready)
    assert str(refused).startswith("The case was escalated by Clara on 16 Nov 2026, 10:00 UTC")
    given(CREATED, ESCALATED, DEESCALATED).when(ESCALATE, by=ADA).then(ESCALATED.event)


def test_escalating_withdraws_a_pending_close_request_and_a_proposal_in_the_same_command() -> None:
    escalated = given(CREATED, RESOLVED, CLOSE_REQUESTED).when(ESCALATE, by=ANNA)
    escalated.then(e.CloseRequestWithdrawn(), e.ResolutionAnswered(), ESCALATED.event)
    assert escalated.case.badges == ()


def test_a_customers_escalation_ends_awaiting_and_an_agents_does_not() -> None:
    past = given(CREATED, AWAITING)
    past.when(ESCALATE, by=CLARA).then(e.Resumed(ground="answered"), ESCALATED.event)
    past.when(ESCALATE, by=ANNA).then(ESCALATED.event)


def test_deescalating_gives_back_in_progress_or_unassigned() -> None:
    calm = given(CREATED, TAKEN, ESCALATED).when(CALM, by=ANNA)
    calm.then(DEESCALATED.event)
    assert calm.case.status is Status.IN_PROGRESS
    assert given(CREATED, ESCALATED).when(CALM, by=ANNA).case.status is Status.UNASSIGNED
    given(CREATED).when(CALM, by=ANNA).then_refused(no.NotEscalated)


def test_assigning_an_escalated_case_leaves_it_escalated() -> None:
    case = given(CREATED, ESCALATED).when(c.Take(), by=ANNA).case
    assert (case.status, case.assignee) == (Status.ESCALATED, ANNA.id)


def test_resolving_proposes_a_resolution_with_a_timer_of_5_and_10_working_days() -> None:
    resolved = given(CREATED, TAKEN).when(RESOLVE, by=ANNA, at=FRIDAY)
    resolved.then(RESOLVED.event)
    assert resolved.case.status is Status.IN_PROGRESS
    assert resolved.case.badges == (Badge.RESOLUTION_PROPOSED,)
    assert (datetime(2026, 11, 27, 23, tzinfo=UTC), CLOSING_DAY) == (REMINDS_AT, CLOSES_AT)


def test_resolving_while_proposed_replaces_it_and_starts_the_timer_anew() -> None:
    other = RESOLVE.model_copy(update={"summary": "Restart it."})
    again = given(CREATED, RESOLVED).when(other, by=SUE, at=FRIDAY + 3 * 24 * HOUR)
    proposed = again.case.life.proposed
    assert proposed is not None
    assert (proposed.resolution.summary, proposed.by) == ("Restart it.", SUE.id)
    assert proposed.closes_at == datetime(2026, 12, 7, 23, tzinfo=UTC)


def test_resolving_while_requested_lets_both_stand() -> None:
    case = given(CREATED, CLOSE_REQUESTED).when(RESOLVE, by=ANNA).case
    assert case.badges == (Badge.CLOSE_REQUESTED, Badge.RESOLUTION_PROPOSED)


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, CRM_FOR_CLARA])
def test_the_customers_side_accepts_a_resolution_which_closes_the_case(by: Actor) -> None:
    window = Window(until=datetime(2026, 12, 10, 23, tzinfo=UTC), zone="Europe/Berlin")
    closed = e.Closed(ground=Ground.ACCEPTED, customers_word=True, reason="Good.", window=window)
    accepted = given(CREATED, RESOLVED).when(c.AcceptResolution(comment="Good."), by=by)
    accepted.then(closed)
    assert accepted.case.life.closed is not None
    assert accepted.case.life.closed.resolution == RESOLUTION


def test_rejecting_a_resolution_withdraws_it_and_the_case_is_unchanged_otherwise() -> None:
    past = given(CREATED, TAKEN, AWAITING, RESOLVED)
    rejected = past.when(c.RejectResolution(comment="No."), by=CLARA)
    rejected.then(e.ResolutionRejected(comment="No."), e.Resumed(ground="answered"))
    assert (rejected.case.status, rejected.case.badges) == (Status.IN_PROGRESS, ())


def test_rejecting_stops_the_timer_of_a_close_request() -> None:
    past = given(CREATED, CLOSE_REQUESTED, RESOLVED)
    requested = past.when(c.RejectResolution(comment="No."), by=CLARA).case.life.requested
    assert requested is not None
    assert requested.closes_at is None


def test_never_the_agent_who_resolved_accepts_or_rejects() -> None:
    moved = CLARA.model_copy(update={"id": ANNA.id, "role": ADA.role})
    for command in (c.AcceptResolution(), c.RejectResolution(comment="No.")):
        given(CREATED, RESOLVED).when(command, by=moved).then_refused(no.RoleMayNot)
        given(CREATED, RESOLVED).when(command, by=ANNA).then_refused(no.RoleMayNot)
        given(CREATED).when(command, by=CLARA).then_refused(no.NoResolutionProposed)


@pytest.mark.parametrize("by", [CLARA, ADA, CRM])
def test_the_customers_side_requests_to_close(by: Actor) -> None:
    requested = given(CREATED, TAKEN).when(REQUEST, by=by, at=FRIDAY)
    requested.then(CLOSE_REQUESTED.event)
    assert (requested.case.status, requested.case.badges) == (
        Status.IN_PROGRESS,
        (Badge.CLOSE_REQUESTED,),
    )
    given(CREATED).when(REQUEST, by=ANNA).then_refused(no.RoleMayNot)


def test_requesting_while_requested_is_refused() -> None:
    past = given(CREATED, CLOSE_REQUESTED)
    refused = past.when(REQUEST, by=ADA).then_refused(no.CloseRequestedAlready)
    assert str(refused) == "Closing was requested on 20 Nov 2026, 10:00 UTC."


def test_requesting_while_escalated_is_allowed() -> None:
    case = given(CREATED, ESCALATED).when(REQUEST, by=CLARA).case
    assert (case.status, case.badges) == (Status.ESCALATED, (Badge.CLOSE_REQUESTED,))


def test_requesting_while_proposed_is_allowed_and_closing_then_uses_that_resolution() -> None:
    requested = given(CREATED, RESOLVED).when(REQUEST, by=CLARA)
    assert requested.case.badges == (Badge.CLOSE_REQUESTED, Badge.RESOLUTION_PROPOSED)
    closed = requested.so.when(c.Close(), by=ANNA).case.life.closed
    assert closed is not None
    assert (closed.ground, closed.customers_word) == (Ground.REQUESTED, True)
    assert closed.resolution == RESOLUTION


def test_a_request_ends_awaiting() -> None:
    past = given(CREATED, AWAITING)
    assert past.when(REQUEST, by=CLARA).events[-1] == e.Resumed(ground="answered")


def test_a_request_is_withdrawn_by_the_customers_side_and_declined_by_agents() -> None:
    past, decline = given(CREATED, CLOSE_REQUESTED), c.DeclineCloseRequest(reason="Not yet.")
    withdrawn, declined = e.CloseRequestWithdrawn(), e.CloseRequestDeclined(reason="Not yet.")
    past.when(c.WithdrawCloseRequest(), by=ADA).then(withdrawn)
    past.when(decline, by=ANNA).then(declined)
    for event in (withdrawn, declined):
        assert given(CREATED, CLOSE_REQUESTED, event).case.badges == ()
    past.when(c.WithdrawCloseRequest(), by=ANNA).then_refused(no.RoleMayNot)
    past.when(decline, by=CLARA).then_refused(no.RoleMayNot)
    given(CREATED).when(c.WithdrawCloseRequest(), by=CLARA).then_refused(no.NoCloseRequested)
    given(CREATED).when(decline, by=ANNA).then_refused(no.NoCloseRequested)


def test_an_agents_public_post_does_not_answer_a_request() -> None:
    past = given(CREATED, CLOSE_REQUESTED)
    assert past.when(c.Post(text="I see."), by=ANNA).case.life == past.case.life


def test_closing_without_a_request_or_a_proposal_needs_a_reason_and_has_no_customers_word() -> None:
    past = given(CREATED, TAKEN)
    past.when(c.Close(), by=ANNA).then_refused(no.ReasonRequired)
    closed = past.when(c.Close(reason="No answer."), by=ANNA, at=FRIDAY)
    closed.then(CLOSED_ON_FRIDAY.event)
    assert closed.case.status is Status.CLOSED


def test_closing_confirms_a_request_or_a_proposal_without_a_reason() -> None:
    for flag, ground in ((CLOSE_REQUESTED, Ground.REQUESTED), (RESOLVED, Ground.AGENT)):
        closed = given(CREATED, flag).when(c.Close(), by=ANNA).case.life.closed
        assert closed is not None
        assert (closed.ground, closed.customers_word) == (ground, True)


def test_customers_and_auditors_do_not_close() -> None:
    for by in (CLARA, ADA, CRM):
        given(CREATED, RESOLVED).when(c.Close(), by=by).then_refused(no.RoleMayNot)


def test_closing_ends_request_proposal_escalation_and_awaiting() -> None:
    past = given(CREATED, TAKEN, AWAITING, ESCALATED, RESOLVED, CLOSE_REQUESTED)
    case = past.when(c.Close(), by=ANNA).case
    assert (case.badges, case.status) == ((), Status.CLOSED)
    life = case.life
    assert [life.escalated, life.awaiting, life.requested, life.proposed] == [None] * 4
    assert case.assignee == ANNA.id


@pytest.mark.parametrize(
    ("flag", "ground"),
    [(CLOSE_REQUESTED, Ground.TIMER_ON_REQUEST), (RESOLVED, Ground.TIMER_ON_RESOLUTION)],
)
def test_the_timer_closes_what_was_not_answered_and_not_a_moment_before(
    flag: Happened, ground: Ground
) -> None:
    past = given(CREATED, flag)
    before = CLOSES_AT - MOMENT
    past.when(c.Close(), by=TIMEKEEPER, at=before).then_refused(no.TimerNotDue)
    closed = past.when(c.Close(), by=TIMEKEEPER, at=CLOSES_AT)
    closed.then(e.Closed(ground=ground, customers_word=True, window=closed_window(closed.events)))


def closed_window(events: object) -> Window:
    match events:
        case [e.Closed(window=window)]:
            # Friday 4 December, 24:00 in Berlin is a Saturday there: day 0.
            assert window.until == datetime(2026, 12, 24, 23, tzinfo=UTC)
            return window
    raise AssertionError(events)


def test_the_timer_closes_nothing_that_nobody_asked_to_close() -> None:
    given(CREATED).when(c.Close(reason="?"), by=TIMEKEEPER).then_refused(no.TimerNotDue)


def test_the_timer_never_closes_an_escalated_or_critical_case() -> None:
    late = CLOSES_AT + HOUR
    for flag in (ESCALATED, MADE_CRITICAL):
        past = given(CREATED, flag, CLOSE_REQUESTED)
        past.when(c.Close(), by=TIMEKEEPER, at=late).then_refused(no.TimerStopped)
    lowered = given(CREATED, MADE_CRITICAL, CLOSE_REQUESTED).when(
        c.ChangeSeverity(severity=Severity.LOW), by=ANNA
    )
    assert lowered.so.when(c.Close(), by=TIMEKEEPER, at=late).events


def test_any_customer_side_entry_stops_the_timer() -> None:
    past = given(CREATED, CLOSE_REQUESTED, ANSWERED)
    past.when(c.Close(), by=TIMEKEEPER, at=CLOSES_AT + HOUR).then_refused(no.TimerNotDue)
    past.when(c.Close(), by=ANNA, at=CLOSES_AT + HOUR).then(
        e.Closed(
            ground=Ground.REQUESTED,
            customers_word=True,
            window=Window(until=datetime(2026, 12, 24, 23, tzinfo=UTC), zone="Europe/Berlin"),
        )
    )


def test_a_case_closed_is_not_escalated_resolved_requested_or_closed_again() -> None:
    for command, by in ((ESCALATE, CLARA), (RESOLVE, ANNA), (REQUEST, CLARA)):
        given(CREATED, CLOSED_ON_FRIDAY).when(command, by=by).then_refused(no.CaseClosed)
    again = c.Close(reason="Again.")
    given(CREATED, CLOSED_ON_FRIDAY).when(again, by=ANNA).then_refused(no.CaseClosed)


def test_a_closing_keeps_the_resolution_as_it_was_proposed_last() -> None:
    second = Resolution(type=ResolutionType.OTHER, root_cause="None.", summary="Nothing.")
    replaced = e.Resolved(resolution=second, reminds_at=None, closes_at=None)
    closed = given(CREATED, RESOLVED, replaced).when(c.Close(), by=ANNA).case.life.closed
    assert closed is not None
    assert closed.resolution == second
