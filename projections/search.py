"""In which words do cases tell of themselves, and to whom?

One row a case has its words; internal ones, and what is no word, have a sign before them that no
word begins with. Beside it the texts themselves, to show what was found, and all words that occur.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from domain import events as e
from domain.case import Attachment, Case, Entry
from domain.values import Erased
from projections.page import Page
from projections.words import is_unspaced, words_of

NAME: Final = "search"
TABLES: Final = ("search", "search_open", "search_texts", "search_words")

INTERNAL, NUMBER, SEEN_BY = "~", "#", "@"
# Where a word stands, as `tsvector` has it: subject, description, conversation.
SUBJECT, DESCRIPTION, CONVERSATION = "A", "B", "C"
# A tsvector ends at 1 MiB, its places at 16,383 and those of a word at 255: what a case has beyond
# that is found by its other words.
MOST_BYTES: Final = 700_000
ALWAYS_FIT: Final = 80_000  # characters
LAST_PLACE: Final = 16_383
MOST_PLACES: Final = 250
LEAST_LETTERS, MOST_LETTERS = 3, 30  # of a word that may be what was meant

# After any other event a case has the same words.
TELLING: Final = (
    e.Created | e.Posted | e.Commented | e.EntryEdited | e.EntryRemoved | e.MadeInternal
    | e.AttachmentAdded | e.AttachmentRemoved | e.DetailsChanged | e.TagsChanged
    | e.Redacted | e.Erased
)  # fmt: skip

HAD: Final = """
SELECT DISTINCT ltrim(lexeme, '~')
  FROM search, unnest(tsvector_to_array(words)) AS lexeme WHERE case_id = ANY(%(cases)s)
"""
WRITE: Final = """
INSERT INTO search (case_id, words)
SELECT case_id, words FROM jsonb_populate_recordset(NULL::search, %(rows)s::jsonb)
    ON CONFLICT (case_id) DO UPDATE SET words = excluded.words
 WHERE search.words IS DISTINCT FROM excluded.words
"""
OPEN: Final = """
INSERT INTO search_open (case_id, words)
SELECT case_id, words FROM search WHERE case_id = ANY(%(cases)s)
    ON CONFLICT (case_id) DO UPDATE SET words = excluded.words
 WHERE search_open.words IS DISTINCT FROM excluded.words
"""
CLOSE: Final = "DELETE FROM search_open WHERE case_id = ANY(%(cases)s)"
FORGET: Final = """
DELETE FROM search_texts WHERE case_id = ANY(%(cases)s) AND entry <> ALL(%(entries)s)
"""
WRITE_TEXTS: Final = """
INSERT INTO search_texts (case_id, entry, number, kind, internal, text)
SELECT case_id, entry, number, kind, internal, text
  FROM jsonb_populate_recordset(NULL::search_texts, %(rows)s::jsonb)
    ON CONFLICT (case_id, entry) DO UPDATE
   SET (number, internal, text) = ROW (excluded.number, excluded.internal, excluded.text)
 WHERE (search_texts.number, search_texts.internal, search_texts.text)
       IS DISTINCT FROM (excluded.number, excluded.internal, excluded.text)
"""
KNOWN: Final = "SELECT word FROM search_words WHERE word = ANY(%(words)s)"
ADD_WORDS: Final = """
INSERT INTO search_words (word, short)
SELECT word, short FROM jsonb_populate_recordset(NULL::search_words, %(rows)s::jsonb)
    ON CONFLICT DO NOTHING
"""
FORGET_WORDS: Final = """
DELETE FROM search_words w WHERE w.word = ANY(%(gone)s) AND NOT EXISTS (
       SELECT FROM search s WHERE s.words @@ format('''%%s'' | ''~%%s''', w.word, w.word)::tsquery)
