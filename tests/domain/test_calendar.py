"""Working days, against numpy; the end of a local day, against the clock of every time zone."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest

from domain.calendar import Calendar, Holiday, end_of_day, window_end
from domain.errors import NoWorkingTime
from tests.examples import CALENDAR, HOLIDAYS, TUESDAY, WINDOW_OF_FRIDAY, WINDOW_OF_TUESDAY

DAYS: Final = 14
CASES: Final = 20_000
SECOND: Final = timedelta(seconds=1)
FIRST: Final = date(1970, 1, 2)
# Where the clocks change, or changed, at midnight or one minute past, or a whole day was left out.
MIDNIGHT_ZONES: Final = (
    "America/Sao_Paulo", "America/St_Johns", "America/Havana", "America/Asuncion",
    "America/Scoresbysund", "America/Nuuk", "America/Santiago", "America/Bogota",
    "Asia/Beirut", "Asia/Amman", "Asia/Gaza", "Asia/Damascus", "Asia/Tehran", "Asia/Baku",
    "Africa/Cairo", "Africa/Casablanca", "Atlantic/Azores", "Pacific/Apia", "Pacific/Kwajalein",
    "Europe/Berlin", "Europe/Chisinau", "Antarctica/Troll", "Australia/Lord_Howe", "UTC",
)  # fmt: skip


def numpys(day: date, calendar: Calendar) -> date:
    """The oracle: a day on which nobody works counts as the working day before it."""
    mask = "".join("01"[weekday in calendar.weekdays] for weekday in range(1, 8))
    free = [np.datetime64(holiday.day) for holiday in calendar.holidays]
    found = np.busday_offset(day, DAYS, roll="backward", weekmask=mask, holidays=free)
    return date.fromisoformat(str(found))


def first_later_instant(day: date, zone: str) -> datetime:
    """The oracle: second by second, the first whose local date is later than `day`."""
    clock = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    steps = [timedelta(minutes=15), timedelta(minutes=1), SECOND]
    found = start
    for finer, step in enumerate(steps):
        while (found := found + step).astimezone(clock).date() <= day:
            pass
        found = found if finer == len(steps) - 1 else found - step
    return found


def random_day(chance: random.Random) -> date:
    return FIRST + timedelta(days=chance.randrange(36_500))


def test_the_14th_working_day_is_numpys_in_20000_cases() -> None:
    chance = random.Random(14)
    for day in (random_day(chance) for _ in range(CASES)):
        assert CALENDAR.add_working_days(day, DAYS) == numpys(day, CALENDAR), day


def test_also_with_holidays_and_other_working_weekdays() -> None:
    chance = random.Random(15)
    for _ in range(2_000):
        day = random_day(chance)
        near = [day + timedelta(days=chance.randrange(-5, 60)) for _ in range(chance.randrange(9))]
        calendar = Calendar(
            weekdays=frozenset(chance.sample(range(1, 8), chance.randrange(1, 8))),
            holidays=tuple(Holiday(day=free, name="Free") for free in sorted(set(near))),
        )
        assert calendar.add_working_days(day, DAYS) == numpys(day, calendar), (day, calendar)


@pytest.mark.parametrize(
    ("closed", "last"),
    [
        (date(2026, 11, 20), date(2026, 12, 10)),
        (date(2026, 11, 21), date(2026, 12, 10)),
        (date(2026, 11, 22), date(2026, 12, 10)),
        (date(2026, 11, 23), date(2026, 12, 11)),
        (date(2026, 11, 24), date(2026, 12, 14)),
    ],
)
def test_the_day_of_closing_is_day_0_and_weekends_do_not_count(closed: date, last: date) -> None:
    assert CALENDAR.add_working_days(closed, DAYS) == last


def test_public_holidays_count_as_working_days_unless_the_calendar_says_otherwise() -> None:
    closed = date(2026, 12, 18)
    assert CALENDAR.add_working_days(closed, DAYS) == date(2027, 1, 7)
    # Christmas and New Year are Fridays; Boxing Day is a Saturday, on which nobody works anyhow.
    assert HOLIDAYS.add_working_days(closed, DAYS) == date(2027, 1, 11)


def test_a_calendar_without_working_days_says_so() -> None:
    day = date(2026, 1, 1)
    free = tuple(Holiday(day=day + timedelta(days=n), name="Free") for n in range(400))
    with pytest.raises(NoWorkingTime, match="within a year of 01 Jan 2026"):
        Calendar(holidays=free).add_working_days(day, DAYS)


def test_a_case_closed_on_tuesday_in_berlin_can_be_reopened_until_the_14th_of_december() -> None:
    assert datetime(2026, 12, 14, 23, tzinfo=UTC) == WINDOW_OF_TUESDAY
    assert window_end(TUESDAY, DAYS, CALENDAR, "Europe/Berlin") == WINDOW_OF_TUESDAY


@pytest.mark.parametrize("day", [20, 21, 22])
def test_closed_on_friday_saturday_or_sunday_the_window_ends_with_thursday(day: int) -> None:
    closed = datetime(2026, 11, day, 12, tzinfo=UTC)
    assert window_end(closed, DAYS, CALENDAR, "Europe/Berlin") == WINDOW_OF_FRIDAY


def test_day_0_is_the_local_date_and_not_that_of_utc() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # Tuesday in Berlin, Monday in New York
    assert window_end(late, DAYS, CALENDAR, "Europe/Berlin") == WINDOW_OF_TUESDAY
    monday = datetime(2026, 12, 12, 5, tzinfo=UTC)  # Friday 11 December, 24:00 in New York
    assert window_end(late, DAYS, CALENDAR, "America/New_York") == monday


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        # 00:00 does not exist: the clocks go forward from there.
        ("America/Sao_Paulo", date(2018, 11, 3), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("Asia/Beirut", date(2024, 3, 30), datetime(2024, 3, 30, 22, tzinfo=UTC)),
        # 00:00 comes once, although the hour before it comes twice.
        ("America/Sao_Paulo", date(2018, 2, 17), datetime(2018, 2, 18, 3, tzinfo=UTC)),
        # The new day has begun for a minute when the old one comes back for 59: it is the first.
        ("America/St_Johns", date(2010, 11, 6), datetime(2010, 11, 7, 2, 30, tzinfo=UTC)),
        # 00:00 comes twice.
        ("America/Havana", date(2026, 10, 31), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        # There was no 30 December: the day after the 29th is the 31st.
        ("Pacific/Apia", date(2011, 12, 29), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_where_the_clocks_change_at_midnight_a_day_ends_with_its_first_later_instant(
    zone: str, day: date, instant: datetime
) -> None:
    assert end_of_day(day, zone) == instant == first_later_instant(day, zone)


def changes(zone: str, first: int, last: int) -> list[date]:
    """The local dates on which the offset differs from that of the day before, and their eves."""
    clock, found = ZoneInfo(zone), []
    noon = datetime(first, 1, 1, 12, tzinfo=UTC)
    before = noon.astimezone(clock).utcoffset()
    while noon.year < last:
        noon += timedelta(days=1)
        if (now := noon.astimezone(clock).utcoffset()) != before:
            found += [noon.date() + timedelta(days=n) for n in (-2, -1, 0)]
        before = now
    return found


@pytest.mark.parametrize("zone", MIDNIGHT_ZONES)
def test_a_day_ends_with_the_first_later_instant_whenever_the_clocks_change(zone: str) -> None:
    for day in changes(zone, 1985, 2030):
        assert end_of_day(day, zone) == first_later_instant(day, zone), day


def test_and_on_any_day_in_any_zone() -> None:
    chance = random.Random(16)
    zones = sorted(available_timezones() - {"Factory", "localtime"})
    for zone in zones:
        day = date(2000, 1, 1) + timedelta(days=chance.randrange(12_000))
        assert end_of_day(day, zone) == first_later_instant(day, zone), (zone, day)
