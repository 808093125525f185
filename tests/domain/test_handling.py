"""A case is handled: assignment, waiting, severity, tags, recipients, watchers."""

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.values import Actor, Awaited, Badge, Severity, Status
from tests.examples import (
    ADA,
    ALAN,
    ANNA,
    ASKED,
    AUDREY,
    AWAITING,
    AXEL,
    BILLING,
    BOT,
    BOT_FOR_ANNA,
    CARL,
    CHRIS,
    CLARA,
    CREATED,
    CRITICAL,
    CRM,
    DAY,
    GINA,
    HOUR,
    MOMENT,
    MONDAY,
    NETWORK,
    OPERATOR,
    PEOPLE,
    SUE,
    TAGGED,
    TAKEN,
    TIMEKEEPER,
    UNASSIGNED,
    Happened,
    id_of,
    terms,
)
from tests.spec import given

TO_ALAN = e.Assigned(assignee=id_of(ALAN), team=None)
QUEUED = Happened(e.Assigned(assignee=None, team=NETWORK.word), ANNA)
TWO = Happened(e.RecipientsChanged(recipients=("a@acme.com",), pending=("x@law.com",)), CLARA)


def test_an_agent_takes_a_case_which_is_in_progress_then() -> None:
    taken = given(CREATED).when(c.Take(), by=ANNA)
    taken.then(TAKEN.event)
    assert taken.case.status is Status.IN_PROGRESS
    assert taken.case.assigned_at == MONDAY + HOUR


def test_taking_is_refused_when_a_person_has_the_case_by_whom_and_since_when() -> None:
    refused = given(CREATED, TAKEN).when(c.Take(), by=ALAN).then_refused(no.AssignedAlready)
    assert str(refused) == "Anna has had the case since 16 Nov 2026, 10:00 UTC."


def test_whoever_has_a_case_cannot_take_it_again() -> None:
    given(CREATED, TAKEN).when(c.Take(), by=ANNA).then_refused(no.AssignedAlready)


def test_a_case_in_a_teams_queue_can_be_taken_and_stays_in_the_team() -> None:
    taken = e.Assigned(assignee=id_of(ANNA), team=NETWORK.word)
    given(CREATED, QUEUED).when(c.Take(), by=ANNA).then(taken)


def test_a_service_account_takes_a_case_for_an_agent_and_not_for_itself() -> None:
    given(CREATED).when(c.Take(), by=BOT_FOR_ANNA).then(TAKEN.event)
    given(CREATED).when(c.Take(), by=BOT).then_refused(no.NotAnAgent)
    given(CREATED).when(c.Take(), by=OPERATOR).then_refused(no.PersonUnknown)


def test_a_person_makes_a_case_in_progress() -> None:
    assigned = given(CREATED).when(c.Assign(assignee=id_of(ALAN)), by=ANNA)
    assigned.then(TO_ALAN)
    assert assigned.case.status is Status.IN_PROGRESS


def test_a_team_alone_does_not() -> None:
    assigned = given(CREATED).when(c.Assign(team="network"), by=ANNA)
    assigned.then(QUEUED.event)
    assert assigned.case.status is Status.UNASSIGNED


def test_another_team_alone_takes_the_case_from_whoever_has_it() -> None:
    assigned = given(CREATED, QUEUED, TO_ALAN).when(c.Assign(team="billing"), by=ANNA)
    assigned.then(e.Assigned(assignee=None, team=BILLING.word))
    assert (assigned.case.status, assigned.case.assigned_at) == (Status.UNASSIGNED, None)


def test_a_person_keeps_the_team_and_a_person_in_a_team_gets_both() -> None:
    alone, both = c.Assign(assignee=id_of(ALAN)), c.Assign(assignee=id_of(ALAN), team="billing")
    kept = e.Assigned(assignee=id_of(ALAN), team=NETWORK.word)
    given(CREATED, QUEUED).when(alone, by=ANNA).then(kept)
    moved = e.Assigned(assignee=id_of(ALAN), team=BILLING.word)
    given(CREATED, QUEUED).when(both, by=ANNA).then(moved)


def test_since_when_a_person_has_a_case_does_not_change_with_the_team() -> None:
    moved = given(CREATED, TAKEN).when(
        c.Assign(assignee=id_of(ANNA), team="network"), by=SUE, at=MONDAY + DAY
    )
    assert moved.case.assigned_at == MONDAY + HOUR


def test_assigning_as_it_is_is_no_event() -> None:
    given(CREATED, TAKEN).when(c.Assign(assignee=id_of(ANNA)), by=ALAN).then_nothing()
    given(CREATED, QUEUED).when(c.Assign(team="network"), by=ALAN).then_nothing()


