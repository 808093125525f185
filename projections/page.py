"""A page of the log as read models are given it: decoded once, folded once."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from domain import events as e
from domain.case import Case
from domain.fold import case_of, fold
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.history import STREAM, stored

MOST_REMEMBERED: Final = 20_000


class Folded:
    """The cases as they were folded last: a page goes on where the one before ended."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._cases: dict[UUID, Case] = {}

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

    @property
    def last(self) -> int:
        """The position of the last event."""
        return self.recorded[-1].position

    @cached_property
    def cases(self) -> Mapping[UUID, Case]:
        """Each case of the page as it is after its last event there."""
        return self._folded.after(self._conn, self.recorded)


def _destroys(history: Iterable[Recorded]) -> bool:
    return any(isinstance(recorded.event, e.Redacted | e.Erased) for recorded in history)
