"""What is to be sent to a subscription: what its owner may see now, as CloudEvents, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from domain.configuration import Account, Person, Subscription
from domain.recorded import Recorded
from domain.runtime.documents import Documents
from domain.runtime.history import BEFORE_OF, PAGE_OF, read, stored
from domain.runtime.reader import Reader
from domain.values import Actor
from projections import access, activity, cases, listing
from projections.shown import Eyes, cloud_event, other_case

MODELS: Final = (access.NAME, activity.NAME, cases.NAME)


@dataclass(frozen=True, slots=True)
class House:
    """What one reads with, and what the house is called in what it sends."""

    reader: Reader
    documents: Documents
    source: str
    site: str


def owner_of(subscription: Subscription, owner: Person) -> Actor:
    """The owner as a reader, with no more than the subscription is for."""
    return Actor(
        id=subscription.owner,
        role=owner.role,
        account=owner.account,
        without_notes=not subscription.internal,
    )


@dataclass(frozen=True, slots=True)
class View:
    """An owner's sight through a subscription's filters, by their rights of this moment."""

    house: House
    viewer: Actor
    types: Sequence[str]
    account: UUID | None

    @classmethod
    def of(cls, house: House, subscription: Subscription, owner: Person) -> "View":
        """The view of a subscription."""
        viewer = owner_of(subscription, owner)
        return cls(house, viewer, subscription.types, viewer.account or subscription.account)

    @property
    def is_whole(self) -> bool:
        """Whether the log itself says what is seen, and no read model is asked."""
        return self.viewer.sees_internal and self.account is None

    async def through(self) -> int:
        """Up to where it can be said now what is seen."""
        if self.is_whole:
            return await self.house.reader.head()
        async with self.house.reader.pool.connection() as conn:
            return await activity.through(conn, MODELS)

    async def page(
        self, after: int, most: int, up_to: int, stream: UUID | None = None
    ) -> list[Recorded]:
        """The next events after a position and up to another; of one stream where it is named."""
        reader = self.house.reader
        async with reader.pool.connection() as conn:
            if self.is_whole:
                place = {"after": after, "up_to": up_to, "most": most}
                rows = await read(conn, PAGE_OF, **place, **self._narrowed(stream))
                return reader.codec.decode_all(stored(row) for row in rows)
            found = await activity.following(
                conn,
                access.visible_to(self.viewer),
                self._filters(stream),
                internal=self.viewer.sees_internal,
                after=after,
                up_to=up_to,
                most=most,
            )
        return await reader.at(found) if found else []

    async def one(self, position: int) -> bytes | None:
        """The event at a position as it is sent; None: the owner does not see it any more.

        Read anew for each try: words that are gone and rights that have ended are not sent.
        """
        found = await self.page(position - 1, 1, position)
        if not found:
            return None
        return await self.told(found[0], await self.before(position - 1))

    async def told(self, recorded: Recorded, before: int) -> bytes:
        """An event that the owner sees as it is sent; `before` is where the one before stands."""
        house = self.house
        eyes = Eyes(self.viewer, await self._unseen(recorded), await self._names_assignee())
        event = cloud_event(recorded, eyes, before=before, source=house.source, site=house.site)
        return orjson.dumps(event, option=orjson.OPT_UTC_Z)

    async def before(self, after: int) -> int:
        """Where the last event stands up to a position that the owner sees; 0: there is none."""
        async with self.house.reader.pool.connection() as conn:
            if self.is_whole:
                ((before,),) = await read(conn, BEFORE_OF, after=after, **self._narrowed(None))
                return int(before)
            return await activity.before(
                conn,
                access.visible_to(self.viewer),
                self._filters(None),
                internal=self.viewer.sees_internal,
                after=after,
            )

    def _narrowed(self, stream: UUID | None) -> dict[str, Any]:
        return {"topics": list(self.types) or None, "stream": stream}

    def _filters(self, stream: UUID | None) -> Mapping[str, Any]:
        asked = {"names": list(self.types) or None, "case": stream, "account": self.account}
        return {name: value for name, value in asked.items() if value is not None}

    async def _unseen(self, recorded: Recorded) -> frozenset[UUID]:
        """The case that an event ties its own to, if it does not exist for the owner."""
        other = other_case(recorded.event)
        if other is None or not self.viewer.is_customer or self.viewer.sees_account:
            return frozenset()
        async with self.house.reader.pool.connection() as conn:
            seen = await listing.among(conn, {other}, access.visible_to(self.viewer))
        return frozenset({other} - seen.keys())

    async def _names_assignee(self) -> bool:
        if not self.viewer.is_customer or self.viewer.account is None:
            return True
        found = await self.house.documents.one(self.viewer.account, Account)
        return found is None or found[0].shows_assignee
