"""In which words do cases tell of themselves, and to whom?

One row a case has its words; internal ones, and what is no word, have a sign before them that no
word begins with. Beside it the texts themselves, to show what was found, and all words that occur.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
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
SHARED: Final = ("search_words",)  # a row is of many cases: several processes may write it

INTERNAL, NUMBER, SEEN_BY = "~", "#", "@"
# Where a word stands, as `tsvector` has it: subject, description, conversation.
SUBJECT, DESCRIPTION, CONVERSATION = "A", "B", "C"
# A tsvector ends at 1 MiB and the places of a word at 255: what a case has beyond that is found by
# its other words. All that stands behind the 16,383rd place stands there for PostgreSQL.
MOST_BYTES: Final = 700_000
MOST_PLACES: Final = 250
ALWAYS_FIT: Final = MOST_PLACES  # words, however often they occur and however long they are
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
FILL: Final = """
WITH written AS (
    INSERT INTO search (case_id, words)
    SELECT case_id, words FROM jsonb_populate_recordset(NULL::search, %(rows)s::jsonb)
 RETURNING case_id, words)
INSERT INTO search_open (case_id, words)
SELECT case_id, words FROM written WHERE case_id = ANY(%(open)s)
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
FILL_TEXTS: Final = """
INSERT INTO search_texts (case_id, entry, number, kind, internal, text)
SELECT case_id, entry, number, kind, internal, text
  FROM jsonb_populate_recordset(NULL::search_texts, %(rows)s::jsonb)
"""
WRITE_TEXTS: Final = (
    FILL_TEXTS
    + """
    ON CONFLICT (case_id, entry) DO UPDATE
   SET (number, internal, text) = ROW (excluded.number, excluded.internal, excluded.text)
 WHERE (search_texts.number, search_texts.internal, search_texts.text)
       IS DISTINCT FROM (excluded.number, excluded.internal, excluded.text)
"""
)
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
    if page.is_whole:
        _fill(conn, list(page.cases.values()))
        return
    if cases := _changed(page):
        _write(conn, cases)
    for statement, is_open in ((OPEN, True), (CLOSE, False)):
        if some := [case.id for case in page.cases.values() if case.is_open is is_open]:
            conn.execute(statement, {"cases": some})


def _fill(conn: Connection[TupleRow], cases: Sequence[Case]) -> None:
    """Writes the words of cases of which there is nothing yet."""
    if not cases:
        return
    cut = _Cut(cases)
    is_open = [case.id for case in cases if case.is_open]
    conn.execute(FILL, {"rows": cut.rows, "open": is_open})
    conn.execute(FILL_TEXTS, {"rows": cut.texts})
    _add_words(conn, cut.words)


def _write(conn: Connection[TupleRow], cases: Sequence[Case]) -> None:
    cut = _Cut(cases)
    some = [case.id for case in cases]
    had = {word for (word,) in conn.execute(HAD, {"cases": some})}
    conn.execute(FORGET, {"cases": some, "entries": cut.entries})
    conn.execute(WRITE, {"rows": cut.rows})
    conn.execute(WRITE_TEXTS, {"rows": cut.texts})
    _add_words(conn, cut.words - had)
    if gone := had - cut.words:
        conn.execute(FORGET_WORDS, {"gone": list(gone)})


def _add_words(conn: Connection[TupleRow], words: set[str]) -> None:
    known = {word for (word,) in conn.execute(KNOWN, {"words": list(words)})}
    # In order, so that two processes that fill never wait for each other.
    if new := [{"word": word, "short": shortened(word)} for word in sorted(words - known)]:
        conn.execute(ADD_WORDS, {"rows": _json(new)})


class _Cut:
    """Some cases, cut into words: what is written of them, as JSON."""

    def __init__(self, cases: Sequence[Case]) -> None:
        told = {case.id: list(_told(case)) for case in cases}
        vectors = {case.id: _vector(case, told[case.id]) for case in cases}
        words = set[str]().union(*(vector.words for vector in vectors.values()))
        self.words = set(filter(is_meant, words))
        self.entries = [one.entry for texts in told.values() for one in texts]
        self.rows = _json([{"case_id": id_, "words": str(v)} for id_, v in vectors.items()])
        self.texts = _json(list(chain.from_iterable(told.values())))


def _json(rows: Sequence[object]) -> str:
    return orjson.dumps(rows).decode()


def _changed(page: Page) -> list[Case]:
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


def _vector(case: Case, told: Sequence[Told]) -> "_Vector":
    details, vector = case.details, _Vector()
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
    return vector


class _Vector:
    """A `tsvector` that grows, and as a string what PostgreSQL reads: it sorts the words itself."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._words: set[str] = set()
        self._place = 0

    def signs(self, sign: str, some: set[str]) -> None:
        self._parts += [sign + one for one in some]

    def add(self, text: str, weight: str, sign: str = "") -> None:
        if isinstance(text, Erased):
            return
        words, begins = words_of(text), self._place + 2
        self._parts += [f"{sign}{word}:{at}{weight}" for at, (word, _) in enumerate(words, begins)]
        self._words.update(map(_AS_COMPARED, words))
        if not text.isascii():
            others = [(at, other) for at, (_, other) in enumerate(words, begins) if other]
            self._parts += [f"{sign}{other}:{at}{weight}" for at, other in others]
            self._words.update(other for _, other in others)
        self._place += len(words) + 1  # no phrase goes from one text into the next

    @property
    def words(self) -> set[str]:
        """Those that are in it, whoever may see them."""
        if len(self._parts) <= ALWAYS_FIT:
            return self._words
        return {_lexeme(part).removeprefix(INTERNAL) for part in self._fitting}

    def __str__(self) -> str:
        return " ".join(self._parts if len(self._parts) <= ALWAYS_FIT else self._fitting)

    @cached_property
    def _fitting(self) -> list[str]:
        """As many as fit, from the beginning; asked for when there come no more."""
        fitting, often, left = list[str](), Counter[str](), MOST_BYTES
        for part in self._parts:
            lexeme = _lexeme(part)
            often[lexeme] += 1
            left -= 2 if often[lexeme] > 1 else len(lexeme.encode()) + 6
            if left < 0:
                break
            if often[lexeme] <= MOST_PLACES:
                fitting.append(part)
        return fitting


_AS_COMPARED: Final = itemgetter(0)


def _lexeme(part: str) -> str:
    return part.partition(":")[0]


def is_meant(word: str) -> bool:
    """Whether somebody who made a slip may have meant it: numbers and pairs of signs are not."""
    return LEAST_LETTERS <= len(word) <= MOST_LETTERS and word.isalpha() and not is_unspaced(word)


def shortened(word: str) -> list[str]:
    """The word, and what it is with one letter left out: two that share one are near."""
    return sorted({word, *(word[:at] + word[at + 1 :] for at in range(len(word)))})
