"""What somebody typed into the search box: words, "phrases", -words and filters such as is:open."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from projections.query import Term

# A minus before a minus is how an option of a command begins: --force.
_PIECE: Final = re.compile(
    r"""(?P<minus>-(?!-))?(?:(?P<name>[A-Za-z_-]+):)?"""
    r"""(?:"(?P<quoted>[^"]*)(?P<closed>")?|(?P<bare>[^\s"]+))"""
)


@dataclass(frozen=True, slots=True)
class Filter:
    """`name:value`, or that without it."""

    name: str
    value: str
    excluded: bool

    def __str__(self) -> str:
        value = f'"{self.value}"' if " " in self.value else self.value
        return f"{'-' * self.excluded}{self.name}:{value}"


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, in its parts."""

    terms: tuple[Term, ...]
    filters: tuple[Filter, ...]


def typed(text: str, names: Collection[str]) -> Typed:
    """The parts of a text; `names` are those of the filters that there are.

    The last word may go on: it is still being typed. What looks like a filter and is none of those
    is text, as `http://…` is.
    """
    filters, terms = [], []
    for found in _PIECE.finditer(text):
        one = _filter(found, names)
        if one:
            filters.append(one)
        else:
            terms.append(_term(found))
    terms = [term for term in terms if term.words]
    return Typed(tuple(_last_begins(terms)), tuple(filters))


def _filter(found: re.Match[str], names: Collection[str]) -> Filter | None:
    quoted, bare, name = found["quoted"], found["bare"], found["name"]
    if name is None and bare and bare.endswith(":"):
        name, bare = bare[:-1], ""  # its value is not typed yet
    if name is None or name.lower() not in names:
        return None
    value = bare if quoted is None else quoted
    return Filter(name.lower(), (value or "").strip(), found["minus"] is not None)


def _term(found: re.Match[str]) -> Term:
    text = found["bare"] if found["quoted"] is None else found["quoted"]
    if found["name"]:
        text = f"{found['name']}:{text}"
    excluded = found["minus"] is not None
    return Term(text, begins=not excluded and found["closed"] is None, excluded=excluded)


def _last_begins(terms: list[Term]) -> Iterator[Term]:
    last = max((at for at, term in enumerate(terms) if not term.excluded), default=None)
    for at, term in enumerate(terms):
        yield Term(term.text, begins=term.begins and at == last, excluded=term.excluded)
