"""What is written, attached, taken back and destroyed."""

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.values import Actor
from tests.examples import (
    ADA,
    ALAN,
    ANNA,
    ASKED,
    AUDREY,
    BELOW,
    BOT,
    BOT_FOR_ANNA,
    CARL,
    CLARA,
    CLOSE_REQUESTED,
    CLOSED_ON_FRIDAY,
    COMMENTED,
    CREATED,
    CRM,
    FILE,
    FILE_ADDED,
    INTERNAL,
    LOG_FILE,
    NEW_ENTRY,
    NOTED,
    OPERATOR,
    PATCH,
    POSTED,
    PUBLIC,
    QUESTION,
    RESOLVED,
    SECRET_FILE,
    SECRET_FILE_ADDED,
    SUE,
    Happened,
    named,
)
from tests.spec import given

MADE_INTERNAL = Happened(e.MadeInternal(entry=PUBLIC), ANNA)
REMOVED = Happened(e.EntryRemoved(entry=PUBLIC), ANNA)


@pytest.mark.parametrize("by", [CLARA, ADA, CRM, ANNA, SUE, BOT, OPERATOR])
def test_all_who_see_a_case_post(by: Actor) -> None:
    given(CREATED).when(c.Post(text="Hello."), by=by).then(e.Posted(entry=NEW_ENTRY, text="Hello."))


def test_an_auditor_posts_nothing_and_notes_nothing() -> None:
    for command in (c.Post(text="Hm."), c.Note(text="Hm.")):
        given(CREATED).when(command, by=AUDREY).then_refused(no.RoleMayNot)


def test_a_note_is_internal_with_its_files_and_only_of_agents() -> None:
    noted = given(CREATED).when(c.Note(text="Hm.", attachments=(PATCH.id,)), by=ANNA)
    assert all(isinstance(event, e.Event) and event.is_internal for event in noted.events)
    assert (noted.case.version, noted.case.public_version) == (3, 1)
    given(CREATED).when(c.Note(text="Hm."), by=CLARA).then_refused(no.RoleMayNot, command="note")


def test_on_a_closed_case_only_internal_notes_are_written_and_customers_are_told_to_reopen() -> (
    None
):
    past = given(CREATED, POSTED, CLOSED_ON_FRIDAY)
    assert past.when(c.Note(text="Hm.", attachments=(PATCH.id,)), by=ANNA).events
    for by in (CLARA, ANNA):
        refused = past.when(c.Post(text="Thanks."), by=by).then_refused(no.CaseClosed)
        assert "reopen it" in str(refused)
        past.when(c.Comment(post=PUBLIC, text="Thanks."), by=by).then_refused(no.CaseClosed)


def test_a_comment_has_its_posts_visibility() -> None:
    past = given(CREATED, POSTED, NOTED)
    public = e.Commented(entry=NEW_ENTRY, post=PUBLIC, text="2.0")
    past.when(c.Comment(post=PUBLIC, text="2.0"), by=CLARA).then(public)
    internal = e.Commented(entry=NEW_ENTRY, post=INTERNAL, text="Yes.", internal=True)
    past.when(c.Comment(post=INTERNAL, text="Yes."), by=ALAN).then(internal)


def test_to_a_customer_an_internal_entry_is_not_there() -> None:
    past = given(CREATED, NOTED, SECRET_FILE_ADDED)
    for command in (
        c.Comment(post=INTERNAL, text="?"),
        c.EditEntry(entry=INTERNAL, text="?"),
        c.RemoveEntry(entry=INTERNAL),
        c.AddAttachment(entry=INTERNAL, attachments=(LOG_FILE.id,)),
    ):
        past.when(command, by=CLARA).then_refused(no.EntryUnknown)
    gone = c.RemoveAttachment(attachment=SECRET_FILE)
    past.when(gone, by=ADA).then_refused(no.AttachmentUnknown)


def test_comments_stand_below_posts_and_not_below_comments() -> None:
    asked = c.Comment(post=BELOW, text="No.")
    given(CREATED, POSTED, COMMENTED).when(asked, by=ANNA).then_refused(no.NotAPost)
    given(CREATED).when(asked, by=ANNA).then_refused(no.EntryUnknown)


def test_comments_under_a_removed_post_stay_and_new_ones_are_refused() -> None:
    past = given(CREATED, POSTED, COMMENTED, REMOVED)
    assert (past.case.entries[PUBLIC].removed, past.case.entries[BELOW].removed) == (True, False)
    asked = c.Comment(post=PUBLIC, text="Wait.")
    past.when(asked, by=ANNA).then_refused(no.EntryRemovedAlready)
    edited = e.EntryEdited(entry=BELOW, text="2.1")
    past.when(c.EditEntry(entry=BELOW, text="2.1"), by=CLARA).then(edited)


def test_an_author_edits_an_own_entry_and_every_revision_stays() -> None:
    edited = given(CREATED, POSTED).when(c.EditEntry(entry=PUBLIC, text="Which one?"), by=ANNA)
    edited.then(e.EntryEdited(entry=PUBLIC, text="Which one?"))
    assert edited.case.entries[PUBLIC].versions == (2, 3)
    given(CREATED, POSTED).when(c.EditEntry(entry=PUBLIC, text="?"), by=BOT_FOR_ANNA).then(
        e.EntryEdited(entry=PUBLIC, text="?")
    )


