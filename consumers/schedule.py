"""When a webhook is tried again, what an answer means, and when one gives up."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from itertools import accumulate
from typing import Final

# Between ten tries. Source: Standard Webhooks 1.0, "Retry schedule"; 75 h 35 min in all.
PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES: Final = len(PAUSES) + 1
JITTER: Final = 0.1  # of a pause, either way: those that failed together do not come back together
LONGEST: Final = timedelta(hours=24)  # that a receiver may ask us to stay away
WHOLE: Final = tuple(accumulate(PAUSES))[-1]


class Meaning(Enum):
    """What an answer says of an event, of its case and of its receiver."""

    TAKEN = "the receiver has it"
    AWAY = "the receiver cannot take anything now: nothing is consumed"
    REFUSED = "the receiver does not want this one"
    GONE = "the receiver wants nothing any more"


# Neither of these says a word about the event.
LATER: Final = frozenset({
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
})  # fmt: skip


def meaning_of(status: int | None) -> Meaning:
    """What a status means; None: there was no answer.

    A redirect is not followed, and tells nothing of the event: whoever moved says so in the
    subscription.
    """
    match status:
        case None:
            return Meaning.AWAY
        case HTTPStatus.GONE:
            return Meaning.GONE
        case int() if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Meaning.TAKEN
        case int() if status in LATER:
            return Meaning.AWAY
        case int() if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Meaning.REFUSED
    return Meaning.AWAY


def pause_after(tries: int, retry_after: timedelta | None = None) -> timedelta | None:
    """How long to wait after so many tries that failed; None: that was the last one.

    A receiver that says when to come back is not asked before, and a day later at the latest.
    """
    if tries > len(PAUSES):
        return None
    pause = PAUSES[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  spread, no secret
    return max(pause, min(retry_after or timedelta(0), LONGEST))


def asked_to_wait(retry_after: str | None, now: datetime) -> timedelta | None:
    """What the header Retry-After says: seconds, or a date. None: nothing that can be read.

    Source: RFC 9110, 10.2.3.
    """
    if retry_after is None:
        return None
    if retry_after.strip().isascii() and retry_after.strip().isdigit():
        return min(timedelta(seconds=min(int(retry_after), 10**9)), LONGEST)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(aware - now, timedelta(0))
