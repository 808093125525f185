"""Who is meant by an @ in a text: `@anna@desk.com`, or `@Anna Smith` by the whole name."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from domain.configuration import Person

MOST_MENTIONS: Final = 50  # in one text; what comes after is not looked at
MOST_NAME_WORDS: Final = 5
_AT: Final = re.compile(r"(?<![\w@.])@(?=\w)")
_WORDS: Final = re.compile(r"[^\s,;:!?()\[\]{}<>\"]+")


def called(text: str) -> frozenset[str]:
    """Everything in a text that may be a name or an address behind an @, in lower case."""
    found: set[str] = set()
    for at in _places(text):
        words = [match.group() for match in _first(text, at)]
        for count in range(1, len(words) + 1):
            name = " ".join(words[:count]).casefold()
            found |= {name, name.rstrip(".'-"), name.removesuffix("'s")}
    return frozenset(found)


def mentioned(text: str, people: Mapping[UUID, Person]) -> frozenset[UUID]:
    """Those of the people who are mentioned; of two names at one place it is the longer one."""
    folded = text.casefold()
    names = [
        (name.casefold(), id_) for id_, p in people.items() for name in (p.name, p.email or "")
    ]
    found: set[UUID] = set()
    for at in _places(folded):
        here = [(name, id_) for name, id_ in names if name and _stands(folded, at, name)]
        longest = max((len(name) for name, _ in here), default=0)
        found |= {id_ for name, id_ in here if len(name) == longest}
    return frozenset(found)


def _places(text: str) -> list[int]:
    """Where what follows an @ begins."""
    found = []
    for match in _AT.finditer(text):
        found.append(match.end())
        if len(found) == MOST_MENTIONS:
            break
    return found


def _first(text: str, at: int) -> Iterator[re.Match[str]]:
    for count, match in enumerate(_WORDS.finditer(text, at, at + 400)):
        if count == MOST_NAME_WORDS:
            return
        yield match


def _stands(text: str, at: int, name: str) -> bool:
    """Whether a name stands there as a whole."""
    end = at + len(name)
    goes_on = re.compile(r"[\w@]|[.+-]\w").match(text, end)
    return text.startswith(name, at) and goes_on is None
