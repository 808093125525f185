"""Why was a case found? The texts that matched, with the places where they did."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from projections.cases import Line
from projections.query import Query, Term
from projections.words import LONGEST as LONGEST_WORD
from projections.words import Word, is_unspaced, tokens_of

LONGEST: Final = 240  # characters of what is shown of a text
BEFORE: Final = 60  # of them, those before the first place


Place: TypeAlias = tuple[int, int]
"""Characters (code points) from the first number on, up to but without the second."""


def of_line(line: Line, query: Query, *, tags: bool) -> "Marked":
    """What is found in a line of the list itself; `tags`: the viewer is shown them."""
    marked = Marked(query)
    if place := _in_number(line.number, query):
        marked.put("number", line.number, {query.required[0]: [place]})
    marked.look("subject", line.subject)
    marked.look("customer_reference", line.customer_reference or "")
    for system, number in line.external_ids.items():
        marked.look("external_ids", f"{system} {number}")
    for tag in line.tags if tags else ():
        marked.look("tags", tag)
    return marked


def _in_number(number: str, query: Query) -> Place | None:
    typed = query.required[0].text.removeprefix("#") if len(query.required) == 1 else ""
    begins = len(number) - len(number.lstrip("0"))
    if typed and number.startswith(typed, begins):
        return begins, begins + len(typed)
    return (0, len(typed)) if typed.isdigit() and number.startswith(typed) else None


class Marked:
    """The texts of a case that were found so far, until each term is found in one."""

    def __init__(self, query: Query) -> None:
        self._left = [term for term in query.required if term.words]
        self._found: list[dict[str, Any]] = []

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to be found."""
        return not self._left

    def look(self, field: str, text: str) -> None:
        """Looks in one more text of the case for what is not found yet."""
        if self._left and text:
            self.put(field, text, places(text, self._left))

    def put(self, field: str, text: str, places: Mapping[Term, Sequence[Place]]) -> None:
        """The terms were found in this text, at these places."""
        if not places:
            return
        self._left = [term for term in self._left if term not in places]
        excerpt, ranges = _excerpt(text, _merged(p for some in places.values() for p in some))
        self._found.append({"field": field, "text": excerpt, "ranges": ranges})

    def shown(self) -> list[dict[str, Any]]:
        """The texts, those that count most first."""
        return self._found


def places(text: str, terms: Sequence[Term]) -> Mapping[Term, Sequence[Place]]:
    """Where each of these terms stands in a text, those that do."""
    if not text.isascii():
        return places_of_tokens(text, terms)
    small = text.lower()
    every = ((term, [at.span(1) for at in _pattern(term).finditer(small)]) for term in terms)
    return {term: places for term, places in every if places}


@lru_cache(maxsize=1_000)
def _pattern(term: Term) -> re.Pattern[str]:
    """What a term is in a text of nothing but ASCII, most of which are passed by it at once."""
    either = [_in_a_row(one) for one in term.alternatives() if one.words]
    return re.compile(rf"(?<![a-z0-9])(?=({'|'.join(either)}))" if either else "(?!)")


def _in_a_row(term: Term) -> str:
    rows = ["|".join(filter(None, word)) for word in term.words]
    # What is longer is compared as far as there, and shown as a whole.
    ends = "[a-z0-9]*" if term.begins else rf"(?:(?<=[a-z0-9]{{{LONGEST_WORD}}})[a-z0-9]*)?"
    return "[^a-z0-9]+".join(f"(?:{row})" for row in rows) + ends + "(?![a-z0-9])"


def places_of_tokens(text: str, terms: Sequence[Term]) -> dict[Term, list[Place]]:
    """The same, word by word: right for every text, and slow."""
    tokens = list(tokens_of(text))
    words = [token.word for token in tokens]
    found: dict[Term, set[Place]] = {}
    for term in terms:
        for one in term.alternatives():
            asked = one.words
            for at in range(len(words) - len(asked) + 1):
                row = words[at : at + len(asked)]
                if _matches(row, asked, begins=one.begins):
                    place = (tokens[at].begins, tokens[at + len(asked) - 1].ends)
                    found.setdefault(term, set()).add(place)
    return {term: sorted(places) for term, places in found.items()}


def _matches(row: Sequence[Word], asked: Sequence[Word], *, begins: bool) -> bool:
    last = len(asked) - 1
    return all(
        _matches_one(word, wanted, begins=begins and at == last)
        for at, (word, wanted) in enumerate(zip(row, asked, strict=True))
    )


def _matches_one(word: Word, wanted: Word, *, begins: bool) -> bool:
    for one in filter(None, wanted):
        for other in filter(None, word):
            if one == other or (begins and other.startswith(one)) or _is_sign_of(one, other):
                return True
    return False


def _is_sign_of(one: str, other: str) -> bool:
    """A sign alone is the first of the pair that begins with it."""
    return len(one) == 1 and is_unspaced(other) and other[0] == one


def _merged(places: Iterator[Place]) -> list[Place]:
    merged: list[Place] = []
    for place in sorted(places):
        if merged and place[0] <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(place[1], merged[-1][1]))
        else:
            merged.append(place)
    return merged


def _excerpt(text: str, places: Sequence[Place]) -> tuple[str, list[Place]]:
    """The part of a long text that shows its first place, and the places in that part."""
    begins, ends = 0, len(text)
    if len(text) > LONGEST:
        begins = max(0, places[0][0] - BEFORE)
        ends = max(begins + LONGEST, places[0][1])
        begins = text.rfind(" ", 0, begins) + 1 if begins else 0
    shown = text[begins:ends]
    head, tail = "…" * (begins > 0), "…" * (ends < len(text))
    moved = len(head) - begins
    return head + shown + tail, [
        (b + moved, e + moved) for b, e in places if b >= begins and e <= ends
    ]
