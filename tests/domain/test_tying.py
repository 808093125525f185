"""Cases are merged into and linked with others."""

from dataclasses import replace

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.values import Actor, Badge, LinkKind, Status
from tests.examples import (
    ADA,
    ANNA,
    AUDREY,
    AWAITING,
    BOT,
    CASE,
    CLARA,
    CLOSE_REQUESTED,
    CLOSED_ON_FRIDAY,
    CREATED,
    ESCALATED,
    FRIDAY,
    GLOBEX,
    HOUR,
    LINKED,
    MERGED,
    NUMBER,
    OTHER,
    OTHER_CASE,
    POSTED,
    PUBLIC,
    RESOLVED,
    SUE,
    TAKEN,
    TIMEKEEPER,
    id_of,
    terms,
)
from tests.spec import Outcome, given

MERGE = c.Merge(into=OTHER.number)
LINK = c.Link(kind=LinkKind.RELATED, case=OTHER.number)
UNLINK = c.Unlink(kind=LinkKind.RELATED, case=OTHER.number)
GONE = e.Unlinked(kind=LinkKind.MERGED_FROM, case=CASE)


def test_a_merged_case_is_closed_and_the_target_knows_of_it() -> None:
    merged = given(CREATED).when(MERGE, by=ANNA)
    told = e.Linked(kind=LinkKind.MERGED_FROM, case=CASE, number=NUMBER)
    merged.then(MERGED.event, e.Elsewhere(OTHER_CASE, told))
    assert (merged.case.status, merged.case.badges) == (Status.CLOSED, (Badge.MERGED,))


def test_a_case_is_merged_only_into_an_open_case_of_its_account() -> None:
    past = given(CREATED)
    for other, refusal in (
        (None, no.OtherCaseUnknown),
        (replace(OTHER, id=CASE), no.SameCase),
        (replace(OTHER, account=GLOBEX), no.OtherAccount),
        (replace(OTHER, is_open=False), no.TargetClosed),
    ):
        past.when(MERGE, by=ANNA, terms=terms(other=other)).then_refused(refusal)


def test_only_an_open_case_is_merged_and_only_by_agents() -> None:
    given(CREATED, CLOSED_ON_FRIDAY).when(MERGE, by=ANNA).then_refused(no.CaseClosed)
    given(CREATED, MERGED).when(MERGE, by=ANNA).then_refused(no.CaseMerged)
    for by in (CLARA, ADA, AUDREY):
        given(CREATED).when(MERGE, by=by).then_refused(no.RoleMayNot)


def test_merging_ends_request_proposal_escalation_awaiting_and_every_timer() -> None:
    past = given(CREATED, TAKEN, AWAITING, ESCALATED, RESOLVED, CLOSE_REQUESTED)
    merged = past.when(MERGE, by=ANNA).so
    life = merged.case.life
    assert [life.escalated, life.awaiting, life.requested, life.proposed] == [None] * 4
    late = FRIDAY + 1000 * HOUR
    merged.when(c.Close(), by=TIMEKEEPER, at=late).then_refused(no.CaseMerged)
    merged.when(c.Resume(), by=TIMEKEEPER, at=late).then_refused(no.CaseMerged)


def test_unmerging_restores_the_state_before_flags_included() -> None:
    past = given(CREATED, TAKEN, AWAITING, ESCALATED, RESOLVED, CLOSE_REQUESTED)
    unmerged = past.when(MERGE, by=ANNA).so.when(c.Unmerge(), by=ANNA)
    unmerged.then(e.Unmerged(source=OTHER_CASE), e.Elsewhere(OTHER_CASE, GONE))
    assert unmerged.case.life == past.case.life
    assert (unmerged.case.status, unmerged.case.badges) == (past.case.status, past.case.badges)
    assert unmerged.case.assignee == ANNA.id
    given(CREATED).when(c.Unmerge(), by=ANNA).then_refused(no.CaseNotMerged)


def test_recipients_are_not_copied_to_the_target() -> None:
    recipients = e.RecipientsChanged(recipients=("a@acme.com",))
    merged = given(CREATED, recipients).when(MERGE, by=ANNA)
    assert [x.event for x in merged.events if isinstance(x, e.Elsewhere)] == [
        e.Linked(kind=LinkKind.MERGED_FROM, case=CASE, number=NUMBER)
    ]


