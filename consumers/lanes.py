"""One round of a subscription: what is due is sent, cases side by side, each in its own order.

Each case is a lane. What a receiver has taken is kept at once, so that a kill repeats only what was
on its way. A case that is refused is set aside and the others flow; when the receiver is away, all
lanes stop where they are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import UUID

from consumers.schedule import MOST_TRIES, Meaning, meaning_of, pause_after
from consumers.sending import Answer
from consumers.watching import View
from domain.recorded import Recorded
from domain.runtime.database import Pool, Reading
from projections import attempts, set_aside, subscriptions
from projections.attempts import Sent, sent_of
from projections.set_aside import SetAside
from projections.subscriptions import GONE, STOPPED, Standing

MOST_EVENTS: Final = 100  # of a round
MOST_LANES: Final = 8  # that send at once to one receiver

Post: TypeAlias = Callable[[Sent, bytes], Awaitable[Answer]]
Sight: TypeAlias = Callable[[], Awaitable[View]]
"""The owner's rights as they are at each try. Superseded: there is no such owner any more."""


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due, and up to which position that is all there is."""

    lanes: Sequence[Lane]
    up_to: int
    is_full: bool
    """Whether there is more behind it."""


async def planned(
    view: View, standing: Standing, cases: Sequence[SetAside], after: int, now: datetime
) -> Plan:
    """What is due of a subscription that stands at `after`."""
    through = max(after, await view.through())
    page = await view.page(after, MOST_EVENTS, through) if through > after else []
    is_full = len(page) == MOST_EVENTS
    up_to = page[-1].position if is_full else through
    aside, before = {case.stream for case in cases}, set(standing.ahead)
    by_stream: dict[UUID, list[Recorded]] = {}
    for recorded in page:
        if recorded.stream not in aside and recorded.position not in before:
            by_stream.setdefault(recorded.stream, []).append(recorded)
    lanes = [Lane(stream, events) for stream, events in by_stream.items()]
    for case in cases:
        if case.next_try is not None and case.next_try <= now:
            rest = await view.page(case.position - 1, MOST_EVENTS, up_to, case.stream)
            due = [recorded for recorded in rest if recorded.position not in before]
            lanes.append(Lane(case.stream, due, case, len(rest) < MOST_EVENTS))
    return Plan(lanes, up_to, is_full)


class Round:
    """Sends a plan. Nothing is written once the subscription was moved by somebody else."""

    def __init__(
        self, pool: Pool, standing: Standing, sight: Sight, post: Post, plan: Plan
    ) -> None:
        self._pool, self._standing, self._sight, self._post = pool, standing, sight, post
        self._plan = plan
        self._pending = {r.position for lane in plan.lanes if not lane.case for r in lane.events}
        self._ahead = set(standing.ahead)
        self._writing, self._turn = asyncio.Lock(), asyncio.Semaphore(MOST_LANES)
        self.away: Answer | None = None
        """Why the receiver takes nothing now."""

    async def run(self) -> None:
        """Sends what is due, as far as the receiver takes it.

        Raises:
            Superseded: somebody has moved the subscription.
        """
        lanes = self._plan.lanes
        if self._standing.failures:  # one knocks before all come in
            lanes = [lanes[0].first]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._drive(lane))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        if self.away:
            await self._stay_away(self.away)

    async def _drive(self, lane: Lane) -> None:
        if not lane.events and lane.case and lane.is_whole:
            async with self._pool.connection() as conn:
                await set_aside.drop(conn, self._standing.id, [lane.stream])
        for number, recorded in enumerate(lane.events):
            async with self._turn:
                if self.away or not await self._sent(lane, number, recorded):
                    return

    async def _sent(self, lane: Lane, number: int, recorded: Recorded) -> bool:
        """Whether the lane goes on behind this event."""
        sent = sent_of(recorded, self._standing.id)
        body = await (await self._sight()).one(recorded.position)
        if body is None:  # the owner may not see it any more
            await self._settle(lane, number, None)
            return True
        answer = await self._post(sent, body)
        match meaning_of(answer.status):
            case Meaning.TAKEN:
                await self._settle(lane, number, (sent, answer))
                return True
            case Meaning.REFUSED:
                await self._set_aside(lane, number, sent, answer)
            case Meaning.GONE:
                await self._end(sent, answer)
            case Meaning.AWAY:
                self.away = answer
                async with self._pool.connection() as conn:
                    await _kept(conn, self._standing.id, sent, answer)
        return False

    async def _settle(self, lane: Lane, number: int, came: tuple[Sent, Answer] | None) -> None:
        """Behind an event of a lane, that was taken or is not for this owner any more."""
        position = lane.events[number].position
        async with self._writing, self._pool.connection() as conn, conn.transaction():
            self._pending.discard(position)
            self._ahead.add(position)
            await self._move(conn, taken=came is not None)
            if came:
                await _kept(conn, self._standing.id, *came)
            if lane.case:
                await self._step(conn, lane, number)

    async def _step(self, conn: Reading, lane: Lane, number: int) -> None:
        last = number + 1 == len(lane.events)
        if last and lane.is_whole:
            await set_aside.drop(conn, self._standing.id, [lane.stream])
        else:
            behind = lane.events[number].position + 1 if last else lane.events[number + 1].position
            await set_aside.step(conn, self._standing.id, lane.stream, behind)

    async def _set_aside(self, lane: Lane, number: int, sent: Sent, answer: Answer) -> None:
        """The case waits, and is parked after the last try; the others flow."""
        tried = 1 + (lane.case.attempts if lane.case and number == 0 else 0)
        pause = pause_after(tried, answer.retry_after)
        async with self._writing, self._pool.connection() as conn, conn.transaction():
            self._pending -= {recorded.position for recorded in lane.events[number:]}
            await self._move(conn, taken=True)  # whoever refuses one is there for the others
            await _kept(conn, self._standing.id, sent, answer)
            await set_aside.put(
                conn,
                self._standing.id,
                lane.stream,
                position=lane.events[number].position,
                attempts=tried,
                next_try=datetime.now(UTC) + pause if pause else None,
                why=f"The receiver answered {answer.status}.",
            )

    async def _move(self, conn: Reading, *, taken: bool) -> None:
        """The cursor moves in the transaction in which it is known that it may."""
        position = min(self._pending) - 1 if self._pending else self._plan.up_to
        ahead = [one for one in self._ahead if one > position]
        move = subscriptions.acknowledged if taken else subscriptions.moved
        if not await move(conn, self._standing, position, ahead):
            raise Superseded

    async def _end(self, sent: Sent, answer: Answer) -> None:
        why = "The receiver answered 410: it wants nothing any more."
        async with self._writing, self._pool.connection() as conn, conn.transaction():
            await _kept(conn, self._standing.id, sent, answer)
            if not await subscriptions.ended(conn, self._standing, GONE, why):
                raise Superseded
        raise Superseded  # whatever else is on its way moves nothing either

    async def _stay_away(self, answer: Answer) -> None:
        """Nothing is consumed: it is tried again by the schedule, and then one stops there."""
        status = answer.status
        why = f"The receiver answered {status}." if status else answer.text
        pause = pause_after(self._standing.failures + 1, answer.retry_after)
        async with self._pool.connection() as conn:
            if pause:
                await subscriptions.failed(conn, self._standing, datetime.now(UTC) + pause, why)
            else:
                whole = f"Tried {MOST_TRIES} times over three days. {why}"
                await subscriptions.ended(conn, self._standing, STOPPED, whole)


async def _kept(conn: Reading, subscription: UUID, sent: Sent, answer: Answer) -> None:
    """In the log of attempts."""
    status, text = answer.status, answer.text
    await attempts.add(conn, subscription, sent, took=answer.took, status=status, text=text)