"""


@dataclass(frozen=True, slots=True)
class Told:
    """An entry or the name of a file; `kind`: entry or file."""

    case_id: UUID
    entry: UUID
    number: int
    kind: str
    internal: bool
    text: str


def apply(conn: Connection[TupleRow], page: Page) -> None:
    """Writes the words of those cases of the page that have others now."""
    if cases := _changed(page):
        _write(conn, cases, is_new=page.is_whole)
    for statement, is_open in ((OPEN, True), (CLOSE, False)):
        some = [case.id for case in page.cases.values() if case.is_open is is_open]
        if some and (is_open or not page.is_whole):
            conn.execute(statement, {"cases": some})


def _write(conn: Connection[TupleRow], cases: Sequence[Case], *, is_new: bool) -> None:
    told = {case.id: list(_told(case)) for case in cases}
    vectors = {case.id: _Vector() for case in cases}
    for case in cases:
        _filled(vectors[case.id], case, told[case.id])
    words = {word for vector in vectors.values() for word in vector.words()}
    some = [{"case_id": id_, "words": str(vector)} for id_, vector in vectors.items()]
    had = set[str]()
    if not is_new:
        had = {word for (word,) in conn.execute(HAD, {"cases": list(told)})}
        entries = [one.entry for texts in told.values() for one in texts]
        conn.execute(FORGET, {"cases": list(told), "entries": entries})
    conn.execute(WRITE, {"rows": orjson.dumps(some).decode()})
    if texts := list(chain.from_iterable(told.values())):
        conn.execute(WRITE_TEXTS, {"rows": orjson.dumps(texts).decode()})
    known = {word for (word,) in conn.execute(KNOWN, {"words": list(words - had)})}
    # In order, so that two processes that fill never wait for each other.
    if new := [{"word": word, "short": shortened(word)} for word in sorted(words - had - known)]:
        conn.execute(ADD_WORDS, {"rows": orjson.dumps(new).decode()})
    if gone := had - words:
        conn.execute(FORGET_WORDS, {"gone": list(gone)})


def _changed(page: Page) -> list[Case]:
    if page.is_whole:
        return list(page.cases.values())
    told = {r.stream for r in page.recorded if isinstance(r.event, TELLING)}
    return [page.cases[id_] for id_ in told & page.cases.keys()]


def _told(case: Case) -> Iterator[Told]:
    """The entries and the names of files that are there, in their order."""
    some: list[tuple[UUID, str, str, Entry | Attachment]] = [
        *((id_, "entry", entry.text, entry) for id_, entry in case.entries.items()),
        *((id_, "file", file.name, file) for id_, file in case.attachments.items()),
    ]
    for number, (id_, kind, text, one) in enumerate(some, 1):
        if not one.removed and not isinstance(text, Erased):
            yield Told(case.id, id_, number, kind, one.internal, text)


def _filled(vector: "_Vector", case: Case, told: Sequence[Told]) -> None:
    details = case.details
    vector.signs(NUMBER, {case.number, case.number.lstrip("0")})
    people = (case.account, details.contact, case.submitter)
    vector.signs(SEEN_BY, {person.hex for person in people})
    vector.add(details.subject, SUBJECT)
    vector.add(details.customer_reference or "", SUBJECT)
    for system, number in details.external_ids.items():
        vector.add(f"{system} {number}", SUBJECT)
    vector.add(details.description, DESCRIPTION)
    for tag in case.tags:
        vector.add(tag, DESCRIPTION, INTERNAL)
    for one in told:
        vector.add(one.text, CONVERSATION, INTERNAL if one.internal else "")


class _Vector:
    """A `tsvector` that grows, and as a string what PostgreSQL reads."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}
        self._place = self._letters = 0

    def signs(self, sign: str, some: set[str]) -> None:
        for one in some:
            self._places[sign + one] = []

    def add(self, text: str, weight: str, sign: str = "") -> None:
        if isinstance(text, Erased):
            return
        place, places = self._place + 1, self._places  # no phrase goes from one text into the next
        for word, other in words_of(text):
            place += place < LAST_PLACE
            places.setdefault(sign + word, []).append(f"{place}{weight}")
            if other:
                places.setdefault(sign + other, []).append(f"{place}{weight}")
        self._place = min(place, LAST_PLACE - 1)
        self._letters += len(text)

    def words(self) -> Iterator[str]:
        """Those that somebody may have meant; some twice."""
        bare = (lexeme.removeprefix(INTERNAL) for lexeme in self._lexemes)
        return (word for word in bare if is_meant(word))

    def __str__(self) -> str:
        return " ".join(
            f"{lexeme}:{','.join(places[:MOST_PLACES])}" if places else lexeme
            for lexeme, places in self._lexemes.items()
        )

    @cached_property
    def _lexemes(self) -> Mapping[str, list[str]]:
        """As many as fit; asked for when there come no more."""
        fits = self._letters <= ALWAYS_FIT
        return self._places if fits else dict(_fitting(self._places))


def _fitting(lexemes: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    left = MOST_BYTES
    for lexeme, places in lexemes.items():
        left -= len(lexeme.encode()) + 2 * min(len(places), MOST_PLACES) + 4
        if left < 0:
            return
        yield lexeme, places


def is_meant(word: str) -> bool:
    """Whether somebody who made a slip may have meant it: numbers and pairs of signs are not."""
    return LEAST_LETTERS <= len(word) <= MOST_LETTERS and word.isalpha() and not is_unspaced(word)


def shortened(word: str) -> list[str]:
    """The word, and what it is with one letter left out: two that share one are near."""
    return sorted({word, *(word[:at] + word[at + 1 :] for at in range(len(word)))})
