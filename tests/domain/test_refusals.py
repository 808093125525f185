"""Every refusal: some example raises it, and it says why in one sentence."""

import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Final

import pytest

from domain import commands as c
from domain import errors as no
from domain.administration import Known, set_document
from domain.calendar import Calendar, Holiday
from domain.configuration import Application, Catalogue, Choice
from domain.values import Awaited, LinkKind, Role
from tests.examples import (
    ACME_ACCOUNT,
    ADA,
    ALAN,
    ANNA,
    AUDREY,
    CARL,
    CASE,
    CHRIS,
    CLARA,
    CLOSE_REQUESTED,
    CLOSED_ON_FRIDAY,
    COMMENTED,
    CREATE,
    CREATED,
    DAY,
    ERASED,
    ESCALATED,
    FILE,
    FILE_ADDED,
    GINA,
    GLOBEX,
    LOG_FILE,
    MERGED,
    MONDAY,
    OTHER,
    OTHER_CASE,
    PATCH,
    PEOPLE,
    POSTED,
    PUBLIC,
    QUESTION,
    RATED,
    RESOLVED,
    SUBSCRIPTION,
    SUE,
    TAKEN,
    THREE_WEEKS_LATER,
    TIMEKEEPER,
    Happened,
    id_of,
    named,
    terms,
)
from tests.spec import Outcome, given

CLOSED, TOLD = given(CREATED, CLOSED_ON_FRIDAY), given(CREATED, POSTED, COMMENTED, FILE_ADDED)
OPEN: Final = given(CREATED)
NOBODY: Final = named("nobody")
POST, MERGE = c.Post(text="Hello."), c.Merge(into="43")
NEVER: Final = Calendar(
    holidays=tuple(Holiday(day=date(2026, 11, 1) + n * DAY, name="Free") for n in range(500))
)
CREATE_MORE: Final = CREATE.model_copy
EMPTY_BORA: Final = CREATE_MORE(update={"application": "bora", "component": "x"})
REMOVED: Final = c.RemoveEntry(entry=PUBLIC)
FIFTY_ONE: Final = c.ChangeTags.model_construct(add=tuple(map(str, range(51))), remove=())
TOMORROW: Final = c.Await(awaited=Awaited.DATE, until=MONDAY)
LATE: Final = THREE_WEEKS_LATER

