"""Working time: which days count, and the instant at which a window of working days ends."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationInfo

from domain.errors import NoWorkingTime
from domain.values import STORED, Key, Label, Value

REOPEN_DAYS: Final = 14
TIMER_DAYS: Final = 10
REMINDER_DAYS: Final = 5
_DAY: Final = timedelta(days=1)
_YEAR: Final = 366


def _known_zone(name: str, info: ValidationInfo) -> str:
    if info.context == STORED:
        return name
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = "is no time zone; an example: Europe/Berlin"
        raise ValueError(msg) from None
    return name


Zone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
Weekday = Annotated[int, Field(ge=1, le=7)]


class Holiday(Value):
    """A day on which nobody works, whatever weekday it is."""

    day: date
    name: Label


class Calendar(Value):
    """Which days are working days. Weekdays are ISO's: 1 is Monday, 7 is Sunday."""

    key: Key = "standard"
    name: Label = "Monday to Friday"
    weekdays: Annotated[frozenset[Weekday], Field(min_length=1)] = frozenset({1, 2, 3, 4, 5})
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=2_000)] = ()

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`; `day` itself is day 0.

        Raises:
            NoWorkingTime: the calendar has no working day within a year.
        """
        return _working_day(day, count, self.weekdays, self.free_days, self.name)

    def is_working(self, day: date) -> bool:
        """Whether somebody works on that day."""
        return _is_working(day, self.weekdays, self.free_days)

    @cached_property
    def free_days(self) -> frozenset[date]:
        """The days of the holidays."""
        return frozenset(holiday.day for holiday in self.holidays)


# The same few days are asked for over and over, and each is a fortnight's walk.
@lru_cache(maxsize=4096)
def _working_day(
    day: date, count: int, weekdays: frozenset[int], free: frozenset[date], name: str
) -> date:
    left, idle = count, 0
    while left:
        day += _DAY
        if _is_working(day, weekdays, free):
            left, idle = left - 1, 0
        elif (idle := idle + 1) >= _YEAR:
            raise NoWorkingTime(calendar=name, day=day - idle * _DAY)
    return day


def _is_working(day: date, weekdays: frozenset[int], free: frozenset[date]) -> bool:
    return day.isoweekday() in weekdays and day not in free


@lru_cache(maxsize=4096)
def end_of_day(day: date, zone: str) -> datetime:
    """The first instant (UTC) whose local date in `zone` is later than `day`."""
    # Where the clocks change at midnight, `fold=0` gives the first of two midnights, and for a
    # midnight that does not exist the instant of the change: the first instant of the later date.
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    return midnight.astimezone(UTC)


def window_end(start: datetime, days: int, calendar: Calendar, zone: str) -> datetime:
    """The first instant after the `days`-th working day that follows the local day of `start`."""
    day = start.astimezone(ZoneInfo(zone)).date()
    return end_of_day(calendar.add_working_days(day, days), zone)
