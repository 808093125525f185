"""No accepted command makes an event above 256 KiB: fields at their bounds, of 4-byte letters."""

import json
from typing import Final

import pytest

from domain import commands as c
from domain import events as e
from domain.case import Case
from domain.configuration import Account, Application, Catalogue, Choice, TechProfile
from domain.decide import decide
from domain.recorded import CommandRef, Recorded
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.values import Actor, Upload
from tests.domain.asking import HOW
from tests.examples import (
    ANNA,
    ASKED,
    CASE,
    CLARA,
    CLOSE_REQUESTED,
    CLOSED_ON_FRIDAY,
    COMMAND,
    CREATED,
    ESCALATED,
    OPERATOR,
    POSTED,
    PUBLIC,
    RESOLVED,
    SUE,
    TAKEN,
    THREE_WEEKS_LATER,
    Happened,
    id_of,
    named,
    terms,
)
from tests.spec import Given, given

MOST_BYTES: Final = 256 * 1024
LETTER: Final = "\U00020000"  # of four bytes, and a letter to every rule
KEY: Final = "k" * 63
WORDS, SENTENCE, LABEL = LETTER * 32_000, LETTER * 2_000, LETTER * 120
SUBJECT, REFERENCE = LETTER * 255, LETTER * 80
LONGEST: Final = Choice(key=KEY, name=LABEL)
FILES: Final = tuple(named(f"file {n}") for n in range(20))
ADDRESSES: Final = tuple(f"{n:02}{'a' * 62}@{'.'.join(['b' * 60] * 3)}.com" for n in range(50))
EXTERNAL: Final = {f"{n:02}{'k' * 61}": REFERENCE for n in range(20)}
TERMS: Final = terms(
    catalogue=Catalogue(
        applications=(
            Application(
                key=KEY, name=LABEL, versions=(LONGEST,), components=(LONGEST,),
                categories=(LONGEST,),
            ),
        ),
        types=(LONGEST,),
        teams=(LONGEST,),
    ),
    account=Account(
        name="Acme", zone="Europe/Berlin", country="DE",
        tech_profiles=(TechProfile(key=KEY, name=LABEL, application=KEY),),
    ),
    uploads={
        id_: Upload(
            id=id_, name=LETTER * 255, size=2**40, media_type="x" * 255, digest="f" * 64, by=by
        )
        for by, ids in ((CLARA.id, FILES[:10]), (ANNA.id, FILES[10:]))
        for id_ in ids
    },
)  # fmt: skip
DETAILS: Final = {
    "phone": "+49 30 901820", "tech_profile": KEY, "application": KEY, "product_version": KEY,
    "component": KEY, "category": KEY, "customer_reference": REFERENCE, "external_ids": EXTERNAL,
    "subject": SUBJECT, "description": WORDS,
}  # fmt: skip
OPEN: Final = given(CREATED, POSTED, ASKED)
UNDER_WAY: Final = given(CREATED, TAKEN, ESCALATED, RESOLVED, CLOSE_REQUESTED)
CLOSED: Final = given(CREATED, CLOSED_ON_FRIDAY)
LONG_CASE: Final = given(
    Happened(e.Created.model_validate(
        CREATED.event.model_dump() | {"subject": SUBJECT, "external_ids": EXTERNAL}
    ), CLARA, CREATED.at),
    e.RecipientsChanged(recipients=ADDRESSES[:25], pending=ADDRESSES[25:]),
    CLOSED_ON_FRIDAY,
)  # fmt: skip
LARGEST: Final[list[tuple[c.Command, Actor, Given | None]]] = [
    (c.Create.model_validate(DETAILS | {
        "type": KEY, "team": KEY, "contact": id_of(CLARA), "recipients": ADDRESSES,
        "attachments": FILES[:10],
    }), CLARA, None),
    (c.Unassign(reason=SENTENCE), ANNA, UNDER_WAY),
    (c.Post(text=WORDS, attachments=FILES[10:]), ANNA, OPEN),
    (c.Note(text=WORDS, attachments=FILES[10:]), ANNA, OPEN),
    (c.Comment(post=PUBLIC, text=WORDS, attachments=FILES[:10]), CLARA, OPEN),
    (c.EditEntry(entry=PUBLIC, text=WORDS), ANNA, OPEN),
    (c.AddAttachment(attachments=FILES[:10]), CLARA, OPEN),
    (c.Await.model_validate({"awaited": "customer", "reason": SENTENCE}), ANNA, OPEN),
    (c.ChangeDetails.model_validate(DETAILS), ANNA, OPEN),
    (c.ChangeTags(add=tuple(f"{LETTER * 38}{n:02}" for n in range(50))), ANNA, OPEN),
    (c.ChangeRecipients(add=ADDRESSES), CLARA, OPEN),
    (c.Escalate(comment=WORDS), CLARA, OPEN),
    (c.Deescalate(justification=SENTENCE, message=SENTENCE), ANNA, UNDER_WAY),
    (c.Resolve.model_validate(
        {"type": "provided", "root_cause": SENTENCE, "summary": WORDS}
    ), ANNA, OPEN),
    (c.AcceptResolution(comment=WORDS), CLARA, UNDER_WAY),
    (c.RejectResolution(comment=WORDS), CLARA, UNDER_WAY),
    (c.RequestClose.model_validate({"resolved_by": "own", "comment": WORDS}), CLARA, OPEN),
    (c.DeclineCloseRequest(reason=SENTENCE), ANNA, UNDER_WAY),
    (c.Close(reason=SENTENCE), ANNA, OPEN),
    (c.Reopen(comment=WORDS), CLARA, CLOSED),
    (c.FollowUp(subject=SUBJECT, description=WORDS), CLARA, LONG_CASE),
    (c.Rate(score=1, comment=SENTENCE), CLARA, CLOSED),
    (c.Redact(version=1, reason=SENTENCE), SUE, OPEN),
    (c.Erase(reason=SENTENCE), OPERATOR, OPEN),
    (c.Forget(person=id_of(CLARA), reason=SENTENCE), OPERATOR, LONG_CASE),
]  # fmt: skip


