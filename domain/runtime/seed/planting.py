"""Seeds a desk with sixty cases: through the Store, at instants that lie back, in their order."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate, takewhile
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain import commands as c
from domain.calendar import Calendar
from domain.configuration import (
    CATALOGUE,
    SERVICE_LEVELS,
    Account,
    Catalogue,
    Document,
    document_stream,
)
from domain.recorded import Cause
from domain.runtime.documents import document_of
from domain.runtime.seed import desk
from domain.runtime.seed.stories import (
    STORIES,
    Step,
    Story,
    account_of,
    actor,
    command,
    raised_by,
)
from domain.runtime.store import Outcome, Store

SEED: Final = Cause("seed")
# How long before now the desk is set up: by its first account a later run knows what was now.
OPENED: Final = timedelta(days=130)
WORK_BEGINS, WORK_ENDS = time(8, 10), time(17, 40)
LAST_WORKING_DAY: Final = 5
CLOSES_AT: Final = time(15, 20)
BEFORE_ITS_CLOSING: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Planted:
    """How many cases there are, and how many commands were carried out now."""

    cases: int
    commands: int


@dataclass(order=True)
class _Turn:
    """The next step of a case."""

    at: datetime
    number: int
    case: "_Case" = field(compare=False)


class _Case:
    """One case on its way through its story."""

    def __init__(self, number: int, story: Story, now: datetime) -> None:
        self.number, self.story, self._now = number, story, now
        self.account: Account = desk.ACCOUNTS[account_of(story)]
        self.zone = ZoneInfo(self.account.zone)
        self.outcome: Outcome | None = None
        self.commands = 0
        self.step: Step | None = None
        self._steps = iter(story.steps)

    @property
    def known_by(self) -> str:
        """The number of a case that was raised."""
        assert self.outcome is not None, "no story speaks of a case before it was raised"
        return self.outcome.case.number

    def told(self, outcome: Outcome, at: datetime) -> datetime | None:
        """When the next step after this one is; None when the story ends."""
        self.outcome = outcome
        self.step = next(self._steps, None)
        self.commands += 1
        return self._next(self.step, at) if self.step else None

    def begins(self) -> datetime:
        """When it is raised: so early that all of its steps lie before now."""
        if self.story.closed is not None:
            return self._at_work(self._closing() - BEFORE_ITS_CLOSING)
        day = self._now - timedelta(days=self.story.ago or 0, hours=self.number * 5 % 9)
        while self._ends(self._at_work(day)) >= self._now:
            day -= timedelta(hours=3)
        return self._at_work(day)

    def _next(self, step: Step, last: datetime) -> datetime:
        if step.hours < 0:
            return self._now + timedelta(hours=step.hours)
        if step.who == "timer":
            return self._due()
        if self.story.closed is not None and step.what == "accept-resolution":
            return self._closing()
        return self._at_work(last + timedelta(hours=step.hours))

    def _ends(self, begin: datetime) -> datetime:
        """When the last step would be that follows from those before."""
        hours = [step.hours for step in self.story.steps if step.hours > 0]
        *_, end = accumulate(hours, self._after, initial=begin)
        return end

    def _after(self, last: datetime, hours: float) -> datetime:
        return self._at_work(last + timedelta(hours=hours))

    def _at_work(self, at: datetime) -> datetime:
        """That instant, or when the account's people are at work next, some minutes later."""
        local = at.astimezone(self.zone)
        if local.time() > WORK_ENDS:
            local = datetime.combine(local.date() + timedelta(days=1), WORK_BEGINS, self.zone)
        elif local.time() < WORK_BEGINS:
            local = datetime.combine(local.date(), WORK_BEGINS, self.zone)
        while local.isoweekday() > LAST_WORKING_DAY:
            local += timedelta(days=1)
        minutes, seconds = self.number * 7 % 23, (self.number * 31 + local.minute * 17) % 60
        return (local + timedelta(minutes=minutes, seconds=seconds)).astimezone(UTC)

    def _due(self) -> datetime:
        assert self.outcome is not None, "a timer runs for a case that is there"
        life = self.outcome.case.life
        if life.awaiting and life.awaiting.until:
            return life.awaiting.until
        (at,) = {w.closes_at for w in (life.requested, life.proposed) if w and w.closes_at}
        return at

    def _closing(self) -> datetime:
        """In the afternoon of the last working day since which so many have passed."""
        calendar = desk.MUNICH if self.account.calendar == desk.MUNICH.key else Calendar()
        today = day = self._now.astimezone(self.zone).date()
        assert self.story.closed is not None, "it is asked of cases that end on a day"
        while calendar.add_working_days(day, self.story.closed) >= today:
            day -= timedelta(days=1)
        while not calendar.is_working(day):
            day -= timedelta(days=1)
        return datetime.combine(day, CLOSES_AT, self.zone).astimezone(UTC)