EXAMPLES: Final[Mapping[type[no.Refusal], Outcome]] = {
    # By role or state.
    no.CaseUnknown: OPEN.when(POST, by=GINA),
    no.RoleMayNot: OPEN.when(POST, by=AUDREY),
    no.ContactOnly: CLOSED.when(c.Rate(score=1), by=ADA),
    no.CaseClosed: CLOSED.when(POST, by=CLARA),
    no.CaseOpen: OPEN.when(c.Reopen(comment="Again."), by=CLARA),
    no.CaseMerged: given(CREATED, MERGED).when(POST, by=CLARA),
    no.CaseNotMerged: OPEN.when(c.Unmerge(), by=ANNA),
    no.CaseErased: given(CREATED, ERASED).when(POST, by=CLARA),
    no.AssignedAlready: given(CREATED, TAKEN).when(c.Take(), by=ALAN),
    no.NobodyAssigned: OPEN.when(c.Unassign(reason="Why?"), by=ANNA),
    no.EscalatedAlready: given(CREATED, ESCALATED).when(c.Escalate(comment="!"), by=ADA),
    no.NotEscalated: OPEN.when(c.Deescalate(justification="x", message="x"), by=ANNA),
    no.CloseRequestedAlready: given(CREATED, CLOSE_REQUESTED).when(
        c.RequestClose.model_validate({"resolved_by": "own"}), by=CLARA
    ),
    no.NoCloseRequested: OPEN.when(c.WithdrawCloseRequest(), by=CLARA),
    no.NoResolutionProposed: OPEN.when(c.AcceptResolution(), by=CLARA),
    no.NotAwaiting: OPEN.when(c.Resume(), by=ANNA),
    no.TimerNotDue: OPEN.when(c.Close(), by=TIMEKEEPER),
    no.TimerStopped: given(CREATED, ESCALATED, RESOLVED).when(c.Close(), by=TIMEKEEPER, at=LATE),
    no.ReopenWindowPassed: CLOSED.when(c.Reopen(comment="Again."), by=CLARA, at=LATE),
    no.ReopenWindowOpen: CLOSED.when(c.FollowUp(description="x"), by=CLARA),
    no.RatingFixed: given(CREATED, CLOSED_ON_FRIDAY, RATED).when(
        c.Rate(score=5), by=CLARA, at=LATE
    ),
    # What does not fit.
    no.FieldRequired: given().when(CREATE, by=ANNA),
    no.NotInCatalogue: given().when(CREATE_MORE(update={"type": "x"}), by=CLARA),
    no.NotConfigured: given().when(EMPTY_BORA, by=CLARA),
    no.PhoneNotUnderstood: OPEN.when(c.ChangeDetails(phone="123"), by=CLARA),
    no.NotOfTheAccount: OPEN.when(c.ChangeDetails(contact=id_of(GINA)), by=ANNA),
    no.PersonInactive: OPEN.when(c.ChangeDetails(contact=id_of(CHRIS)), by=ANNA),
    no.PersonUnknown: OPEN.when(c.ChangeDetails(contact=NOBODY), by=ANNA),
    no.NotAnAgent: OPEN.when(c.Assign(assignee=id_of(CLARA)), by=ANNA),
    no.EntryUnknown: OPEN.when(REMOVED, by=ANNA),
    no.EntryRemovedAlready: TOLD.when(REMOVED, by=ANNA).so.when(REMOVED, by=ANNA),
    no.NotYourEntry: TOLD.when(REMOVED, by=ALAN),
    no.NotTheirsToChange: OPEN.when(c.ChangeDetails(type="services"), by=CLARA),
    no.CustomersEntry: given(
        CREATED, Happened(POSTED.event.model_copy(update={"entry": QUESTION}), CLARA)
    ).when(c.MakeInternal(entry=QUESTION), by=SUE),
    no.NotAPost: TOLD.when(
        c.Comment(post=next(k for k, x in TOLD.case.entries.items() if x.post), text="x"), by=ANNA
    ),
    no.AttachmentUnknown: OPEN.when(c.RemoveAttachment(attachment=FILE), by=ANNA),
    no.NotYourAttachment: TOLD.when(c.RemoveAttachment(attachment=FILE), by=CLARA),
    no.UploadUnknown: OPEN.when(c.AddAttachment(attachments=(PATCH.id, LOG_FILE.id)), by=CLARA),
    no.OtherCaseUnknown: OPEN.when(MERGE, by=ANNA, terms=terms(other=None)),
    no.OtherAccount: OPEN.when(MERGE, by=ANNA, terms=terms(other=replace(OTHER, account=GLOBEX))),
    no.TargetClosed: OPEN.when(MERGE, by=ANNA, terms=terms(other=replace(OTHER, is_open=False))),
    no.SameCase: OPEN.when(
        c.Link(kind=LinkKind.RELATED, case="42"),
        by=ANNA,
        terms=terms(other=replace(OTHER, id=CASE)),
    ),
    no.TooMany: OPEN.when(FIFTY_ONE, by=ANNA),
    no.ExternalIdTaken: OPEN.when(
        c.ChangeDetails(external_ids={"jira": "{OPS-1}"}),
        by=ANNA,
        terms=terms(claims={("jira", "{OPS-1}"): OTHER_CASE}),
    ),
    no.WatcherCannotSee: OPEN.when(c.Watch(person=id_of(CARL)), by=ANNA),
    no.DateNotAhead: OPEN.when(TOMORROW, by=ANNA),
    no.NothingToRedact: OPEN.when(c.Redact(version=9, reason="x"), by=SUE),
    no.ReasonRequired: OPEN.when(c.Close(), by=ANNA),
    no.NoWorkingTime: OPEN.when(c.Close(reason="x"), by=ANNA, terms=terms(calendar=NEVER)),
}

