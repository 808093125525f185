"""What is known of a round, written down in groups: before the next event of a case is sent.

Whoever comes while a group is on its way to the disk is written with the next one.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from consumers.schedule import pause_after
from consumers.sending import Answer
from domain.recorded import Recorded
from domain.runtime.database import Pool, Reading
from projections import attempts, set_aside, subscriptions
from projections.attempts import Came, Sent
from projections.set_aside import SetAside
from projections.subscriptions import Standing


class Superseded(Exception):
    """Somebody has moved the subscription meanwhile: what was on its way moves nothing."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The events of a case that are due. `case`: as it is set aside, if it is.

    `is_whole`: there are no more of them up to the end of the round.
    """

    stream: UUID
    events: Sequence[Recorded]
    case: SetAside | None = None
    is_whole: bool = True

    @property
    def first(self) -> "Lane":
        """Its first event alone."""
        return replace(self, events=self.events[:1], is_whole=self.is_whole and not self.events[1:])


@dataclass(slots=True)
class _Entry:
    """An event of a lane that is done with: taken, refused, or not for this owner any more."""

    lane: Lane
    number: int
    came: Came | None
    answer: Answer | None = None
    """Why it was refused."""
    written: bool = field(default=False)

    @property
    def settles(self) -> Iterable[int]:
        """The positions that the cursor may pass."""
        events = self.lane.events[self.number :] if self.answer else [self.event]
        return [event.position for event in events]

    @property
    def event(self) -> Recorded:
        return self.lane.events[self.number]


class Ledger:
    """The writing of one round. `up_to`: where its events end."""

    def __init__(self, pool: Pool, standing: Standing, lanes: Sequence[Lane], up_to: int) -> None:
        self._pool, self._standing, self._up_to = pool, standing, up_to
        self._pending = {r.position for lane in lanes if not lane.case for r in lane.events}
        self._ahead = set(standing.ahead)
        self._waiting: list[_Entry] = []
        self._one_writes = asyncio.Lock()

    async def settled(self, lane: Lane, number: int, came: Came | None) -> None:
        """Behind an event that was taken; `came` None: that is not for this owner any more."""
        await self._write(_Entry(lane, number, came))

    async def refused(self, lane: Lane, number: int, came: Came, answer: Answer) -> None:
        """The case waits, and is parked after the last try; the others flow."""
        await self._write(_Entry(lane, number, came, answer))

    async def tried(self, sent: Sent, answer: Answer) -> None:
        """Keeps an attempt that moves nothing."""
        async with self._pool.connection() as conn:
            await attempts.add(conn, self._standing.id, came_of(sent, answer))

    async def _write(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        async with self._one_writes:
            if entry.written:
                return
            group, self._waiting = self._waiting, []
            await self._commit(group)
            for one in group:
                one.written = True

    async def _commit(self, group: Sequence[_Entry]) -> None:
        for entry in group:
            self._pending.difference_update(entry.settles)
            if not entry.answer:
                self._ahead.add(entry.event.position)
        tries = [entry.came for entry in group if entry.came]
        async with self._pool.connection() as conn, conn.transaction():
            await self._move(conn, answered=bool(tries))
            if tries:
                await attempts.add(conn, self._standing.id, *tries)
            for entry in group:
                if entry.answer:
                    await self._put_aside(conn, entry, entry.answer)
                elif entry.lane.case:
                    await self._step(conn, entry)

    async def _move(self, conn: Reading, *, answered: bool) -> None:
        """The cursor moves in the transaction in which it is known that it may."""
        position = min(self._pending) - 1 if self._pending else self._up_to
        ahead = [one for one in self._ahead if one > position]
        # Whoever refuses one event is there for the others all the same.
        move = subscriptions.acknowledged if answered else subscriptions.moved
        if not await move(conn, self._standing, position, ahead):
            raise Superseded

    async def _put_aside(self, conn: Reading, entry: _Entry, answer: Answer) -> None:
        case = entry.lane.case if entry.number == 0 else None
        tried = 1 + (case.attempts if case else 0)
        pause = pause_after(tried, answer.retry_after)
        await set_aside.put(
            conn,
            self._standing.id,
            entry.lane.stream,
            position=entry.event.position,
            attempts=tried,
            next_try=datetime.now(UTC) + pause if pause else None,
            why=f"The receiver answered {answer.status}.",
        )

    async def _step(self, conn: Reading, entry: _Entry) -> None:
        lane, behind = entry.lane, entry.lane.events[entry.number + 1 : entry.number + 2]
        if not behind and lane.is_whole:
            await set_aside.drop(conn, self._standing.id, [lane.stream])
        else:
            position = behind[0].position if behind else entry.event.position + 1
            await set_aside.step(conn, self._standing.id, lane.stream, position)


def came_of(sent: Sent, answer: Answer) -> Came:
    """What came of a try, to be kept."""
    return Came(sent, answer.took, answer.status, answer.text)
