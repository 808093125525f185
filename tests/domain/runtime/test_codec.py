"""What the bytes of an event promise."""

import dataclasses
import json
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID

import pytest
import rfc8785

from domain import events as e
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.codec import NAME_OF, NAMES, Codec, StateUnreadable, current_version
from domain.runtime.keys import Keyring, KeyUnusable
from domain.runtime.sealing import Destroyed, sealed_fields
from domain.values import Erased
from tests import examples as x
from tests.domain.encoded import CODEC, row
from tests.domain.runtime.every_event import CLASSES, EVERY
from tests.domain.stored import FRAMES, read_frame

ids = [NAME_OF[type(event)] for event in EVERY]


def recorded(event: e.Event, version: int = 7) -> Recorded:
    return Recorded(
        event=event,
        stream=x.CASE,
        version=version,
        at=x.MONDAY,
        by=x.CRM_FOR_CLARA,
        command=CommandRef(x.COMMAND, "Post", "ab" * 32, 1),
        cause=Cause("request", "r-1"),
        documents={"catalogue": 3, f"account:{x.ACME}": 1},
        build="1.0",
    )


def test_every_event_has_an_example_and_a_stored_name() -> None:
    assert {type(event) for event in EVERY} == CLASSES == set(NAMES.values())
    assert len(EVERY) == len(NAMES) == len(NAME_OF)


def test_with_what_rights_somebody_acted_is_not_kept() -> None:
    before = dataclasses.replace(recorded(EVERY[0]), by=x.BLIND_BOT)
    assert CODEC.decode(row(CODEC.encode(before))).by == x.BOT


@pytest.mark.parametrize("event", EVERY, ids=ids)
def test_an_event_comes_back_as_it_was(event: e.Event) -> None:
    before = recorded(event)
    after = CODEC.decode(row(CODEC.encode(before)))
    assert after == dataclasses.replace(before, position=9, recorded_at=x.FRIDAY)
    assert after.event.model_fields_set >= event.model_fields_set
    assert not event.partial or after.event.model_fields_set == event.model_fields_set


@pytest.mark.parametrize("event", EVERY, ids=ids)
def test_the_bytes_are_those_of_rfc_8785(event: e.Event) -> None:
    state = CODEC.encode(recorded(event)).state
    assert rfc8785.dumps(json.loads(state)) == state


@pytest.mark.parametrize("event", EVERY, ids=ids)
def test_what_people_wrote_is_not_in_the_bytes(event: e.Event) -> None:
    frame = CODEC.encode(recorded(event))
    for slot, text in sealed_texts(sealed_fields(type(event)), event):
        assert slot in frame.keys
        assert json.dumps(text, ensure_ascii=False).encode()[1:-1] not in frame.state


@pytest.mark.parametrize("event", EVERY, ids=ids)
def test_words_whose_key_was_destroyed_say_so(event: e.Event) -> None:
    gone = Destroyed("redacted", x.FRIDAY)
    frame = CODEC.encode(recorded(event))
    read = CODEC.decode(row(frame, text=gone, personal=gone)).event
    for _slot, text in sealed_texts(sealed_fields(type(event)), read):
        assert isinstance(text, Erased)
        assert (text.reason, text.when) == ("redacted", x.FRIDAY)


def sealed_texts(plan: Any, value: Any) -> list[tuple[str, str]]:  # noqa: ANN401  any value
    """Every text that is encrypted, with its slot."""
    if value is None:
        return []
    if isinstance(plan, str):
        return [(plan, value)]
    if isinstance(plan, tuple):
        return [found for item in value for found in sealed_texts(plan[0], item)]
    return [found for f, p in plan.items() for found in sealed_texts(p, getattr(value, f))]


# What is not what somebody wrote in a sentence, and names nobody: words of the catalogue and keys.
PLAIN = {
    "number", "media_type", "customer_reference", "external_ids", "tags", "ground", "zone",
    "origin", "document",
}  # fmt: skip


