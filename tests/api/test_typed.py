"""What is typed into the search box is read as people mean it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.typed import Filter, typed
from projections.query import Query, Term

NAMES = ("is", "severity", "type")


def terms(text: str) -> list[Term]:
    found = typed(text, NAMES)
    assert not found.filters
    return list(found.terms)


def begins(text: str) -> Term:
    return Term(text, begins=True)


def without(text: str) -> Term:
    return Term(text, excluded=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("slow", [begins("slow")]),
        ("  slow   queue ", [Term("slow"), begins("queue")]),
        ('"slow queue"', [Term("slow queue")]),
        ('error "slow que', [Term("error"), begins("slow que")]),
        ('slow "a queue"', [Term("slow"), Term("a queue")]),
        ("slow -queue", [begins("slow"), without("queue")]),
        ('-"slow queue" error', [without("slow queue"), begins("error")]),
        ("run --force", [Term("run"), begins("--force")]),
        ("a - b", [Term("a"), begins("b")]),
        ("http://host:8080/x", [begins("http://host:8080/x")]),
        ("12:30", [begins("12:30")]),
        ('foo"bar baz"', [Term("foo"), Term("bar baz")]),
        ('"" -- ! -', []),
    ],
)
def test_words_phrases_and_what_is_to_be_left_out(text: str, found: list[Term]) -> None:
    assert terms(text) == found


def test_filters_are_told_from_words_by_their_names() -> None:
    found = typed('slow is:open -is:escalated SEVERITY:High type:"cloud down" que', NAMES)
    assert [str(one) for one in found.filters] == [
        "is:open",
        "-is:escalated",
        "severity:High",
        'type:"cloud down"',
    ]
    assert found.terms == (Term("slow"), begins("que"))
    assert typed("queue is:open", NAMES).terms == (begins("queue"),)
    assert typed("is:", NAMES).filters == (Filter("is", "", excluded=False),)
    assert typed('type:"', NAMES).filters == (Filter("type", "", excluded=False),)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read(text: str) -> None:
    for term in typed(text, NAMES).terms:
        assert term.words


@pytest.mark.parametrize(
    ("term", "asked"),
    [
        (Term("Slow"), "('slow' | '~slow')"),
        (begins("que"), "('que':* | '~que':*)"),
        (without("slow"), "!('slow' | '~slow')"),
        (Term("the queue"), "(('the' <-> 'queue') | ('~the' <-> '~queue'))"),
        (begins("2.4"), "(('2' <-> '4':*) | ('~2' <-> '~4':*))"),
        (Term("Müller"), "(('muller' | 'mueller') | ('~muller' | '~mueller'))"),
        (Term("支付"), "('支付' | '~支付')"),
        (Term("付"), "('付':* | '~付':*)"),
        (Term("支付失"), "(('支付' <-> '付失') | ('~支付' <-> '~付失'))"),
        (begins("42"), "('42':* | '~42':* | '#42':*)"),
        (Term("#00000042"), "('00000042' | '~00000042' | '#00000042' | '#42')"),
        (begins("0000004"), "('0000004':* | '~0000004':* | '#0000004':* | '#4')"),
        (Term("qeue", instead=("queue", "quest")), "('queue' | '~queue' | 'quest' | '~quest')"),
    ],
)
def test_what_the_desk_asks_of_postgresql(term: Term, asked: str) -> None:
    assert Query((term,), internal=True).matching() == asked
    public = Query((term,), internal=False).matching()
    assert "~" not in public
    assert public


@pytest.mark.parametrize(
    ("text", "number"), [("42", "42"), ("#42", "42"), ("00000042", "42"), ("123456789", None)]
)
def test_a_number_alone_is_a_case_number(text: str, number: str | None) -> None:
    assert Query(typed(text, ()).terms, internal=False).number == number
    assert Query(typed(f"{text} slow", ()).terms, internal=False).number is None