KNOWN: Final = Known(accounts=(), calendars=())
BIG: Final = Catalogue(
    applications=tuple(
        Application(
            key=f"a{n}",
            name="A",
            versions=tuple(Choice(key=f"{v}", name="x" * 120) for v in range(500)),
        )
        for n in range(4)
    )
)
DOCUMENTS: Final[Mapping[type[no.Refusal], c.DocumentCommand]] = {
    no.RoleNeedsAccount: c.SetPerson(
        document=PEOPLE[id_of(ANNA)].model_copy(update={"role": Role.CUSTOMER})
    ),
    no.RoleNotForPeople: c.SetPerson(
        document=PEOPLE[id_of(ANNA)].model_copy(update={"role": Role.OPERATOR})
    ),
    no.AccountUnknown: c.SetPerson(document=PEOPLE[id_of(ADA)]),
    no.CalendarUnknown: c.SetAccount(document=ACME_ACCOUNT),
    no.OwnRoles: c.SetPerson(document=PEOPLE[id_of(SUE)].model_copy(update={"role": Role.AUDITOR})),
    no.DocumentTooLarge: c.SetCatalogue(document=BIG),
    no.OwnerMayNot: c.SetSubscription(document=SUBSCRIPTION),
}
# Those of what runs the rules: its own tests raise them, here is what they say.
AT_THE_DOOR: Final = (
    no.DocumentUnknown(kind="calendar"),
    no.InternalForTheDesk(),
    no.VersionDiffers(current=7, expected=5),
    no.CommandIdTaken(),
    no.TooMuchContention(),
)


BEGIN_WITH_A_NAME: Final = {no.FieldRequired, no.ExternalIdTaken}


def leaves(kind: type[no.Refusal] = no.Refusal) -> Iterator[type[no.Refusal]]:
    """The classes that are raised: those below which there are no others, and `RoleMayNot`."""
    below = kind.__subclasses__()
    for one in below:
        yield from leaves(one)
    if not below or kind is no.RoleMayNot:
        yield kind


def refused(kind: type[no.Refusal]) -> no.Refusal:
    if kind in EXAMPLES:
        return EXAMPLES[kind].then_refused(kind)
    if kind in DOCUMENTS:
        current = PEOPLE[id_of(SUE)]
        with pytest.raises(kind) as raised:
            set_document(current, DOCUMENTS[kind], stream=id_of(SUE), by=SUE, known=KNOWN)
        return raised.value
    return next(one for one in AT_THE_DOOR if type(one) is kind)


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda kind: kind.__name__)
def test_some_example_raises_it_and_it_says_why_in_one_sentence(kind: type[no.Refusal]) -> None:
    sentence = str(refused(kind))
    assert sentence.endswith(".")
    assert re.match(r"[A-Z']", sentence) or kind in BEGIN_WITH_A_NAME
    assert "{" not in sentence.replace("{OPS-1}", "")
    assert "\n" not in sentence
    assert "None" not in sentence
    assert "UUID" not in sentence


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda kind: kind.__name__)
def test_it_says_the_same_when_it_comes_from_another_process(kind: type[no.Refusal]) -> None:
    here = refused(kind)
    there = pickle.loads(pickle.dumps(here))  # noqa: S301  what was just written
    assert (type(there), str(there), there.details) == (kind, str(here), here.details)


def test_every_refusal_stands_in_the_drawn_tree() -> None:
    assert [kind.__name__ for kind in leaves() if kind.__name__ not in (no.__doc__ or "")] == []


def test_a_refusal_has_its_rules_name_in_words() -> None:
    assert no.ReopenWindowPassed(until=LATE).rule == "reopen window passed"


def test_instants_days_and_lists_are_written_for_people() -> None:
    at = datetime.fromisoformat("2026-12-10T23:00:00+00:00")
    assert "10 Dec 2026, 23:00 UTC" in str(no.ReopenWindowPassed(until=at))
    assert "known are: none." in str(no.NotInCatalogue(field="type", given="x", known=()))
