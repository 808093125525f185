"""Seeds a desk with sixty cases: through the Store, at instants that lie back, in their order."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain import events as e
from domain.calendar import REOPEN_DAYS, Calendar
from domain.configuration import Account
from domain.recorded import Cause
from domain.runtime.seed import desk, lives
from domain.runtime.seed.lives import LIVES, TOPICS, Life, Step, Story
from domain.runtime.store import Outcome, Store
from domain.values import Actor, Role

SEED: Final = Cause("seed")
SEEDER: Final = Actor(id="operator:seed", role=Role.OPERATOR)
TIMEKEEPER: Final = Actor(id="system:timekeeper", role=Role.SYSTEM)
# Where the desk begins, before now; from its first document a later run knows the same instants.
OPENED: Final = timedelta(days=130)
WORK_BEGINS, WORK_ENDS = time(8, 10), time(17, 40)
LAST_WORKING_DAY: Final = 5
AFTERWARDS: Final = 60  # the number of the first step that stands behind all lives

_ACCOUNTS: Final = tuple(desk.ACCOUNTS)
_CUSTOMERS: Final = (
    ("jonas.weber@nordwind.example", "miriam.vogt@nordwind.example"),
    ("dana@cascade.example", "marcus@cascade.example"),
    ("beatriz@paulista.example", "rafael@paulista.example"),
)
_AGENTS: Final = ("ines@desk.example", "tom@desk.example", "yuki@desk.example")


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
    """One case on its way through a life."""

    def __init__(self, number: int, now: datetime) -> None:
        self.number, self._now = number, now
        self.life: Life = LIVES[number % len(LIVES)]
        self.account = _ACCOUNTS[number % len(_ACCOUNTS)]
        self.document: Account = desk.ACCOUNTS[self.account]
        self.id: UUID | None = None
        self.outcome: Outcome | None = None
        customer, admin = _CUSTOMERS[number % len(_CUSTOMERS)]
        agent = desk.person(_AGENTS[number // 2 % len(_AGENTS)])
        self._who = {
            "customer": _actor(desk.person(customer)),
            "admin": _actor(desk.person(admin)),
            "agent": _actor(agent),
            "support": _actor(desk.person("ruth@desk.example")),
            "timer": TIMEKEEPER,
            "operator": SEEDER,
        }
        self.story = Story(TOPICS[number], lambda: "", agent, now)
        self.steps: Iterator[Step] = iter(self.life.steps)

    @property
    def begins(self) -> datetime:
        """When it is raised."""
        if self.life.closed is not None:
            return self._closing() - timedelta(days=7)
        if self.life.days:
            return self._now - timedelta(days=self.life.days + 1.3 * (self.number // len(LIVES)))
        return self.at_work(self._now - timedelta(days=28 + self.number * 37 % 88))

    def at_work(self, at: datetime) -> datetime:
        """That instant, or when the account's people are at work next."""
        local = at.astimezone(ZoneInfo(self.document.zone))
        if local.time() > WORK_ENDS:
            local = datetime.combine(local.date() + timedelta(days=1), WORK_BEGINS, local.tzinfo)
        elif local.time() < WORK_BEGINS:
            local = datetime.combine(local.date(), WORK_BEGINS, local.tzinfo)
        while local.isoweekday() > LAST_WORKING_DAY:
            local += timedelta(days=1)
        jitter = timedelta(minutes=self.number * 7 % 23, seconds=self.number * 31 % 60)
        return (local + jitter).astimezone(UTC)

    def by(self, who: str) -> Actor:
        """Who plays this part."""
        return self._who[who]

    def when(self, step: Step, last: datetime) -> datetime:
        """The instant of a step after the one before; never ahead of now."""
        due = self._due() if step.who == "timer" else None
        at = due or self.at_work(last + timedelta(hours=step.hours))
        if self.life.closed is not None and step.tells is lives.ACCEPT.tells:
            at = self._closing()
        return min(at, self._now)

    def told(self, outcome: Outcome) -> None:
        """What came of a step."""
        self.id, self.outcome = outcome.case.id, outcome
        for recorded in outcome.history:
            if isinstance(recorded.event, e.Posted) and not recorded.event.internal:
                who = "customer" if recorded.by.is_customer else "agent"
                self.story.entries[who] = recorded.event.entry

    def _due(self) -> datetime | None:
        assert self.outcome is not None, "a timer runs for a case that is there"
        life = self.outcome.case.life
        return next((w.closes_at for w in (life.requested, life.proposed) if w), None)

    def _closing(self) -> datetime:
        """In the afternoon of the day from which so many working days have passed."""
        zone = ZoneInfo(self.document.zone)
        calendar = desk.MUNICH if self.document.calendar == desk.MUNICH.key else Calendar()
        today = day = self._now.astimezone(zone).date()
        assert self.life.closed is not None, "it is asked of lives that end on a day"
        while calendar.add_working_days(day, self.life.closed) >= today:
            day -= timedelta(days=1)
        return datetime.combine(day, time(15, 20), zone).astimezone(UTC)


