"""When a webhook is tried again, and what an answer means: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from consumers.schedule import (
    JITTER,
    LONGEST,
    MOST_TRIES,
    PAUSES,
    WHOLE,
    Meaning,
    asked_to_wait,
    meaning_of,
    pause_after,
)

NOW = datetime(2026, 11, 16, 9, tzinfo=UTC)


def test_ten_tries_take_about_75_hours() -> None:
    assert MOST_TRIES == 10
    assert timedelta(hours=75) <= WHOLE <= timedelta(hours=76)
    waits = [pause_after(tries) for tries in range(1, MOST_TRIES)]
    whole = sum((wait for wait in waits if wait), timedelta(0))
    assert WHOLE * (1 - JITTER) <= whole <= WHOLE * (1 + JITTER)
    assert pause_after(MOST_TRIES) is None


def test_those_that_failed_together_do_not_come_back_together() -> None:
    waits = [pause_after(3) for _ in range(100)]
    assert len(set(waits)) > 90
    assert all(wait and abs(wait - PAUSES[2]) <= PAUSES[2] * JITTER for wait in waits)


def test_a_receiver_that_says_when_is_not_asked_before_and_a_day_later_at_the_latest() -> None:
    hour = timedelta(hours=1)
    assert pause_after(1, hour) == hour
    wait = pause_after(4, hour)
    assert wait is not None
    assert wait > hour
    assert pause_after(1, timedelta(days=30)) == LONGEST
    assert pause_after(MOST_TRIES, hour) is None


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (None, None),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("0", timedelta(0)),
        ("9" * 40, LONGEST),
        ("Mon, 16 Nov 2026 09:02:00 GMT", timedelta(minutes=2)),
        ("Mon, 16 Nov 2026 08:00:00 GMT", timedelta(0)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_when_a_receiver_wants_to_be_asked_again(said: str | None, wait: timedelta | None) -> None:
    assert asked_to_wait(said, NOW) == wait


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ((200, 201, 202, 204, 299), Meaning.TAKEN),
        ((None, 408, 425, 429, 500, 502, 503, 504, 599), Meaning.AWAY),
        ((301, 302, 303, 307, 308), Meaning.AWAY),
        ((400, 401, 403, 404, 405, 409, 413, 415, 418, 422, 451), Meaning.REFUSED),
        ((410,), Meaning.GONE),
    ],
)
def test_what_a_status_means(statuses: tuple[int | None, ...], meaning: Meaning) -> None:
    assert {meaning_of(status) for status in statuses} == {meaning}
