"""Which events may somebody know of, and what comes next of them?

Whoever sees everything is served from the log itself, others by the read models that say what they
see now: one rule for the feed and for webhooks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.recorded import Recorded
from domain.runtime.database import Pool
from domain.runtime.reader import Reader
from domain.values import Actor
from projections import access, activity, cases

MODELS: Final = (access.NAME, activity.NAME, cases.NAME)
"""By what those are served who do not see everything."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A viewer, and which events they ask for: of some types, a case, an account; None: of all."""

    viewer: Actor
    types: Sequence[str] | None = None
    case: UUID | None = None
    account: UUID | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the log itself says what is seen, and no read model is asked."""
        return self.viewer.sees_internal and self.account is None

    @property
    def only_of(self) -> UUID | None:
        """The account of whose cases alone something can be seen; None: of any."""
        return self.viewer.account or self.account

    async def through(self, reads: Pool, head: int) -> int:
        """Up to where it can be said now what is seen, of a log that ends at `head`."""
        if self.is_whole:
            return head
        async with reads.connection() as conn:
            return min(head, await activity.through(conn, MODELS))

    async def following(
        self, reader: Reader, reads: Pool, after: int, *, up_to: int, most: int
    ) -> list[Recorded]:
        """The next events after a position and up to another, in order."""
        if self.is_whole:
            return await reader.page_of(after, up_to=up_to, most=most, **self._of_the_log)
        if self.account is not None and self.account != self.only_of:
            return []
        async with reads.connection() as conn:
            found = await activity.following(
                conn,
                access.visible_to(self.viewer),
                self._filters,
                internal=self.viewer.sees_internal,
                after=after,
                up_to=up_to,
                most=most,
            )
        return await reader.at(found) if found else []

    async def before(self, reader: Reader, reads: Pool, after: int) -> int:
        """Where the last event stands up to a position; 0: there is none."""
        if self.is_whole:
            return await reader.before_of(after, **self._of_the_log)
        if self.account is not None and self.account != self.only_of:
            return 0
        async with reads.connection() as conn:
            return await activity.before(
                conn,
                access.visible_to(self.viewer),
                self._filters,
                internal=self.viewer.sees_internal,
                after=after,
            )

    @property
    def _of_the_log(self) -> dict[str, Any]:
        return {"topics": self.types or None, "stream": self.case}

    @property
    def _filters(self) -> Mapping[str, Any]:
        types = list(self.types) if self.types else None
        asked = {"names": types, "case": self.case, "account": self.only_of}
        return {name: value for name, value in asked.items() if value is not None}
