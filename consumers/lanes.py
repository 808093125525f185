"""One round of a subscription: what is due is sent, cases side by side, each in its own order.

Each case is a lane. What a receiver has taken is kept at once, so that a kill repeats only what was
on its way. A case that is refused is set aside and the others flow; when the receiver is away, all
lanes stop where they are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypeAlias
from uuid import UUID

from consumers import deliveries
from consumers.ledger import Lane, Ledger, Superseded, came_of
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
FRESH_SECONDS: Final = 0.25  # what was read longer ago, or by the rights of then, is read again

Post: TypeAlias = Callable[[Sent, bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due, and up to which position that is all there is.

    `is_full`: there is more behind it. `before`: by the position of an event that of the one before
    in the owner's view, as it was at `read_at`.
    """

    lanes: Sequence[Lane]
    up_to: int
    is_full: bool
    before: Mapping[int, int]
    read_at: float


async def planned(
    view: View, standing: Standing, cases: Sequence[SetAside], after: int, now: datetime
) -> Plan:
    """What is due of a subscription that stands at `after`."""
    through = max(after, await view.through())
    page = await view.page(after, MOST_EVENTS, through) if through > after else []
    is_full = len(page) == MOST_EVENTS
    up_to = page[-1].position if is_full else through
    aside, taken = {case.stream for case in cases}, set(standing.ahead)
    by_stream: dict[UUID, list[Recorded]] = {}
    for recorded in page:
        if recorded.stream not in aside and recorded.position not in taken:
            by_stream.setdefault(recorded.stream, []).append(recorded)
    lanes = [Lane(stream, events) for stream, events in by_stream.items()]
    before = await _before(view, after, page) if lanes else {}
    for case in cases:
        if case.next_try is not None and case.next_try <= now:
            rest = await view.page(case.position - 1, MOST_EVENTS, up_to, case.stream)
            due = [recorded for recorded in rest if recorded.position not in taken]
            lanes.append(Lane(case.stream, due, case, len(rest) < MOST_EVENTS))
    return Plan(lanes, up_to, is_full, before, monotonic())


async def _before(view: View, after: int, page: Sequence[Recorded]) -> Mapping[int, int]:
    positions = [recorded.position for recorded in page]
    return dict(zip(positions, [await view.before(after), *positions], strict=False))


class Round:
    """Sends a plan. Nothing is written once the subscription was moved by somebody else."""

    def __init__(
        self, pool: Pool, standing: Standing, post: Post, plan: Plan, owner: UUID | None
    ) -> None:
        """`owner` is told should it stop; None: nobody can be."""
        self._pool, self._standing, self._post, self._plan = pool, standing, post, plan
        self._owner = owner
        self._ledger = Ledger(pool, standing, plan.lanes, plan.up_to)
        self._turn = asyncio.Semaphore(MOST_LANES)
        self._away: Answer | None = None

    async def run(self, view: View) -> None:
        """Sends what is due, as far as the receiver takes it; `view` is that of the plan.

        Raises:
            Superseded: somebody has moved the subscription.
        """
        lanes = self._plan.lanes
        if self._standing.failures:  # one knocks before all come in
            lanes = [lanes[0].first]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._drive(lane, view))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        if self._away:
            await self._stay_away(self._away)

    async def _drive(self, lane: Lane, view: View) -> None:
        if not lane.events and lane.case and lane.is_whole:
            async with self._pool.connection() as conn:
                await set_aside.drop(conn, self._standing.id, [lane.stream])
        for number, recorded in enumerate(lane.events):
            async with self._turn:
                if self._away or self._is_stale:
                    return
                if not await self._sent(lane, number, await self._body(recorded, view)):
                    return

    async def _body(self, recorded: Recorded, view: View) -> bytes | None:
        """What is sent now; None: the owner may not see it any more."""
        before = self._plan.before.get(recorded.position)
        if before is not None:
            return await view.told(recorded, before)
        return await view.one(recorded.position)

    @property
    def _is_stale(self) -> bool:
        """Whether the rest is for another round, by the rights of then."""
        return monotonic() - self._plan.read_at > FRESH_SECONDS

    async def _sent(self, lane: Lane, number: int, body: bytes | None) -> bool:
        """Whether the lane goes on behind this event."""
        if body is None:
            await self._ledger.settled(lane, number, None)
            return True
        sent = sent_of(lane.events[number], self._standing.id)
        answer = await self._post(sent, body)
        match meaning_of(answer.status):
            case Meaning.TAKEN:
                await self._ledger.settled(lane, number, came_of(sent, answer))
                return True
            case Meaning.REFUSED:
                await self._ledger.refused(lane, number, came_of(sent, answer), answer)
            case Meaning.GONE:
                await self._end(sent, answer)
            case Meaning.AWAY:
                self._away = answer
                await self._ledger.tried(sent, answer)
        return False

    async def _end(self, sent: Sent, answer: Answer) -> None:
        why = "The receiver answered 410: it wants nothing any more."
        async with self._pool.connection() as conn, conn.transaction():
            await attempts.add(conn, self._standing.id, came_of(sent, answer))
            await self._stop(conn, GONE, why)
        raise Superseded  # whatever else is on its way moves nothing either

    async def _stay_away(self, answer: Answer) -> None:
        """Nothing is consumed: it is tried again by the schedule, and then one stops there."""
        status = answer.status
        why = f"The receiver answered {status}." if status else answer.text
        pause = pause_after(self._standing.failures + 1, answer.retry_after)
        async with self._pool.connection() as conn, conn.transaction():
            if pause:
                await subscriptions.failed(conn, self._standing, datetime.now(UTC) + pause, why)
            else:
                whole = f"Tried {MOST_TRIES} times over three days. {why}"
                await self._stop(conn, STOPPED, whole)

    async def _stop(self, conn: Reading, state: str, why: str) -> None:
        if await subscriptions.ended(conn, self._standing, state, why) and self._owner:
            await deliveries.record_stopped(conn, self._standing, self._owner)