def test_editing_a_note_stays_internal_and_the_same_words_are_no_event() -> None:
    past = given(CREATED, NOTED)
    edited = e.EntryEdited(entry=INTERNAL, text="Ours.", internal=True)
    past.when(c.EditEntry(entry=INTERNAL, text="Ours."), by=ANNA).then(edited)
    past.when(c.EditEntry(entry=INTERNAL, text="A bug of ours."), by=ANNA).then_nothing()
    removed = e.EntryRemoved(entry=INTERNAL, internal=True)
    past.when(c.RemoveEntry(entry=INTERNAL), by=ANNA).then(removed)


@pytest.mark.parametrize("by", [ALAN, SUE, CLARA, ADA])
def test_only_its_author_changes_an_entry(by: Actor) -> None:
    past = given(CREATED, POSTED)
    past.when(c.EditEntry(entry=PUBLIC, text="!"), by=by).then_refused(no.NotYourEntry)
    past.when(c.RemoveEntry(entry=PUBLIC), by=by).then_refused(no.NotYourEntry)
    file = c.AddAttachment(entry=PUBLIC, attachments=(PATCH.id,))
    past.when(file, by=by).then_refused(no.NotYourEntry)


def test_a_removed_entry_is_not_changed_any_more() -> None:
    past = given(CREATED, POSTED, REMOVED)
    edit = c.EditEntry(entry=PUBLIC, text="!")
    past.when(edit, by=ANNA).then_refused(no.EntryRemovedAlready)
    past.when(c.RemoveEntry(entry=PUBLIC), by=ANNA).then_refused(no.EntryRemovedAlready)


def test_own_entries_of_a_closed_case_are_not_changed() -> None:
    past = given(CREATED, POSTED, NOTED, CLOSED_ON_FRIDAY)
    past.when(c.EditEntry(entry=INTERNAL, text="!"), by=ANNA).then_refused(no.CaseClosed)
    past.when(c.RemoveEntry(entry=PUBLIC), by=ANNA).then_refused(no.CaseClosed)


def test_an_entry_sent_by_mistake_is_made_internal_with_its_comments_and_files() -> None:
    past = given(CREATED, POSTED, COMMENTED, FILE_ADDED, ASKED)
    made = past.when(c.MakeInternal(entry=PUBLIC), by=ANNA)
    made.then(MADE_INTERNAL.event)
    case = made.case
    hidden = [case.entries[PUBLIC].internal, case.entries[BELOW].internal]
    assert [*hidden, case.attachments[FILE].internal] == [True, True, True]
    assert not case.entries[QUESTION].internal
    assert case.public_version == past.case.public_version


def test_an_entry_is_made_internal_by_its_author_or_a_support_admin_in_any_state() -> None:
    past = given(CREATED, POSTED, CLOSED_ON_FRIDAY)
    command = c.MakeInternal(entry=PUBLIC)
    for by in (ANNA, SUE, BOT_FOR_ANNA, OPERATOR):
        past.when(command, by=by).then(MADE_INTERNAL.event)
    for by in (ALAN, BOT):
        past.when(command, by=by).then_refused(no.NotYourEntry)
    past.when(command, by=CLARA).then_refused(no.RoleMayNot)


def test_what_a_customer_wrote_stays_public() -> None:
    asked = c.MakeInternal(entry=QUESTION)
    given(CREATED, ASKED).when(asked, by=SUE).then_refused(no.CustomersEntry)


def test_an_internal_entry_is_not_made_internal_again() -> None:
    given(CREATED, NOTED).when(c.MakeInternal(entry=INTERNAL), by=ANNA).then_nothing()
    missing = c.MakeInternal(entry=named("nothing"))
    given(CREATED).when(missing, by=ANNA).then_refused(no.EntryUnknown)


def test_a_comment_below_a_post_that_was_made_internal_is_internal() -> None:
    past = given(CREATED, POSTED, MADE_INTERNAL)
    commented = past.when(c.Comment(post=PUBLIC, text="Sorry."), by=ALAN)
    assert commented.case.entries[NEW_ENTRY].internal


def test_whoever_wrote_below_a_post_that_was_made_internal_finds_nothing_there() -> None:
    past = given(CREATED, POSTED, COMMENTED, MADE_INTERNAL)
    past.when(c.EditEntry(entry=BELOW, text="?"), by=CLARA).then_refused(no.EntryUnknown)


def test_any_customer_side_entry_withdraws_the_proposal() -> None:
    past = given(CREATED, POSTED, RESOLVED)
    for command in (
        c.Post(text="No."),
        c.Comment(post=PUBLIC, text="No."),
        c.AddAttachment(attachments=(LOG_FILE.id,)),
    ):
        answered = past.when(command, by=CLARA)
        assert answered.events[-1] == e.ResolutionAnswered()
        assert answered.case.life.proposed is None
    assert past.when(c.Post(text="By the way."), by=ANNA).case.life.proposed


def test_any_customer_side_entry_stops_the_timer_of_a_close_request_which_stands() -> None:
    past = given(CREATED, POSTED, CLOSE_REQUESTED)
    for command in (
        c.Post(text="Well."),
        c.Comment(post=PUBLIC, text="Well."),
        c.AddAttachment(attachments=(LOG_FILE.id,)),
    ):
        requested = past.when(command, by=CLARA).case.life.requested
        assert requested is not None
        assert requested.closes_at is None
    by_anna = past.when(c.Post(text="Well."), by=ANNA).case.life.requested
    assert by_anna == past.case.life.requested


def test_another_persons_case_is_unknown() -> None:
    given(CREATED).when(c.Post(text="Hi."), by=CARL).then_refused(no.CaseUnknown)
