"""What may be asked at all: the bounds of fields, before any rule."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain import commands as c
from domain.values import EmailAddress, EmailAddresses, Subject, Tags, Words


def accepted(kind: Any, value: object) -> Any:  # noqa: ANN401  a type, and what it makes of a value
    return TypeAdapter(kind).validate_python(value)


def refused(kind: Any, value: object) -> None:  # noqa: ANN401  a type
    with pytest.raises(ValidationError):
        accepted(kind, value)


def test_a_subject_has_up_to_255_characters_whatever_they_take() -> None:
    assert accepted(Subject, " \U0001f600" + "\U0001f600" * 254 + " ") == "\U0001f600" * 255
    refused(Subject, "x" * 256)
    refused(Subject, "   ")


def test_a_description_has_up_to_32000_characters() -> None:
    assert accepted(Words, "x" * 32_000)
    refused(Words, "x" * 32_001)
    refused(Words, " \n ")


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "a\x85b", "a\u2028b", "a\u2029b", "a\x7fb"])
def test_a_subject_is_one_line_without_control_characters(text: str) -> None:
    refused(Subject, text)


@pytest.mark.parametrize(
    "text",
    [
        "Erreur\xa0: impossible",  # French puts a no-break space before a colon
        "\U0001f469\u200d\U0001f4bb reports",  # a joiner inside one emoji
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # and inside a Persian word
        "\u5168\u89d2\u3000\u7a7a\u767d",  # a wide space
    ],
)
def test_a_subject_may_be_written_in_any_language(text: str) -> None:
    assert accepted(Subject, text) == text


def test_words_keep_their_lines() -> None:
    assert accepted(Words, "a\n\tb\r\nc") == "a\n\tb\r\nc"
    refused(Words, "a\x00b")


def test_addresses_come_comma_separated_each_once_in_lower_case() -> None:
    told = accepted(EmailAddresses, "A@Acme.com, b@acme.com,,a@acme.com")
    assert told == ("a@acme.com", "b@acme.com")
    refused(EmailAddresses, "a@acme.com; b")
    refused(EmailAddress, "nobody")


def test_recipients_are_up_to_50() -> None:
    assert len(accepted(EmailAddresses, [f"a{n}@acme.com" for n in range(50)])) == 50
    refused(EmailAddresses, [f"a{n}@acme.com" for n in range(51)])


def test_tags_are_lower_case_and_each_once() -> None:
    assert accepted(Tags, ["VPN", "vpn", "c++"]) == ("vpn", "c++")
    for tag in ("", " ", "two words", "x" * 41, "-x"):
        refused(Tags, [tag])


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (c.Create, {"type": "x", "subject": "x", "description": "x", "hidden": True}),
        (c.Create, {"type": "x", "subject": "x"}),
        (c.Assign, {}),
        (c.Await, {"awaited": "planned date"}),
        (c.Await, {"awaited": "customer", "until": "2026-12-01T10:00:00"}),
        (c.ChangeDetails, {"subject": None}),
        (c.ChangeDetails, {"account": "3f0e6f0e-0000-4000-8000-000000000000"}),
        (c.Escalate, {"reason": "delay"}),
        (c.Escalate, {"comment": " "}),
        (c.RejectResolution, {}),
        (c.Resolve, {"type": "provided", "summary": "x"}),
        (c.Deescalate, {"justification": "x"}),
        (c.Unassign, {}),
        (c.DeclineCloseRequest, {}),
        (c.Reopen, {}),
        (c.Post, {"text": ""}),
        (c.Rate, {"score": 0}),
        (c.Rate, {"score": 6}),
        (c.Link, {"kind": "merged into", "case": "42"}),
        (c.Link, {"kind": "follows", "case": "42"}),
        (c.Redact, {"reason": "x"}),
        (c.Redact, {"reason": "x", "version": 1, "entry": "3f0e6f0e-0000-4000-8000-000000000000"}),
        (c.Redact, {"version": 1}),
    ],
)
def test_a_command_that_is_not_well_formed_never_reaches_the_rules(
    command: type[c.Command], fields: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        command.model_validate(fields)


def test_a_command_says_its_verb() -> None:
    assert (c.RequestClose.verb(), c.Take.verb()) == ("request close", "take")