def test_whatever_people_write_is_kept_encrypted_and_a_new_field_must_be_judged() -> None:
    open_texts = {
        (event.__name__, field)
        for event in CLASSES
        for field, hint in get_type_hints(event).items()
        if "str" in str(hint) and field not in sealed_fields(event) and not field.isupper()
    }
    assert {field for _event, field in open_texts} <= PLAIN


def test_a_persons_name_and_address_are_kept_encrypted() -> None:
    assert sealed_fields(e.PersonSet) == {"document": {"name": "personal", "email": "personal"}}


def test_two_encodings_share_no_key_and_no_ciphertext() -> None:
    one, two = (CODEC.encode(recorded(x.POSTED.event)) for _ in range(2))
    assert one.keys["text"] != two.keys["text"]
    assert json.loads(one.state)["data"]["text"] != json.loads(two.state)["data"]["text"]


def test_the_key_of_another_event_opens_nothing() -> None:
    one, two = CODEC.encode(recorded(x.POSTED.event, 1)), CODEC.encode(recorded(x.POSTED.event, 2))
    with pytest.raises(KeyUnusable):
        CODEC.decode(row(one, text=two.keys["text"]))


def test_another_master_key_opens_nothing() -> None:
    frame = CODEC.encode(recorded(x.POSTED.event))
    with pytest.raises(KeyUnusable):
        Codec(Keyring(bytes(32))).decode(row(frame))


def test_the_words_of_one_field_cannot_be_moved_to_another() -> None:
    state = json.loads(CODEC.encode(recorded(x.DEESCALATED.event)).state)
    frame = CODEC.encode(recorded(x.DEESCALATED.event))
    state = json.loads(frame.state)
    data = state["data"]
    data["message"], data["justification"] = data["justification"], data["message"]
    with pytest.raises(StateUnreadable):
        CODEC.decode(row(frame, state=json.dumps(state).encode()))


@pytest.mark.parametrize("state", [b"", b"{}", b"\xff", b'{"type":"case.posted"}', b"null"])
def test_bytes_that_are_no_event_are_named_by_stream_and_version(state: bytes) -> None:
    frame = CODEC.encode(recorded(x.POSTED.event))
    with pytest.raises(StateUnreadable, match=f"Version 7 of {x.CASE} cannot be read"):
        CODEC.decode(row(frame, state=state))


def test_the_digest_tells_commands_apart_and_confirms_no_guess() -> None:
    same = CODEC.digest(x.CASE, x.CREATE, x.CLARA)
    assert same == CODEC.digest(x.CASE, x.CREATE.model_copy(), x.CLARA)
    others = {
        CODEC.digest(x.OTHER_CASE, x.CREATE, x.CLARA),
        CODEC.digest(x.CASE, x.CREATE, x.CARL),
        CODEC.digest(x.CASE, x.CREATE.model_copy(update={"subject": "Else"}), x.CLARA),
        Codec(Keyring(bytes(32))).digest(x.CASE, x.CREATE, x.CLARA),
    }
    assert len(others | {same}) == 5


def test_each_name_and_version_ever_written_has_a_frame() -> None:
    """A frame is made by `python -m tests.domain.stored`, and never edited or deleted."""
    needed = {f"{n}.v{v}" for n in NAMES for v in range(1, current_version(n) + 1)}
    assert {frame.stem for frame in FRAMES} == needed


@pytest.mark.parametrize("file", FRAMES, ids=lambda file: file.stem)
def test_a_frame_of_any_age_reads_as_its_event(file: Path) -> None:
    """Fields that a later release added have the value that says nothing."""
    stored, event = read_frame(file)
    read = CODEC.decode(stored)
    kind = type(read.event)
    added = {
        name: field.get_default()
        for name, field in kind.model_fields.items()
        if name not in event and not kind.partial
    }
    assert not [value for value in added.values() if value]
    assert read.event.model_dump(mode="json", exclude_unset=kind.partial) == {**added, **event}
    assert (read.stream, read.at) == (UUID(str(x.CASE)), x.MONDAY)