async def plant(store: Store, now: datetime | None = None) -> Planted:
    """Sets the desk up and tells its cases. What is there already stays as it is."""
    now = await _first_now(store) or now or datetime.now(UTC).replace(microsecond=0)
    commands = 0
    for n, (stream, document) in enumerate((await _documents(store)).items()):
        outcome = await store.handle(
            stream, document, by=desk.SEEDER, cause=SEED, key=f"seed document {n}", at=now - OPENED
        )
        commands += not outcome.replayed
    cases = {story.key: _Case(n, story, now) for n, story in enumerate(STORIES)}
    return Planted(len(cases), commands + await _tell(store, cases))


async def _first_now(store: Store) -> datetime | None:
    """What was now when this desk was seeded first."""
    history = await store.history(next(iter(desk.ACCOUNTS)))
    return next((r.at + OPENED for r in history if r.cause == SEED), None)


async def _documents(store: Store) -> Mapping[UUID, c.DocumentCommand]:
    """The desk's documents. What could be chosen before can still be chosen, and levels stay."""
    documents = dict(desk.DOCUMENTS)
    catalogue = await _before(store, document_stream(CATALOGUE))
    if isinstance(catalogue, Catalogue):
        together = desk.joined(catalogue)
        documents[document_stream(CATALOGUE)] = c.SetCatalogue(document=together)
    if await _before(store, document_stream(SERVICE_LEVELS)):
        del documents[document_stream(SERVICE_LEVELS)]
    return documents


async def _before(store: Store, stream: UUID) -> Document | None:
    """What a document was before the desk was seeded; None when nobody had set it."""
    history = takewhile(lambda r: r.cause != SEED, await store.history(stream))
    return next((document_of(r) for r in reversed(list(history))), None)


async def _tell(store: Store, cases: Mapping[str, _Case]) -> int:
    """Every case in its story, all of them side by side in the order of time."""
    turns = [_Turn(case.begins(), case.number, case) for case in cases.values()]
    heapq.heapify(turns)
    commands, free = 0, turns[0].at
    while turns:
        turn = heapq.heappop(turns)
        case, at = turn.case, max(turn.at, free)
        free = at + timedelta(seconds=1)  # no two people do something in the same second
        outcome = await _next(store, case, at, cases)
        commands += not outcome.replayed
        if (then := case.told(outcome, at)) is not None:
            heapq.heappush(turns, _Turn(then, case.number, case))
    return commands


async def _next(store: Store, case: _Case, at: datetime, cases: Mapping[str, _Case]) -> Outcome:
    """Raises a case, or takes its next step."""
    key = f"seed {case.story.key} {case.commands}"
    if case.outcome is None or case.step is None:
        by, asked = raised_by(case.story), case.story.create()
        return await store.handle(None, asked, by=by, cause=SEED, key=key, at=at)
    by, stream = actor(case.step.who), case.outcome.case.id
    step = command(case.step, case.outcome.history, at, lambda other: cases[other].known_by)
    return await store.handle(stream, step, by=by, cause=SEED, key=key, at=at)