def stored(codec: Codec, event: e.Event, by: Actor) -> int:
    """How many bytes the log keeps of an event."""
    ref = CommandRef(id=COMMAND, name="x" * 30, digest="f" * 64, of=25)
    documents = {f"{kind}:{KEY}": 10**6 for kind in ("account", "calendar", "catalogue", "person")}
    at = THREE_WEEKS_LATER
    recorded = Recorded(event, CASE, 10**6, at, by, ref, documents=documents, build="f" * 40)
    return len(codec.encode(recorded).state)


@pytest.mark.parametrize(("command", "by", "past"), LARGEST, ids=lambda x: type(x).__name__)
def test_no_accepted_command_makes_an_event_above_256_kib(
    command: c.Command, by: Actor, past: Given | None
) -> None:
    case: Case | None = past.case if past else None
    late = THREE_WEEKS_LATER if isinstance(command, c.FollowUp) else past and past.history[-1].at
    events = decide(case, command, by=by, at=late or THREE_WEEKS_LATER, terms=TERMS)
    codec = Codec(Keyring(b"k" * 32))
    for item in events:
        event = item.event if isinstance(item, e.Elsewhere) else item
        assert stored(codec, event, by) <= MOST_BYTES, type(event).__name__
    assert events


def test_every_command_that_has_words_is_among_them() -> None:
    wordy = {kind for kind in HOW if "maxLength" in json.dumps(kind.model_json_schema())}
    assert wordy - {type(command) for command, _, _ in LARGEST} == set()


@pytest.mark.parametrize("command", [x for x, _, _ in LARGEST], ids=lambda x: type(x).__name__)
def test_their_words_are_at_their_bounds(command: c.Command) -> None:
    told = command.model_json_schema()["properties"]
    for field, value in command:
        bounds = [x.get("maxLength", 0) for x in [told[field], *told[field].get("anyOf", ())]]
        if isinstance(value, str) and max(bounds) and field != "phone":
            assert len(value) == max(bounds), field


def test_root_cause_and_summary_fit_into_one_event_together() -> None:
    asked = {"type": "provided", "root_cause": WORDS, "summary": WORDS}
    with pytest.raises(ValueError, match="at most 2000 characters"):
        c.Resolve.model_validate(asked)
