"""Who sees a case, and who may do what: the first two columns of the table of commands."""

from typing import TypeAlias

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.permitted import RULES
from domain.sight import sees
from domain.values import Actor, Role
from tests.examples import (
    ADA,
    ALAN,
    ANNA,
    AUDREY,
    BLIND_BOT,
    BOT,
    BOT_FOR_ANNA,
    CARL,
    CASE,
    CLARA,
    CLOSE_REQUESTED,
    CLOSED_ON_FRIDAY,
    CREATED,
    CRM,
    CRM_FOR_CLARA,
    ERASED,
    FRIDAY,
    GINA,
    GUS,
    HOUR,
    INTERNAL,
    MONDAY,
    NEW_ENTRY,
    NOTED,
    OPERATOR,
    RESOLVED,
    SUE,
    TERMS,
    TIMEKEEPER,
    Happened,
    id_of,
    raised,
)
from tests.spec import given

Kinds: TypeAlias = frozenset[type[c.Command]]

WRITING: Kinds = frozenset(
    {c.Post, c.Comment, c.EditEntry, c.RemoveEntry, c.AddAttachment, c.RemoveAttachment}
)
OPEN_TO_BOTH: Kinds = WRITING | {
    c.Watch, c.Unwatch, c.ChangeDetails, c.ChangeRecipients, c.Escalate,
}  # fmt: skip
OPEN_TO_CUSTOMERS: Kinds = OPEN_TO_BOTH | {c.RequestClose}
OPEN_TO_AGENTS: Kinds = OPEN_TO_BOTH | {
    c.Note, c.MakeInternal, c.Take, c.Assign, c.Await, c.ChangeSeverity, c.ChangeTags, c.Resolve,
    c.Close, c.Merge, c.Link, c.Unlink,
}  # fmt: skip


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, CRM_FOR_CLARA, ANNA, ALAN, SUE, BOT, AUDREY])
def test_contact_submitter_the_accounts_admins_and_the_desk_see_a_case(by: Actor) -> None:
    assert sees(given(CREATED).case, by.person, by)


@pytest.mark.parametrize("by", [CARL, GINA, GUS])
def test_another_persons_case_is_unknown_whatever_is_asked(by: Actor) -> None:
    case = given(CREATED)
    assert not sees(case.case, by.person, by)
    assert case.allowed(by=by) == set()
    case.when(c.Take(), by=by).then_refused(no.CaseUnknown)


def test_submitter_and_contact_both_see_it_and_a_former_contact_does_not() -> None:
    both = Happened(raised(contact=id_of(CARL)), CLARA, MONDAY)
    assert all(sees(given(both).case, by.person, by) for by in (CLARA, CARL))
    moved = given(both).when(c.ChangeDetails(contact=id_of(ADA)), by=ANNA).case
    assert [sees(moved, by.person, by) for by in (CLARA, CARL)] == [True, False]


def test_a_contact_who_moved_to_another_account_sees_nothing_of_it() -> None:
    moved = CLARA.model_copy(update={"account": GINA.account})
    assert not sees(given(CREATED).case, moved.person, moved)


def test_a_customer_without_an_account_sees_nothing() -> None:
    for role in (Role.CUSTOMER, Role.CUSTOMER_ADMIN):
        astray = Actor(id=CLARA.id, role=role)
        assert not sees(given(CREATED).case, astray.person, astray)


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, CRM_FOR_CLARA])
def test_what_the_customers_side_may_do_with_an_open_case(by: Actor) -> None:
    assert given(CREATED).allowed(by=by) == OPEN_TO_CUSTOMERS
    asked = given(CREATED, RESOLVED, CLOSE_REQUESTED).allowed(by=by)
    confirmed = {c.AcceptResolution, c.RejectResolution, c.WithdrawCloseRequest}
    assert asked == OPEN_TO_CUSTOMERS - {c.RequestClose} | confirmed


@pytest.mark.parametrize("by", [ANNA, BOT, BOT_FOR_ANNA])
def test_what_agents_may_do_with_an_open_case(by: Actor) -> None:
    assert given(CREATED).allowed(by=by) == OPEN_TO_AGENTS


def test_support_admins_may_redact_as_well_and_operators_erase() -> None:
    assert given(CREATED).allowed(by=SUE) == OPEN_TO_AGENTS | {c.Redact}
    expected = OPEN_TO_AGENTS | {c.Redact, c.Erase, c.Forget}
    assert given(CREATED).allowed(by=OPERATOR) == expected


def test_auditors_see_everything_and_change_nothing() -> None:
    for past in (given(CREATED, RESOLVED, CLOSE_REQUESTED), given(CREATED, CLOSED_ON_FRIDAY)):
        assert past.allowed(by=AUDREY) == set()
        past.when(c.Watch(), by=AUDREY).then_refused(no.RoleMayNot, role=Role.AUDITOR)


def test_the_timer_only_resumes_and_closes_and_only_when_it_is_due() -> None:
    assert given(CREATED).allowed(by=TIMEKEEPER) == set()
    late = FRIDAY + 500 * HOUR
    assert given(CREATED, RESOLVED).allowed(by=TIMEKEEPER, at=late) == {c.Close}


def test_of_an_erased_case_nothing_is_left_to_do() -> None:
    past = given(CREATED, ERASED)
    for by in (CLARA, ANNA, SUE, TIMEKEEPER):
        assert past.allowed(by=by) == set()
    past.when(c.Post(text="Hello?"), by=CLARA).then_refused(no.CaseErased)


def test_every_command_of_a_case_has_a_rule() -> None:
    asked = set(c.CaseCommand.__args__)
    assert asked == {c.Create, *RULES}


def test_a_case_that_is_there_is_not_created_again() -> None:
    create = c.Create(application="atlas", type="services", subject="x", description="x")
    given(CREATED).when(create, by=CLARA).then_refused(no.CaseUnknown)


def test_a_service_account_that_acts_for_a_person_is_recorded_with_both() -> None:
    posted = given(CREATED).when(c.Post(text="Hello."), by=CRM_FOR_CLARA).so
    by = posted.history[-1].by
    assert (by.id, by.on_behalf_of, by.role) == (CRM.id, CLARA.id, Role.CUSTOMER)
    assert posted.case.entries[TERMS.new_id("entry")].author == CLARA.id
    edit = c.EditEntry(entry=TERMS.new_id("entry"), text="Hi.")
    assert posted.when(edit, by=CLARA).events
    posted.when(edit, by=CRM).then_refused(no.NotYourEntry)


def test_an_event_is_by_the_customer_or_by_the_desk_and_the_timer_is_neither_person() -> None:
    for by, desk in ((CLARA, False), (CRM, False), (ANNA, True), (BOT, True), (TIMEKEEPER, True)):
        (recorded,) = given(Happened(raised(), by, MONDAY)).history
        assert recorded.by_desk == desk
        assert recorded.stream == CASE


def test_who_acts_without_the_right_to_notes_finds_none() -> None:
    case = given(CREATED, NOTED)
    assert (case.case.version_for(BOT), case.case.version_for(BLIND_BOT)) == (2, 1)
    below = c.Comment(post=INTERNAL, text="So.")
    case.when(below, by=BOT).then(
        e.Commented(entry=NEW_ENTRY, post=INTERNAL, text="So.", internal=True)
    )
    case.when(below, by=BLIND_BOT).then_refused(no.EntryUnknown)
