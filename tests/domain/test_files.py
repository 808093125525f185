"""Files are attached and taken off; words are destroyed."""

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.values import Actor, Slot
from tests.examples import (
    ADA,
    ALAN,
    ANNA,
    AUDREY,
    BOT,
    CARL,
    CLARA,
    CLOSED_ON_FRIDAY,
    CREATED,
    CRM,
    ERASED,
    FILE,
    FILE_ADDED,
    FRIDAY,
    HOUR,
    INTERNAL,
    LOG_FILE,
    MERGED,
    MOMENT,
    MONDAY,
    NOTED,
    OPERATOR,
    PATCH,
    POSTED,
    PUBLIC,
    SECRET_FILE,
    SECRET_FILE_ADDED,
    SUE,
    TAGGED,
    Happened,
    id_of,
    named,
    raised,
)
from tests.spec import given

EDITED = Happened(e.EntryEdited(entry=PUBLIC, text="Which version, please?"), ANNA)


def log_file(**fields: object) -> e.AttachmentAdded:
    return e.AttachmentAdded.model_validate(
        LOG_FILE.model_dump(exclude={"id", "by"}) | {"attachment": LOG_FILE.id} | fields
    )


def test_a_file_has_the_visibility_of_its_entry() -> None:
    past = given(CREATED, POSTED, NOTED)
    below = past.when(c.Comment(post=INTERNAL, text="Yes.", attachments=(PATCH.id,)), by=ANNA)
    assert below.case.attachments[PATCH.id].internal
    later = past.when(c.AddAttachment(attachments=(PATCH.id,), entry=INTERNAL), by=ANNA)
    assert later.case.attachments[PATCH.id].internal
    public = past.when(c.AddAttachment(attachments=(PATCH.id,), entry=PUBLIC), by=ANNA)
    assert not public.case.attachments[PATCH.id].internal


def test_a_file_of_an_internal_note_cannot_be_attached_again_in_public() -> None:
    noted = given(CREATED).when(c.Note(text="Hm.", attachments=(PATCH.id,)), by=ANNA).so
    for again in (
        c.Post(text="x", attachments=(PATCH.id,)),
        c.AddAttachment(attachments=(PATCH.id,)),
    ):
        noted.when(again, by=ANNA).then_refused(no.UploadUnknown, upload=PATCH.id)


@pytest.mark.parametrize("by", [ADA, CRM, ANNA, ALAN])
def test_a_file_is_removed_by_a_customer_admin_or_an_agent(by: Actor) -> None:
    removed = given(CREATED, POSTED, FILE_ADDED).when(c.RemoveAttachment(attachment=FILE), by=by)
    removed.then(e.AttachmentRemoved(attachment=FILE))
    removed.so.when(c.RemoveAttachment(attachment=FILE), by=by).then_nothing()


def test_a_customer_removes_only_own_files() -> None:
    past = given(CREATED, POSTED, FILE_ADDED, Happened(log_file(entry=None), CLARA))
    other = c.RemoveAttachment(attachment=FILE)
    past.when(other, by=CLARA).then_refused(no.NotYourAttachment)
    own = e.AttachmentRemoved(attachment=LOG_FILE.id)
    past.when(c.RemoveAttachment(attachment=LOG_FILE.id), by=CLARA).then(own)


def test_files_are_added_to_the_case_itself_too() -> None:
    asked = c.AddAttachment(attachments=(LOG_FILE.id,))
    given(CREATED).when(asked, by=CLARA).then(log_file(entry=None))
    given(CREATED, CLOSED_ON_FRIDAY).when(asked, by=CLARA).then_refused(no.CaseClosed)


def test_redacting_an_entry_destroys_every_revision_of_it() -> None:
    past = given(CREATED, POSTED, EDITED)
    redacted = past.when(c.Redact(entry=PUBLIC, reason="A password."), by=SUE)
    redacted.then(e.Redacted(entry=PUBLIC, attachment=None, versions=(2, 3), reason="A password."))
    redacted.so.when(c.Redact(entry=PUBLIC, reason="Again."), by=SUE).then_nothing()
    by_version = past.when(c.Redact(version=3, reason="A password."), by=SUE)
    assert by_version.events == redacted.events


def test_a_file_and_the_words_of_any_event_can_be_redacted() -> None:
    past = given(CREATED, POSTED, FILE_ADDED)
    file = e.Redacted(entry=None, attachment=FILE, versions=(3,), reason="Private.")
    past.when(c.Redact(attachment=FILE, reason="Private."), by=SUE).then(file)
    first = e.Redacted(entry=None, attachment=None, versions=(1,), reason="Private.")
    past.when(c.Redact(version=1, reason="Private."), by=OPERATOR).then(first)


def test_redacting_what_is_internal_is_internal() -> None:
    past = given(CREATED, NOTED, SECRET_FILE_ADDED, TAGGED)
    for command in (
        c.Redact(entry=INTERNAL, reason="A name."),
        c.Redact(attachment=SECRET_FILE, reason="A name."),
        c.Redact(version=4, reason="A name."),
    ):
        assert past.when(command, by=SUE).case.public_version == 1


def test_what_is_not_there_cannot_be_redacted() -> None:
    for command in (
        c.Redact(entry=named("nothing"), reason="?"),
        c.Redact(attachment=named("nothing"), reason="?"),
        c.Redact(version=2, reason="?"),
    ):
        given(CREATED).when(command, by=SUE).then_refused(no.NothingToRedact)


def test_a_support_admin_redacts_in_any_state_and_nobody_else_does() -> None:
    past, command = given(CREATED, CLOSED_ON_FRIDAY), c.Redact(version=1, reason="Private.")
    assert past.when(command, by=SUE, at=FRIDAY + HOUR - MOMENT).events
    for by in (ANNA, BOT, CLARA, ADA, AUDREY):
        past.when(command, by=by).then_refused(no.RoleMayNot, command="redact")


PHONE = Happened(raised(phone="+4930901820"), CLARA, MONDAY)
ADDRESSES = e.RecipientsChanged(recipients=("a@acme.com", "x@law.com"), pending=("y@law.com",))


def test_forgetting_a_person_writes_the_rest_anew_and_destroys_what_was_before() -> None:
    forget = c.Forget(person=id_of(CLARA), email="x@law.com", reason="At her wish.")
    forgotten = given(PHONE, ADDRESSES).when(forget, by=OPERATOR)
    forgotten.then(
        e.DetailsChanged(phone=None),
        e.RecipientsChanged(recipients=("a@acme.com",), pending=("y@law.com",)),
        e.Redacted(
            entry=None, attachment=None, versions=(1, 2), slot=Slot.PERSONAL, reason="At her wish."
        ),
    )
    assert forgotten.case.details.phone is None
    given(CREATED).when(forget, by=OPERATOR).then_nothing()


def test_forgetting_somebody_else_keeps_the_contacts_phone() -> None:
    forget = c.Forget(person=id_of(CARL), reason="At his wish.")
    forgotten = given(PHONE).when(forget, by=OPERATOR)
    assert forgotten.events[0] == e.DetailsChanged(phone="+4930901820")


def test_an_operator_erases_a_case_in_any_state_and_nobody_else_does() -> None:
    erase = c.Erase(reason="At Acme's wish.")
    for past in (given(CREATED), given(CREATED, CLOSED_ON_FRIDAY), given(CREATED, MERGED)):
        past.when(erase, by=OPERATOR).then(ERASED.event)
    for by in (SUE, ANNA, CLARA, AUDREY):
        given(CREATED).when(erase, by=by).then_refused(no.RoleMayNot)
