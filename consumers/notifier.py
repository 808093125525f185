"""Makes the deliveries of each event, in the transaction that marks it as handled."""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers import deliveries
from consumers.notices import SILENT, notices
from consumers.roster import Roster
from consumers.runner import Consumer
from domain import events as e
from domain.fold import case_of
from domain.preferences import Channel
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.runtime.settings import Settings, settings
from domain.values import Erased, Slot

NAME: Final = "notifier"


class Notifier:
    """What is done about each event, with the people that this process knows."""

    def __init__(self, codec: Codec, channels: Collection[Channel]) -> None:
        self.roster, self._channels = Roster(codec), channels

    def handle(self, conn: Connection[TupleRow], recorded: Recorded) -> None:
        """Writes who is to be told; nobody is of what came from elsewhere."""
        event = recorded.event
        if isinstance(event, e.Erased) or (
            isinstance(event, e.Redacted) and event.slot is Slot.PERSONAL
        ):
            self._forget(conn, recorded.stream)
        if recorded.cause.kind in SILENT or not isinstance(event, e.CaseEvent.__args__):
            return
        told = self.roster.happening(conn, recorded)
        if told is not None:
            circle = self.roster.circle(conn, told, self._channels)
            deliveries.record(conn, recorded, notices(told, circle), datetime.now(UTC))

    def _forget(self, conn: Connection[TupleRow], stream: UUID) -> None:
        """What the log no longer knows of a case or of a person is not known here either."""
        case = case_of(self.roster.history(conn, stream))
        if case is None:
            deliveries.forget_person(conn, stream)
            return
        kept = [one for one in case.recipients if not isinstance(one, Erased)]
        deliveries.forget_copies(conn, stream, kept)


def channels_of(chosen: Settings) -> Collection[Channel]:
    """By which ways people can be told at all: without a mail server there are no mails."""
    return tuple(Channel) if chosen.smtp else (Channel.IN_APP,)


@cache
def _of_this_process() -> Notifier:
    chosen = settings()
    return Notifier(Codec(Keyring(chosen.master_key_bytes)), channels_of(chosen))


def handle(conn: Connection[TupleRow], recorded: Recorded) -> None:
    """Makes the deliveries of an event by the settings of this process."""
    _of_this_process().handle(conn, recorded)


NOTIFIER: Final = Consumer(NAME, handle)
