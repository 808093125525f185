"""How much one client may ask for: a bucket for each token, and one for each address that fails."""

from collections.abc import Hashable
from datetime import timedelta
from math import ceil
from time import monotonic
from typing import Final

MOST_REMEMBERED: Final = 100_000
MINUTE: Final = 60


class TooManyRequests(Exception):
    """There were too many requests: slow down."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after = retry_after


class Buckets:
    """A bucket a key: full at first, filled again by so many a minute.

    In this process alone: with several workers each of them lets as much through.
    """

    def __init__(self, policy: str, per_minute: int) -> None:
        self._most = per_minute
        self._left: dict[Hashable, tuple[float, float]] = {}
        self._name = f'"{policy}"'.encode()
        self._policy = f'"{policy}";q={per_minute};w={MINUTE}'.encode()

    def take(self, key: Hashable) -> tuple[bytes, bytes] | None:
        """Takes one request; the fields RateLimit-Policy and RateLimit. None: there is no limit.

        Source: draft-ietf-httpapi-ratelimit-headers-10, 3 and 4.

        Raises:
            TooManyRequests: the bucket is empty.
        """
        if not self._most:
            return None
        left = self._now(key)
        if left < 1:
            raise TooManyRequests(timedelta(seconds=(1 - left) * MINUTE / self._most))
        self._put(key, left - 1)
        return self._policy, b"%s;r=%d;t=%d" % (self._name, left - 1, self._until_full(left - 1))

    def empty(self, key: Hashable) -> tuple[bytes, bytes]:
        """The fields of somebody who was refused."""
        return self._policy, b"%s;r=0;t=%d" % (self._name, self._until_full(self._now(key)))

    def refuse_if_empty(self, key: Hashable) -> None:
        """Takes nothing.

        Raises:
            TooManyRequests: the bucket is empty.
        """
        if self._most and (left := self._now(key)) < 1:
            raise TooManyRequests(timedelta(seconds=(1 - left) * MINUTE / self._most))

    def _now(self, key: Hashable) -> float:
        left, at = self._left.get(key, (float(self._most), 0.0))
        return min(float(self._most), left + (monotonic() - at) * self._most / MINUTE)

    def _put(self, key: Hashable, left: float) -> None:
        if len(self._left) >= MOST_REMEMBERED:
            self._left.clear()
        self._left[key] = (left, monotonic())

    def _until_full(self, left: float) -> int:
        return ceil((self._most - left) * MINUTE / self._most)