async def plant(store: Store) -> Planted:
    """Sets the desk up and tells its cases. What is there already stays as it is."""
    first = next(iter(desk.DOCUMENTS))
    before = await store.history(first)
    now = before[0].at + OPENED if before else datetime.now(UTC).replace(microsecond=0)
    commands = 0
    for n, (stream, command) in enumerate(desk.DOCUMENTS.items()):
        at = now - OPENED + timedelta(minutes=3 * n)
        outcome = await store.handle(
            stream, command, by=SEEDER, cause=SEED, key=f"seed document {n}", at=at
        )
        commands += not outcome.replayed
    cases = [_Case(number, now) for number in range(len(TOPICS))]
    for case in cases:
        case.story.other = partial(_other, case, cases)
    commands += await _tell(store, cases)
    commands += await _afterwards(store, cases, now)
    return Planted(len(cases), commands)


async def _tell(store: Store, cases: list[_Case]) -> int:
    """Every case in its life, all of them side by side in the order of time."""
    turns = [_Turn(case.begins, case.number, case) for case in cases]
    heapq.heapify(turns)
    upcoming: dict[int, tuple[int, Step]] = {}
    commands = 0
    while turns:
        turn = heapq.heappop(turns)
        case, (n, step) = turn.case, upcoming.get(turn.number, (0, None))
        outcome = await (
            _step(store, case, step, n, turn.at) if step else _begin(store, case, turn.at)
        )
        commands += not outcome.replayed
        if (following := next(case.steps, None)) is not None:
            upcoming[turn.number] = (n + 1, following)
            heapq.heappush(turns, _Turn(case.when(following, turn.at), turn.number, case))
    return commands


async def _begin(store: Store, case: _Case, at: datetime) -> Outcome:
    external = f"OPS-{400 + case.number}" if case.number % 4 == 3 else None  # noqa: PLR2004  every fourth
    recipients = (f"it@{case.document.domains[0]}",) if case.number % 5 == 0 else ()
    command = lives.create(case.story.topic, recipients, external)
    key = f"seed {case.number}"
    outcome = await store.handle(None, command, by=case.by("customer"), cause=SEED, key=key, at=at)
    case.told(outcome)
    return outcome


async def _step(store: Store, case: _Case, step: Step, n: int, at: datetime) -> Outcome:
    case.story.now = at
    command = step.tells(case.story)
    key = f"seed {case.number} {n}"
    outcome = await store.handle(case.id, command, by=case.by(step.who), cause=SEED, key=key, at=at)
    case.told(outcome)
    return outcome


async def _afterwards(store: Store, cases: list[_Case], now: datetime) -> int:
    """What needs two cases, or destroys words."""
    past = next(n for n, life in enumerate(LIVES) if (life.closed or 0) > REOPEN_DAYS)
    told = (
        (past, lives.FOLLOW_UP),
        (20, lives.MERGE),
        (40, lives.MERGE),
        (40, lives.UNMERGE),
        (12, lives.REDACT),
        (54, lives.ERASE),
    )
    commands = 0
    for n, (number, step) in enumerate(told):
        at = now - timedelta(minutes=40 - 5 * n)
        outcome = await _step(store, cases[number], step, AFTERWARDS + n, at)
        commands += not outcome.replayed
    return commands


def _other(case: _Case, cases: list[_Case]) -> str:
    """The number of an open case of the same account."""
    return next(
        other.outcome.case.number
        for other in cases
        if other.outcome and other is not case and other.account == case.account
        and other.outcome.case.is_open
    )  # fmt: skip


def _actor(person: UUID) -> Actor:
    of = desk.PEOPLE[person]
    return Actor(id=person, role=of.role, account=of.account)
