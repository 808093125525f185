"""What is written, attached, taken back and destroyed: entries and files."""

from collections.abc import Sequence
from uuid import UUID

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.case import Case, Entry
from domain.permitted import Asked, is_support_admin
from domain.terms import Terms
from domain.values import Actor, Slot


def written(asked: Asked, command: c.Post | c.Note, *, internal: bool) -> e.Events:
    entry = asked.terms.new_id("entry")
    posted = e.Posted(entry=entry, text=command.text, internal=internal)
    files = _files(asked, command.attachments, entry, internal=internal)
    return [posted, *files, *answered(asked)]


def commented(asked: Asked, command: c.Comment) -> e.Events:
    post = _entry(asked, command.post)
    if post.post is not None:
        raise no.NotAPost
    entry, internal = asked.terms.new_id("entry"), post.internal
    commented = e.Commented(entry=entry, post=command.post, text=command.text, internal=internal)
    files = _files(asked, command.attachments, entry, internal=internal)
    return [commented, *files, *answered(asked)]


def edited(asked: Asked, command: c.EditEntry) -> e.Events:
    entry = own_entry(asked, command.entry)
    if entry.text == command.text:
        return []
    return [e.EntryEdited(entry=command.entry, text=command.text, internal=entry.internal)]


def removed(asked: Asked, command: c.RemoveEntry) -> e.Events:
    entry = own_entry(asked, command.entry)
    return [e.EntryRemoved(entry=command.entry, internal=entry.internal)]


def made_internal(asked: Asked, command: c.MakeInternal) -> e.Events:
    entry = asked.case.entries.get(command.entry)
    if entry is None:
        raise no.EntryUnknown
    if not entry.by_desk:
        raise no.CustomersEntry
    if entry.author != asked.by.person and not is_support_admin(asked.by):
        raise no.NotYourEntry
    return [] if entry.internal else [e.MadeInternal(entry=command.entry)]


def attachment_added(asked: Asked, command: c.AddAttachment) -> e.Events:
    internal = bool(command.entry and own_entry(asked, command.entry).internal)
    files = _files(asked, command.attachments, command.entry, internal=internal)
    return [*files, *answered(asked)]


def attachment_removed(asked: Asked, command: c.RemoveAttachment) -> e.Events:
    by, file = asked.by, asked.case.attachments.get(command.attachment)
    if file is None or (file.internal and not by.sees_internal):
        raise no.AttachmentUnknown
    if by.is_customer and not by.sees_account and file.uploader != by.person:
        raise no.NotYourAttachment
    if file.removed:
        return []
    return [e.AttachmentRemoved(attachment=command.attachment, internal=file.internal)]


def redacted(case: Case, command: c.Redact) -> e.Events:
    entry, attachment, versions, internal = _target(case, command)
    left = tuple(v for v in versions if (v, Slot.TEXT) not in case.redacted)
    if not left:
        return []
    return [
        e.Redacted(
            entry=entry,
            attachment=attachment,
            versions=left,
            reason=command.reason,
            internal=internal,
        )
    ]


def _target(case: Case, command: c.Redact) -> tuple[UUID | None, UUID | None, Sequence[int], bool]:
    """The entry or file, the versions that hold its words, and whether it is internal."""
    for id_, entry in case.entries.items():
        if command.entry == id_ or command.version in entry.versions:
            return id_, None, entry.versions, entry.internal
    for id_, file in case.attachments.items():
        if command.attachment == id_ or command.version == file.version:
            return None, id_, (file.version,), file.internal
    if command.version is None or command.version > case.version:
        raise no.NothingToRedact
    return None, None, (command.version,), command.version in case.internal_versions


def forgotten(asked: Asked, command: c.Forget) -> e.Events:
    """What is still needed is written anew without the person, and all that was before goes."""
    case, email = asked.case, command.email
    anew: list[e.Event] = []
    if case.details.contact == command.person and case.details.phone:
        anew.append(e.DetailsChanged(phone=None))
    elif case.details.phone:
        anew.append(e.DetailsChanged(phone=case.details.phone))
    if case.recipients or case.pending:
        kept = tuple(address for address in case.recipients if address != email)
        waiting = tuple(address for address in case.pending if address != email)
        anew.append(e.RecipientsChanged(recipients=kept, pending=waiting))
    left = tuple(v for v in case.personal if (v, Slot.PERSONAL) not in case.redacted)
    if not left:
        return []
    gone = e.Redacted(
        entry=None, attachment=None, versions=left, slot=Slot.PERSONAL, reason=command.reason
    )
    return [*anew, gone]


def answered(asked: Asked) -> e.Events:
    """What a word from the customer's side ends: waiting, and a proposal that it did not accept."""
    if not asked.by.is_customer:
        return []
    withdrawn = [e.ResolutionAnswered()] if asked.case.life.proposed else []
    return [*withdrawn, *resumed(asked)]


def resumed(asked: Asked) -> e.Events:
    if asked.by.is_customer and asked.case.life.awaiting:
        return [e.Resumed(ground="answered")]
    return []


def _entry(asked: Asked, entry: UUID) -> Entry:
    """An entry that is there, for this actor, and not removed."""
    found = asked.case.entries.get(entry)
    if found is None or (found.internal and not asked.by.sees_internal):
        raise no.EntryUnknown
    if found.removed:
        raise no.EntryRemovedAlready
    return found


def own_entry(asked: Asked, entry: UUID) -> Entry:
    found = _entry(asked, entry)
    if found.author != asked.by.person:
        raise no.NotYourEntry
    return found


def _files(
    asked: Asked, uploads: Sequence[UUID], entry: UUID | None, *, internal: bool
) -> e.Events:
    # What was attached waits no longer; a second entry could make an internal file public.
    if again := next((upload for upload in uploads if upload in asked.case.attachments), None):
        raise no.UploadUnknown(upload=again)
    return attached(uploads, entry, asked.by, asked.terms, internal=internal)


def attached(
    uploads: Sequence[UUID], entry: UUID | None, by: Actor, terms: Terms, *, internal: bool
) -> e.Events:
    return [
        e.AttachmentAdded(
            attachment=found.id,
            entry=entry,
            name=found.name,
            size=found.size,
            media_type=found.media_type,
            digest=found.digest,
            internal=internal,
            key=found.key,
            scanned=found.scanned,
        )
        for found in (terms.upload(upload, by) for upload in uploads)
    ]