def test_while_merged_every_command_but_a_few_is_refused_naming_the_target() -> None:
    past = given(CREATED, POSTED, MERGED)
    for command, by in (
        (c.Post(text="Hello?"), CLARA),
        (c.Escalate(comment="Now."), CLARA),
        (c.Reopen(comment="Again."), CLARA),
        (c.FollowUp(description="Again."), CLARA),
        (c.Rate(score=1), CLARA),
        (c.MakeInternal(entry=PUBLIC), ANNA),
        (LINK, ANNA),
        (UNLINK, ANNA),
        (c.Close(reason="Done."), ANNA),
    ):
        refused = past.when(command, by=by).then_refused(no.CaseMerged, target=OTHER.number)
        assert OTHER.number in str(refused)


def test_while_merged_unmerge_watch_note_and_redact_remain() -> None:
    past = given(CREATED, MERGED)
    assert past.allowed(by=CLARA) == {c.Watch, c.Unwatch}
    assert past.allowed(by=ANNA) == {c.Unmerge, c.Watch, c.Unwatch, c.Note}
    assert past.allowed(by=SUE) == {c.Unmerge, c.Watch, c.Unwatch, c.Note, c.Redact}
    past.when(c.Watch(), by=CLARA).then(e.Watched(person=id_of(CLARA)))


@pytest.mark.parametrize("by", [ANNA, SUE, BOT])
def test_cases_are_linked_both_ways_by_agents_in_any_state(by: Actor) -> None:
    there = e.Elsewhere(OTHER_CASE, e.Linked(kind=LinkKind.RELATED, case=CASE, number=NUMBER))
    for past in (given(CREATED), given(CREATED, CLOSED_ON_FRIDAY)):
        past.when(LINK, by=by).then(LINKED.event, there)
    for customer in (CLARA, ADA, AUDREY):
        given(CREATED).when(LINK, by=customer).then_refused(no.RoleMayNot)


@pytest.mark.parametrize(
    ("kind", "inverse"),
    [
        (LinkKind.RELATED, LinkKind.RELATED),
        (LinkKind.DUPLICATES, LinkKind.DUPLICATED_BY),
        (LinkKind.CAUSED_BY, LinkKind.CAUSES),
    ],
)
def test_each_kind_of_link_is_read_from_the_other_case_as_its_inverse(
    kind: LinkKind, inverse: LinkKind
) -> None:
    assert (kind.inverse, inverse.inverse) == (inverse, kind)
    linked = given(CREATED).when(c.Link(kind=kind, case=OTHER.number), by=ANNA)
    there = e.Linked(kind=inverse, case=CASE, number=NUMBER)
    assert linked.events[1] == e.Elsewhere(OTHER_CASE, there)


def internal(outcome: Outcome) -> list[bool]:
    """Whether each event is, here and there."""
    events = (x.event if isinstance(x, e.Elsewhere) else x for x in outcome.events)
    return [event.is_internal for event in events]


def test_a_link_to_another_account_is_internal_on_both_sides() -> None:
    foreign = terms(other=replace(OTHER, account=GLOBEX))
    linked = given(CREATED).when(LINK, by=ANNA, terms=foreign)
    assert internal(linked) == [True, True]
    unlinked = linked.so.when(UNLINK, by=ANNA, terms=foreign)
    assert internal(unlinked) == [True, True]


def test_linking_twice_and_unlinking_what_is_not_linked_are_no_events() -> None:
    given(CREATED, LINKED).when(LINK, by=ANNA).then_nothing()
    given(CREATED).when(UNLINK, by=ANNA).then_nothing()


def test_a_link_is_taken_off_both_cases() -> None:
    gone = e.Unlinked(kind=LinkKind.RELATED, case=CASE)
    there = e.Unlinked(kind=LinkKind.RELATED, case=OTHER_CASE)
    given(CREATED, LINKED).when(UNLINK, by=ANNA).then(there, e.Elsewhere(OTHER_CASE, gone))


def test_what_a_merge_or_a_follow_up_tied_is_not_untied_by_unlink() -> None:
    tied = e.Linked(kind=LinkKind.MERGED_FROM, case=OTHER_CASE, number=OTHER.number)
    asked = c.Unlink(kind=LinkKind.MERGED_FROM, case=OTHER.number)
    given(CREATED, tied).when(asked, by=ANNA).then_nothing()


def test_a_case_is_not_linked_to_itself_or_to_nothing() -> None:
    for other, refusal in ((None, no.OtherCaseUnknown), (replace(OTHER, id=CASE), no.SameCase)):
        for command in (LINK, UNLINK):
            given(CREATED).when(command, by=ANNA, terms=terms(other=other)).then_refused(refusal)
