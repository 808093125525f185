"""A page of the log as read models are given it: decoded once, folded once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from domain import events as e
from domain.case import Case
from domain.configuration import Account, Person
from domain.fold import case_of, fold
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.documents import document_of
from domain.runtime.history import NAMED, STREAM, stored

MOST_REMEMBERED: Final = 20_000
_DESTROYING: Final = (e.Redacted, e.Erased)


class Folded:
    """The cases as they were folded last: a page goes on where the one before ended."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._cases: dict[UUID, Case] = {}
        self._names: dict[UUID, str] = {}

    def after(self, conn: Connection[TupleRow], page: Sequence[Recorded]) -> Mapping[UUID, Case]:
        """Each case of the page as it is after its last event there."""
        streams: dict[UUID, list[Recorded]] = {}
        for recorded in page:
            streams.setdefault(recorded.stream, []).append(recorded)
        cases = {
            stream: case
            for stream, history in streams.items()
            if (case := self._after(conn, stream, history))
        }
        if len(self._cases) + len(cases) > MOST_REMEMBERED:
            self._cases.clear()
        self._cases |= cases
        return cases

    def names(
        self,
        conn: Connection[TupleRow],
        documents: Sequence[Recorded],
        wanted: Iterable[UUID],
        last: int,
    ) -> Mapping[UUID, str]:
        """How accounts and people are called at the end of a page; absent who never was.

        `documents` is what the page says of any.
        """
        if len(self._names) > MOST_REMEMBERED:
            self._names.clear()
        for recorded in documents:
            if isinstance(recorded.event, e.Erased):
                self._names.pop(recorded.stream, None)  # the name in memory is gone by now
            elif isinstance(document := document_of(recorded), Account | Person):
                self._names[recorded.stream] = document.name
        asked = set(wanted)
        if missing := list(asked - self._names.keys()):
            rows = conn.execute(NAMED, {"streams": missing, "last": last}, binary=True)
            for recorded in self._codec.decode_all(stored(row) for row in rows):
                if isinstance(document := document_of(recorded), Account | Person):
                    self._names[recorded.stream] = document.name
        return {stream: self._names[stream] for stream in asked if stream in self._names}

    def _after(
        self, conn: Connection[TupleRow], stream: UUID, history: Sequence[Recorded]
    ) -> Case | None:
        first = history[0]
        if first.version == 1 and not _destroys(history):
            return case_of(history)
        case = self._cases.get(stream)
        # What was destroyed must be read again: the case in memory still has the words.
        if case is not None and case.version == first.version - 1 and not _destroys(history):
            return fold(case, history)
        last = history[-1].version
        rows = conn.execute(STREAM, {"stream": stream}, binary=True).fetchall()
        whole = self._codec.decode_all(stored(row) for row in rows)
        return case_of([recorded for recorded in whole if recorded.version <= last])


class Page:
    """Consecutive events of the log, in order."""

    def __init__(
        self, recorded: Sequence[Recorded], folded: Folded, conn: Connection[TupleRow]
    ) -> None:
        self.recorded = recorded
        self._folded, self._conn = folded, conn

    is_whole: ClassVar[bool] = False
    """Whether these are the whole histories of their streams, of which nothing is written yet."""

    def each(self) -> Iterator["Page"]:
        """Each event as a page of its own."""
        return (Page([one], self._folded, self._conn) for one in self.recorded)

    @property
    def last(self) -> int:
        """The position of the last event."""
        return self.recorded[-1].position

    @property
    def destroys(self) -> bool:
        """Whether words were destroyed here: nothing may go on having them."""
        return _destroys(self.recorded)

    @cached_property
    def cases(self) -> Mapping[UUID, Case]:
        """Each case of the page as it is after its last event there."""
        return self._folded.after(self._conn, self.recorded)

    @cached_property
    def positions(self) -> Mapping[UUID, int]:
        """The position of the last event here of each stream."""
        return {recorded.stream: recorded.position for recorded in self.recorded}

    @cached_property
    def public_positions(self) -> Mapping[UUID, int]:
        """The same of the events that customers may know of."""
        return {r.stream: r.position for r in self.recorded if not r.event.is_internal}

    @cached_property
    def documents(self) -> Sequence[Recorded]:
        """The few events that carry a document, or after which there is none."""
        erased = e.Erased
        return [
            r for r in self.recorded if isinstance(r.event, erased) or r.event.field("document")
        ]

    @cached_property
    def renamed(self) -> Mapping[UUID, str]:
        """The accounts and people of whom something happened here, as they are called now."""
        some = e.AccountSet | e.PersonSet | e.Erased
        told = {r.stream for r in self.documents if isinstance(r.event, some)}
        return self.names(told - self.cases.keys())

    def names(self, wanted: Iterable[UUID]) -> Mapping[UUID, str]:
        """How accounts and people are called at the end of the page; absent who never was."""
        return self._folded.names(self._conn, self.documents, wanted, self.last)


class Histories(Page):
    """The whole histories of some streams, one after the other, as far as a position."""

    is_whole: ClassVar[bool] = True

    def __init__(
        self,
        recorded: Sequence[Recorded],
        folded: Folded,
        conn: Connection[TupleRow],
        up_to: int,
    ) -> None:
        super().__init__(recorded, folded, conn)
        self._up_to = up_to

    @property
    def last(self) -> int:
        """The position as far as which they are whole."""
        return self._up_to

    @cached_property
    def cases(self) -> Mapping[UUID, Case]:
        """Each case as it is there."""
        streams: dict[UUID, list[Recorded]] = {}
        for recorded in self.recorded:
            streams.setdefault(recorded.stream, []).append(recorded)
        return {s: case for s, history in streams.items() if (case := case_of(history))}


def _destroys(history: Iterable[Recorded]) -> bool:
    return any(isinstance(recorded.event, _DESTROYING) for recorded in history)
