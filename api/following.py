"""What a reader of the feed may know of, in order: as CloudEvents, from any position on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from api.auth import Scope
from api.cases import unseen
from api.deps import Asking, case_id
from api.showing import Showing
from domain.recorded import Recorded
from projections.envelope import source_of
from projections.positions import AheadOfTheLog
from projections.seen import MODELS, Sight
from projections.shown import Eyes, cloud_event


class EpochDiffers(Exception):
    """This log is in epoch {epoch}: it was restored, and what was read before may be gone."""

    def __init__(self, epoch: int) -> None:
        super().__init__((self.__doc__ or "").format(epoch=epoch))


class CloudEvent(BaseModel):
    """An event as CloudEvents 1.0 has it. What is withheld from this reader is named.

    `sequence` is the position in 20 digits, `prev` that of the event before in this reader's own
    view, 0 before the first. `by` is absent where the reader is not told, `cause` for customers.
    """

    model_config = ConfigDict(extra="forbid")

    specversion: str
    id: str
    source: str
    type: str
    subject: UUID
    time: str
    datacontenttype: str
    dataschema: str
    sequence: str
    prev: str
    version: int
    visibility: str
    by: str | None = None
    via: UUID | None = None
    cause: str | None = None
    withheld: str | None = None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Events for a reader, in order, and the position of the one before them: 0, none.

    `through`: up to where that is all there is for this reader.
    """

    recorded: Sequence[Recorded]
    before: int
    through: int


@dataclass(frozen=True, slots=True)
class View:
    """A reader, and which events they ask for."""

    by: Asking
    sight: Sight
    log: UUID
    epoch: int

    @classmethod
    async def of(
        cls,
        by: Asking,
        types: Sequence[str] | None = None,
        case: str | None = None,
        account: UUID | None = None,
        epoch: int | None = None,
    ) -> "View":
        """What is asked for.

        Raises:
            ScopeMissing: the token is not for events.
            EpochDiffers: the reader has read another epoch of the log.
        """
        by.needs(Scope.EVENTS_READ)
        await by.reached(MODELS)
        log, now = await by.given.store.identity()
        if epoch is not None and epoch != now:
            raise EpochDiffers(now)
        stream = case_id(by.given, case) if case is not None else None
        return cls(by, Sight(by.by, types, stream, account), log, now)

    @property
    def end(self) -> int:
        """Up to where there can be something for this reader, as it was seen last."""
        tail = self.by.given.tail
        return tail.head if self.sight.is_whole else tail.through

    def nothing_until(self, after: int) -> int:
        """Up to where there is nothing for this reader, as far as one knows without a look."""
        account, tail = self.sight.only_of, self.by.given.tail
        if self.sight.is_whole or account is None or tail.touches(account, after):
            return after
        return max(after, self.end)

    async def through(self, head: int) -> int:
        """Up to where this reader can be served now."""
        return await self.sight.through(self.by.given.reads, head)

    async def head(self, after: int = 0) -> int:
        """The position of the last event of the log.

        Raises:
            AheadOfTheLog: `after` is beyond it.
        """
        if after > (head := await self.by.given.store.head()):
            raise AheadOfTheLog(after, head)
        return head

    async def page(self, after: int, most: int, up_to: int) -> Page:
        """The next events after a position, as many as `most`, and none beyond `up_to`."""
        store, reads = self.by.given.store, self.by.given.reads
        through = await self.through(up_to)
        found = await self.sight.following(store, reads, after, up_to=through, most=most + 1)
        before = await self.sight.before(store, reads, after)
        if len(found) <= most:
            return Page(found, before, max(after, through))
        return Page(found[:most], before, found[most - 1].position)

    async def told(self, page: Page) -> list[dict[str, Any]]:
        """The events of a page as this reader is shown them."""
        others = await unseen(page.recorded, self.by)
        eyes = Eyes(self.by.by, others, (await Showing.to(self.by)).names_assignee)
        source, site = source_of(self.log, self.epoch), self.by.given.site
        before, told = page.before, []
        for recorded in page.recorded:
            told.append(cloud_event(recorded, eyes, before=before, source=source, site=site))
            before = recorded.position
        return told
