"""How a text is cut into words: by the same function for what is stored and for what is asked.

Case and accents are folded, so that `Müller`, `MULLER` and `mueller` meet. Where people write no
spaces (Chinese, Japanese, Korean) each two neighbours are a word. PostgreSQL's own parsers, its
`unaccent` and ICU differ between servers, and none of them is asked.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST: Final = 60  # characters of a word; what is longer is compared as far as there

# Vowel points and accents that may stand or be left out; in other scripts a mark is half a letter.
_MARKS: Final = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"
# Marks of other scripts are no letters for `re`, and belong to the letter before them.
_JOINED: Final = (
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u3099\u309a"
)
_TOKEN: Final = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}{_JOINED}])*")
_ASCII: Final = re.compile(r"[a-z0-9]+")
_DROPPED: Final = re.compile(f"[{_MARKS}]+")
_UNSPACED: Final = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003134f]+"
)
# Letters that are no others with a mark, and that people without that keyboard write so.
_PLAIN: Final = str.maketrans(
    {"\u0131": "i", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t"}
    | {"æ": "ae", "œ": "oe", "þ": "th", "ĸ": "k", "ŋ": "n"}
)
# As German is written without umlauts.
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


class Word(NamedTuple):
    """A word as it is compared, and how it may be written besides."""

    word: str
    other: str | None = None


class Token(NamedTuple):
    """Where a word stands in a text: characters from `begins`, up to but without `ends`."""

    begins: int
    ends: int
    word: Word


def words_of(text: str) -> list[Word]:
    """The words of a text in their order."""
    if text.isascii():
        return list(map(_as_it_is, _ASCII.findall(text.lower())))
    return [word for token in _TOKEN.findall(text) for word in _folded(token)]


def tokens_of(text: str) -> Iterator[Token]:
    """The same words, with the places at which they stand."""
    for found in _TOKEN.finditer(text):
        words, begins, ends = _folded(found.group()), found.start(), found.end()
        signs = len(words) == ends - begins and all(is_unspaced(word.word) for word in words)
        for at, word in enumerate(words, begins):
            yield Token(at, min(at + 2, ends), word) if signs else Token(begins, ends, word)


def is_unspaced(word: str) -> bool:
    """Whether it is of a script in which words are not told apart by spaces."""
    return _UNSPACED.match(word) is not None


@lru_cache(maxsize=50_000)
def _as_it_is(word: str) -> Word:
    return Word(word[:LONGEST])


@lru_cache(maxsize=50_000)
def _folded(token: str) -> tuple[Word, ...]:
    """The words that a run of letters comes to; often one, none where nothing is left."""
    if token.isascii():
        return (_as_it_is(token.lower()),)
    small = unicodedata.normalize("NFKC", token).casefold()
    plain, umlauts = _without_marks(small), _without_marks(small.translate(_UMLAUTS))
    others = iter(_TOKEN.findall(umlauts))
    return tuple(
        Word(word, other if other != word else None)
        for run, also in zip(_TOKEN.findall(plain), others, strict=True)
        for word, other in zip(_cut(run), _cut(also), strict=True)
    )


def _without_marks(small: str) -> str:
    bare = _DROPPED.sub("", unicodedata.normalize("NFKD", small))
    return unicodedata.normalize("NFC", bare).translate(_PLAIN).lower()


def _cut(run: str) -> Iterator[str]:
    """A run as it is, but for those of its parts that are written without spaces."""
    end = 0
    for found in _UNSPACED.finditer(run):
        if found.start() > end:
            yield run[end : found.start()][:LONGEST]
        signs = found.group()
        yield from (signs[at : at + 2] for at in range(len(signs)))
        end = found.end()
    if end < len(run):
        yield run[end:][:LONGEST]