@pytest.mark.parametrize("who", [AXEL, CLARA, AUDREY, BOT])
def test_an_assignee_is_an_active_agent(who: Actor) -> None:
    asked = c.Assign(assignee=id_of(who))
    given(CREATED).when(asked, by=ANNA).then_refused(no.NotAnAgent)


def test_a_team_is_one_of_the_catalogue() -> None:
    asked = c.Assign(team="plumbing")
    given(CREATED).when(asked, by=ANNA).then_refused(no.NotInCatalogue, field="team")


def test_a_case_is_unassigned_with_a_reason_and_stays_in_its_team() -> None:
    had = e.Assigned(assignee=id_of(ALAN), team=NETWORK.word)
    gone = given(CREATED, had).when(c.Unassign(reason="Holidays."), by=ANNA)
    gone.then(UNASSIGNED.event)
    assert (gone.case.status, gone.case.team) == (Status.UNASSIGNED, NETWORK.word)
    given(CREATED).when(c.Unassign(reason="Why?"), by=ANNA).then_refused(no.NobodyAssigned)


def test_a_case_awaits_the_customer_or_a_third_party_or_a_date() -> None:
    for awaited, badge in (
        (Awaited.CUSTOMER, Badge.AWAITING_CUSTOMER),
        (Awaited.THIRD_PARTY, Badge.AWAITING_THIRD_PARTY),
        (Awaited.DATE, Badge.AWAITING_DATE),
    ):
        until = MONDAY + DAY if awaited is Awaited.DATE else None
        asked = given(CREATED).when(c.Await(awaited=awaited, until=until), by=ANNA)
        asked.then(e.Awaiting(awaited=awaited, until=until, reason=None))
        assert (asked.case.badges, asked.case.status) == ((badge,), Status.UNASSIGNED)


def test_the_date_that_a_case_awaits_lies_ahead() -> None:
    asked = c.Await(awaited=Awaited.DATE, until=MONDAY + DAY)
    given(CREATED).when(asked, by=ANNA, at=MONDAY + DAY).then_refused(no.DateNotAhead)
    assert given(CREATED).when(asked, by=ANNA, at=MONDAY + DAY - MOMENT).events


def test_awaiting_the_same_again_is_no_event_and_another_replaces_it() -> None:
    past = given(CREATED, AWAITING)
    past.when(c.Await(awaited=Awaited.CUSTOMER), by=ANNA).then_nothing()
    other = past.when(c.Await(awaited=Awaited.THIRD_PARTY), by=ANNA)
    assert other.case.badges == (Badge.AWAITING_THIRD_PARTY,)


def test_an_agent_resumes_a_case_that_awaits_something() -> None:
    resumed = given(CREATED, AWAITING).when(c.Resume(), by=ANNA)
    resumed.then(e.Resumed(ground="resumed"))
    assert resumed.case.badges == ()
    given(CREATED).when(c.Resume(), by=ANNA).then_refused(no.NotAwaiting)


def test_the_date_itself_resumes_a_case_and_not_a_moment_before() -> None:
    tuesday = e.Awaiting(awaited=Awaited.DATE, until=MONDAY + DAY, reason=None)
    past = given(CREATED, tuesday)
    past.when(c.Resume(), by=TIMEKEEPER, at=MONDAY + DAY).then(e.Resumed(ground="date"))
    before = MONDAY + DAY - MOMENT
    past.when(c.Resume(), by=TIMEKEEPER, at=before).then_refused(no.TimerNotDue)
    given(CREATED, AWAITING).when(c.Resume(), by=TIMEKEEPER).then_refused(no.TimerNotDue)


def test_an_agents_entry_does_not_end_awaiting_and_a_customers_does() -> None:
    past = given(CREATED, AWAITING)
    assert past.when(c.Post(text="Still waiting."), by=ANNA).case.life.awaiting
    posted = past.when(c.Post(text="It is 2.0."), by=CLARA)
    assert posted.events[-1] == e.Resumed(ground="answered")
    assert given(CREATED, ASKED, AWAITING).case.life.awaiting


def test_an_agent_changes_the_severity() -> None:
    changed = e.SeverityChanged(severity=CRITICAL)
    given(CREATED).when(c.ChangeSeverity(severity=Severity.CRITICAL), by=ANNA).then(changed)


def test_the_same_severity_again_is_no_event() -> None:
    given(CREATED).when(c.ChangeSeverity(severity=Severity.STANDARD), by=ANNA).then_nothing()


def test_tags_are_agents_own_words_in_lower_case() -> None:
    asked = c.ChangeTags.model_validate({"add": ["VPN", "vpn", "slow"], "remove": ["performance"]})
    given(CREATED, TAGGED).when(asked, by=ANNA).then(e.TagsChanged(tags=("vpn", "slow")))


def test_the_same_tags_are_no_event() -> None:
    asked = c.ChangeTags(add=("performance",), remove=("unheard",))
    given(CREATED, TAGGED).when(asked, by=ANNA).then_nothing()


