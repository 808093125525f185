"""An event in its place: who, when, where in the stream and in the log, and what it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from domain.events import Event
from domain.values import Actor


@dataclass(frozen=True, slots=True)
class Cause:
    """What made a command happen, and the id by which its log lines are found.

    Nothing is sent and no timer starts because of an 'import' or a 'seed'.
    """

    kind: Literal["request", "command line", "timer", "import", "seed"]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class CommandRef:
    """The command an event came from. Its `of` events are neighbours in the log."""

    id: UUID
    name: str
    digest: str
    of: int


NOWHERE: Final = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place.

    `version` counts 1, 2, 3 in the stream, `position` in the log; before, it is `NOWHERE`.
    """

    event: Event
    stream: UUID
    version: int
    at: datetime
    by: Actor
    command: CommandRef | None = None
    cause: Cause = field(default_factory=lambda: Cause("request"))
    documents: Mapping[str, int] = field(default_factory=dict)
    build: str = ""
    position: int = NOWHERE
    recorded_at: datetime | None = None

    @property
    def originator_id(self) -> UUID:
        """The stream, as the eventsourcing library calls it."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, as the eventsourcing library calls it."""
        return self.version

    @property
    def by_desk(self) -> bool:
        """Whether the desk, and not the customer's side, did it."""
        return not self.by.is_customer
