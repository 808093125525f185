"""Which timers run in a case: pure, from its history. An import or a seed starts none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consumers.notices import SILENT
from domain import events as e
from domain.fold import case_of
from domain.recorded import Recorded


class Timer(StrEnum):
    """What is due when the time has come."""

    REMIND = "remind"
    CLOSE = "close"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Running:
    """A timer, and the version of the event that started it."""

    timer: Timer
    at: datetime
    version: int


def running(history: Sequence[Recorded]) -> tuple[Running, ...]:
    """The timers of a case that are not stopped, whether or not their time has come."""
    case = case_of(history)
    if case is None or not case.is_open or case.erased:
        return ()
    found: list[Running] = []
    awaiting = _last(history, e.Awaiting)
    if case.life.awaiting and case.life.awaiting.until and awaiting:
        found.append(Running(Timer.RESUME, case.life.awaiting.until, awaiting.version))
    if case.life.escalated or case.is_critical:
        return tuple(found)
    for waits, started in (
        (case.life.requested, e.CloseRequested),
        (case.life.proposed, e.Resolved),
    ):
        last = _last(history, started)
        if waits is None or waits.closes_at is None or last is None:
            continue
        found.append(Running(Timer.CLOSE, waits.closes_at, last.version))
        reminds_at: datetime | None = last.event.field("reminds_at")
        if reminds_at is not None:
            found.append(Running(Timer.REMIND, reminds_at, last.version))
    return tuple(found)


def due(timers: Sequence[Running], now: datetime) -> tuple[Running, ...]:
    """Those whose time has come; nobody is reminded of what is closed at the same time."""
    come = [one for one in timers if one.at <= now]
    closes = any(one.timer is Timer.CLOSE for one in come)
    return tuple(one for one in come if not (closes and one.timer is Timer.REMIND))


def _last(history: Sequence[Recorded], kind: type[e.Event]) -> Recorded | None:
    """The last event of a kind; None also where it came from elsewhere."""
    for recorded in reversed(history):
        if isinstance(recorded.event, kind):
            return None if recorded.cause.kind in SILENT else recorded
    return None