def test_a_case_has_at_most_50_tags() -> None:
    fifty = c.ChangeTags(add=tuple(f"tag-{n}" for n in range(50)))
    given(CREATED, TAGGED).when(fifty, by=ANNA).then_refused(no.TooMany, most=50, what="tags")
    assert len(given(CREATED).when(fifty, by=ANNA).case.tags) == 50


def test_a_customers_recipient_of_a_foreign_domain_waits_for_an_agents_approval() -> None:
    added = given(CREATED).when(c.ChangeRecipients(add=("a@acme.com", "x@law.com")), by=CLARA)
    added.then(TWO.event)
    approved = added.so.when(c.ChangeRecipients(add=("x@law.com",)), by=ANNA)
    approved.then(e.RecipientsChanged(recipients=("a@acme.com", "x@law.com"), pending=()))


def test_a_subdomain_is_not_the_accounts_own_domain() -> None:
    added = given(CREATED).when(c.ChangeRecipients(add=("a@evil.acme.com",)), by=CLARA)
    added.then(e.RecipientsChanged(recipients=(), pending=("a@evil.acme.com",)))


def test_adding_an_approved_recipient_again_is_no_event() -> None:
    approved = e.RecipientsChanged(recipients=("x@law.com",))
    again = c.ChangeRecipients(add=("x@law.com",))
    given(CREATED, approved).when(again, by=CLARA).then_nothing()


def test_a_recipient_can_be_removed_waiting_or_not() -> None:
    asked = c.ChangeRecipients(remove=("a@acme.com", "x@law.com"))
    given(CREATED, TWO).when(asked, by=CLARA).then(e.RecipientsChanged(recipients=()))


def test_a_case_has_at_most_50_recipients_those_that_wait_included() -> None:
    more = c.ChangeRecipients(add=tuple(f"a{n}@acme.com" for n in range(49)))
    refused = given(CREATED, TWO).when(more, by=CLARA)
    refused.then_refused(no.TooMany, most=50, what="recipients")


def test_whoever_sees_a_case_can_watch_it_and_stop() -> None:
    watched = given(CREATED).when(c.Watch(), by=CLARA)
    watched.then(e.Watched(person=id_of(CLARA)))
    watched.so.when(c.Watch(), by=CLARA).then_nothing()
    watched.so.when(c.Unwatch(), by=CLARA).then(e.Unwatched(person=id_of(CLARA)))
    given(CREATED).when(c.Unwatch(), by=CLARA).then_nothing()


def test_that_one_of_the_desk_watches_is_internal() -> None:
    watched = given(CREATED).when(c.Watch(), by=ANNA)
    watched.then(e.Watched(person=id_of(ANNA), internal=True))
    assert watched.case.public_version == 1
    stopped = watched.so.when(c.Unwatch(), by=ANNA)
    stopped.then(e.Unwatched(person=id_of(ANNA), internal=True))


def test_admins_and_agents_name_watchers_who_see_the_case() -> None:
    named = c.Watch(person=id_of(CLARA))
    for by in (ADA, CRM, ANNA):
        given(CREATED).when(named, by=by).then(e.Watched(person=id_of(CLARA)))
    other = c.Watch(person=id_of(ADA))
    given(CREATED).when(other, by=CLARA).then_refused(no.NotTheirsToChange, fields="watchers")


@pytest.mark.parametrize("who", [CARL, GINA])
def test_whoever_does_not_see_a_case_cannot_watch_it(who: Actor) -> None:
    given(CREATED).when(c.Watch(person=id_of(who)), by=ANNA).then_refused(no.WatcherCannotSee)


def test_to_a_customer_the_desks_people_are_unknown_as_watchers() -> None:
    asked = c.Watch(person=id_of(ANNA))
    given(CREATED).when(asked, by=ADA).then_refused(no.PersonUnknown, what="watcher")


def test_an_inactive_person_cannot_be_made_a_watcher() -> None:
    asked = c.Watch(person=id_of(CHRIS))
    given(CREATED).when(asked, by=ADA).then_refused(no.PersonInactive, what="watcher")


def test_a_watcher_who_left_or_no_longer_sees_the_case_can_be_taken_off() -> None:
    watching = Happened(e.Watched(person=id_of(CARL)), CARL)
    gone = PEOPLE[id_of(CARL)].model_copy(update={"active": False})
    left = terms(people={**PEOPLE, id_of(CARL): gone})
    asked, stopped = c.Unwatch(person=id_of(CARL)), e.Unwatched(person=id_of(CARL))
    for by in (ADA, ANNA):
        given(CREATED, watching).when(asked, by=by).then(stopped)
        given(CREATED, watching).when(asked, by=by, terms=left).then(stopped)
