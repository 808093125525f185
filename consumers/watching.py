"""What is to be sent to a subscription: what its owner may see now, as CloudEvents, in order."""

from dataclasses import dataclass, replace
from uuid import UUID

import orjson

from domain.configuration import Account, Person, Subscription
from domain.recorded import Recorded
from domain.runtime.documents import Documents
from domain.runtime.reader import Reader
from domain.values import Actor
from projections import access, listing
from projections.seen import Sight
from projections.shown import Eyes, cloud_event, other_case


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
    sight: Sight

    @classmethod
    def of(cls, house: House, subscription: Subscription, owner: Person) -> "View":
        """The view of a subscription."""
        viewer = owner_of(subscription, owner)
        account = viewer.account or subscription.account
        return cls(house, Sight(viewer, subscription.types, account=account))

    async def through(self) -> int:
        """Up to where it can be said now what is seen."""
        reader = self.house.reader
        return await self.sight.through(reader.pool, await reader.head())

    async def page(
        self, after: int, most: int, up_to: int, stream: UUID | None = None
    ) -> list[Recorded]:
        """The next events after a position and up to another; of one stream where it is named."""
        reader, sight = self.house.reader, replace(self.sight, case=stream)
        return await sight.following(reader, reader.pool, after, up_to=up_to, most=most)

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
        eyes = Eyes(self.sight.viewer, await self._unseen(recorded), await self._names_assignee())
        event = cloud_event(recorded, eyes, before=before, source=house.source, site=house.site)
        return orjson.dumps(event, option=orjson.OPT_UTC_Z)

    async def before(self, after: int) -> int:
        """Where the last event stands up to a position that the owner sees; 0: there is none."""
        reader = self.house.reader
        return await self.sight.before(reader, reader.pool, after)

    async def _unseen(self, recorded: Recorded) -> frozenset[UUID]:
        """The case that an event ties its own to, if it does not exist for the owner."""
        other = other_case(recorded.event)
        if other is None or not self.sight.viewer.is_customer or self.sight.viewer.sees_account:
            return frozenset()
        async with self.house.reader.pool.connection() as conn:
            seen = await listing.among(conn, {other}, access.visible_to(self.sight.viewer))
        return frozenset({other} - seen.keys())

    async def _names_assignee(self) -> bool:
        if not self.sight.viewer.is_customer or self.sight.viewer.account is None:
            return True
        found = await self.house.documents.one(self.sight.viewer.account, Account)
        return found is None or found[0].shows_assignee
