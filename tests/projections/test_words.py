"""A text is cut into the same words however it is written, and each word stands in its place."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.suggesting import near, slips_between
from projections.words import LONGEST, Word, tokens_of, words_of


def cut(text: str) -> list[str]:
    return [word.word for word in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's SLOW: queue.prefetch=50", "it s slow queue prefetch 50"),
        ("ORA-01555 at 2.4.1, foo_bar", "ora 01555 at 2 4 1 foo bar"),
        ("Müller Größe STRASSE Straße", "muller grosse strasse strasse"),
        ("L'été à Besançon, cœur", "l ete a besancon coeur"),
        ("İstanbul ISPARTA ısı ŞIŞLI", "istanbul isparta isi sisli"),
        ("ΟΔΌΣ οδός Οδος", "οδοσ οδοσ οδοσ"),
        ("Łódź, København, Þór", "lodz kobenhavn thor"),
        ("Ёлка ёлка", "елка елка"),
        ("ﬁle １２ ＡＢＣ ½", "file 12 abc 1 2"),
        ("日本語のABC", "日本 本語 語の の abc"),
        ("支付失败", "支付 付失 失败 败"),
        ("が ガギ", "が ガギ ギ"),
        ("서비스", "서비 비스 스"),
        ("नमस्ते ที่นี่", "नमस्ते ที่นี่"),
        ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
        ("— ~#@ …", ""),
    ],
)
def test_case_accents_and_signs_are_folded_and_unspaced_scripts_are_cut_in_pairs(
    text: str, words: str
) -> None:
    assert cut(text) == words.split()
    assert cut(unicodedata.normalize("NFD", text)) == words.split(), "however it is encoded"


def test_an_umlaut_is_written_in_two_ways() -> None:
    assert [tuple(word) for word in words_of("Müller Öl")] == [("muller", "mueller"), ("ol", "oel")]
    assert [word.other for word in words_of("Muller poet e\u0301")] == [None, None, None]


@given(st.text())
def test_a_word_is_letters_and_digits_and_small(text: str) -> None:
    for word in words_of(text):
        for one in filter(None, word):
            assert 0 < len(one) <= LONGEST
            assert not set(one) & set(" '\\\"():*!&|<>,~#@")
            assert one == one.lower()


@given(st.text())
def test_each_word_stands_in_its_place(text: str) -> None:
    tokens = list(tokens_of(text))
    assert [token.word for token in tokens] == words_of(text)
    for before, token in pairwise(tokens):
        assert before.begins <= token.begins
    for token in tokens:
        assert 0 <= token.begins < token.ends <= len(text)
        assert token.word in words_of(text[token.begins : token.ends])


@given(st.text(st.characters(codec="ascii")), st.text(st.characters(codec="ascii")))
def test_the_fast_way_through_plain_text_is_no_other(one: str, other: str) -> None:
    plain, marked = words_of(f"{one} {other}"), words_of(f"{one} é {other}")
    assert plain == [word for word in marked if word != Word("e")] or Word("e") in plain
    assert len(marked) == len(plain) + 1


@given(st.text("abcü", min_size=1, max_size=6), st.text("abcü", min_size=1, max_size=6))
def test_slips_are_counted_the_same_in_both_directions(one: str, other: str) -> None:
    slips = slips_between(one, other)
    assert slips == slips_between(other, one)
    assert (slips == 0) is (one == other)
    assert slips_between(one, other + one, begins=True) <= slips_between(one, other + one)
    assert slips_between(one, one + other, begins=True) == 0


def test_one_slip_is_a_letter_more_or_less_or_another_or_two_exchanged() -> None:
    assert [slips_between("slow", other) for other in ("slo", "sloow", "slaw", "solw")] == [1] * 4
    assert slips_between("perfromanc", "performance", begins=True) == 1
    known = ["slow", "flow", "slows", "slowly", "salt"]
    assert [word for _, word in near("slwo", known, begins=False)] == ["slow"]
    assert [w for _, w in near("slowl", known, begins=False)] == ["slows", "slow", "slowly", "flow"]
