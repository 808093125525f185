"""What is asked for in words, as PostgreSQL matches it with those of a case."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain.values import Actor
from projections.search import DESCRIPTION, INTERNAL, NUMBER, SEEN_BY, SUBJECT
from projections.words import Word, is_unspaced, words_of

MOST_LETTERS: Final = 200
MOST_WORDS: Final = 16
FEW_ZEROS: Final = 4
_NUMBER: Final = re.compile(r"#?(?=[0-9]{1,8}$)(0*)([1-9][0-9]*)?")


@dataclass(frozen=True, slots=True)
class Term:
    """Something that a case must tell of, or must not: several words stand side by side.

    `begins`: of the last word only the beginning is given. `instead`: any of these words will do.
    """

    text: str
    begins: bool = False
    excluded: bool = False
    instead: tuple[str, ...] = ()

    @property
    def words(self) -> list[Word]:
        """The words that it comes to; none, where it is nothing but signs."""
        found = words_of(self.text)
        # The last sign of a run stands alone too, for whoever asks for nothing else.
        if len(found) > 1 and _ends(found[-2].word, found[-1].word):
            del found[-1]
        return found

    def alternatives(self) -> list["Term"]:
        """What will do in its place: itself, where nothing stands instead."""
        return [replace(self, text=text, begins=False, instead=()) for text in self.instead] or [
            self
        ]


def _ends(before: str, word: str) -> bool:
    return len(word) == 1 and is_unspaced(word) and len(before) > 1 and before[-1] == word


@dataclass(frozen=True, slots=True)
class Query:
    """All that is asked for at once. `internal`: also in what is for the desk only."""

    terms: tuple[Term, ...]
    internal: bool

    @property
    def required(self) -> list[Term]:
        """What a case must have."""
        return [term for term in self.terms if not term.excluded]

    @property
    def number(self) -> str | None:
        """The case number, if that is all that is asked for, without zeros before it."""
        found = self._as_number
        return found and found[2]

    @property
    def number_begins(self) -> str | None:
        """How a case number begins that is typed with zeros before it, and not yet in full.

        Zeros alone, unless they are many, are how all of them begin.
        """
        found = self._as_number
        zeros, digits = (found[1], found[2] or "") if found else ("", "")
        return zeros + digits if (digits and zeros) or len(zeros) > FEW_ZEROS else None

    @property
    def numbered(self) -> str | None:
        """A tsquery of the cases that the number names, whatever their status."""
        if begins := self.number_begins:
            return _quoted(NUMBER, begins, begins=True)
        return _quoted(NUMBER, self.number) if self.number else None

    @property
    def _as_number(self) -> re.Match[str] | None:
        if len(self.required) != 1 or self.required[0].instead:
            return None
        return _NUMBER.fullmatch(self.required[0].text)

    def matching(self, viewer: Actor | None = None) -> str:
        """A tsquery that a case matches which has all of it; as far as this viewer's have it."""
        parts = [self._seen(viewer)] if viewer and viewer.is_customer else []
        found = ((term, self._either(term)) for term in self.terms)
        parts += [f"!({one})" if term.excluded else f"({one})" for term, one in found if one]
        return " & ".join(parts)

    def matching_in(self, places: str) -> str:
        """The same of what is required, in places of these weights."""
        parts = (self._either(term, places) for term in self.required)
        return " & ".join(f"({part})" for part in parts if part)

    def scores(self) -> dict[str, str | None]:
        """The tsqueries that tell how well a case matches, the best first; None: it cannot."""
        number = self.number
        return {
            "is_number": _quoted(NUMBER, number) if number else None,
            "as_number": _quoted(NUMBER, number, begins=True) if number else None,
            "in_subject": self.matching_in(SUBJECT) or None,
            "in_description": self.matching_in(SUBJECT + DESCRIPTION) or None,
        }

    def _either(self, term: Term, places: str = "") -> str:
        found = [part for one in term.alternatives() if (part := self._phrase(one, places))]
        return " | ".join(found)

    def _phrase(self, term: Term, places: str) -> str:
        words = term.words
        if not words:
            return ""
        signs = ["", INTERNAL] if self.internal else [""]
        phrases = [_in_a_row(sign, words, term, places) for sign in signs]
        if not places and (number := _NUMBER.fullmatch(term.text)):
            # With zeros before it, and without: a case has its number in both ways.
            phrases.append(_quoted(NUMBER, number[1] + (number[2] or ""), begins=term.begins))
            phrases += [_quoted(NUMBER, number[2])] if number[1] and number[2] else []
        return " | ".join(phrases)

    def _seen(self, viewer: Actor) -> str:
        # No more than a short cut: who may see a case is asked of the case itself.
        who = viewer.account if viewer.sees_account else viewer.person
        return _quoted(SEEN_BY, getattr(who, "hex", "nobody"))


def _in_a_row(sign: str, words: Sequence[Word], term: Term, places: str) -> str:
    parts = []
    for at, word in enumerate(words, 1):
        alone = is_unspaced(word.word) and len(word.word) == 1
        begins = alone or (term.begins and at == len(words))
        either = [
            _quoted(sign, one, begins=begins, places=places)
            for one in (word.word, word.other)
            if one
        ]
        parts.append(f"({' | '.join(either)})" if len(either) > 1 else either[0])
    return "(" + " <-> ".join(parts) + ")" if len(parts) > 1 else parts[0]


def _quoted(sign: str, word: str, *, begins: bool = False, places: str = "") -> str:
    """A lexeme: letters, digits and marks only, so that nothing in it needs to be escaped."""
    marks = ("*" if begins else "") + places
    return f"'{sign}{word}'" + (f":{marks}" if marks else "")
