"""Sends the mails that are due: each at least once, and a second time only if a crash came between.

A delivery is held by its row's lock while its mail is on the way; the attempt and the new state are
committed together. What is sent again after a crash has the same Message-ID.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import parseaddr
from functools import partial
from typing import Final

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers import mailing
from consumers.deliveries import MAIL
from consumers.email import AddressUnusable, Letter, Withheld, composed
from consumers.letters import Due, Letters
from consumers.post_office import NotTaken, PostOffice, Refused, Server
from consumers.roster import Roster
from domain.runtime.codec import Codec
from domain.runtime.database import connect
from domain.runtime.keys import Keyring
from domain.runtime.settings import Settings
from domain.runtime.suppressing import Suppressed
from domain.runtime.unsubscribing import Ending
from projections.follower import once_connected, passes, why

IDLE_SECONDS: Final = 5.0  # a look without having been woken
LISTEN: Final = f"LISTEN {MAIL}"
CROWDED: Final = "more than 60 mails an hour"
MAIL_SENT, MAIL_FAILED, MAIL_REFUSED = "mail_sent", "mail_failed", "mail_refused"
MAIL_UNWRITTEN: Final = "mail_unwritten"
log = structlog.get_logger()


class Mailer:
    """Sends mails one after the other, over one connection to the mail server."""

    def __init__(self, settings: Settings) -> None:
        keyring = Keyring(settings.master_key_bytes)
        ending = Ending(settings.master_key_bytes)
        self._letters = Letters(Roster(Codec(keyring)), ending, settings.site)
        self._suppressed = Suppressed(keyring)
        self._mail_from = settings.mail_from
        sender = parseaddr(settings.mail_from)[1]
        self._office = PostOffice(Server.at(settings.smtp.get_secret_value()), sender)

    async def step(self, conn: Connection[TupleRow]) -> bool:
        """One mail or one digest in one transaction; False: nothing is due."""
        with conn.transaction():
            if (due := mailing.due(conn)) is not None:
                await self._one(conn, due)
                return True
            if gathered := mailing.digest_due(conn):
                await self._digest(conn, gathered)
                return True
        return False

    async def close(self) -> None:
        """Ends the connection to the mail server."""
        await self._office.close()

    async def _one(self, conn: Connection[TupleRow], due: Due) -> None:
        try:
            with conn.transaction():
                letter = self._letters.letter(conn, due)
        except Withheld as reason:
            mailing.withheld(conn, due, reason.why)
        except Exception as error:  # a letter that cannot be written holds up no other
            if passes(error):
                raise
            self._unwritten(conn, [due], error)
        else:
            await self._send(conn, [due], letter)

    async def _digest(self, conn: Connection[TupleRow], gathered: Sequence[Due]) -> None:
        try:
            with conn.transaction():
                letter, withheld = self._letters.digest(conn, gathered)
        except Exception as error:
            if passes(error):
                raise
            self._unwritten(conn, gathered, error)
            return
        for due in gathered:
            if due.id in withheld:
                mailing.withheld(conn, due, withheld[due.id])
        rest = [due for due in gathered if due.id not in withheld]
        if letter is not None:
            await self._send(conn, rest, letter)

    def _unwritten(
        self, conn: Connection[TupleRow], deliveries: Sequence[Due], error: Exception
    ) -> None:
        mailing.failed(conn, deliveries, f"it cannot be written: {type(error).__name__}")
        log.error(MAIL_UNWRITTEN, delivery=str(deliveries[0].id), why=why(error))

    async def _send(
        self, conn: Connection[TupleRow], deliveries: Sequence[Due], letter: Letter
    ) -> None:
        if reason := self._suppressed.why(conn, letter.recipient):
            mailing.suppressed(conn, deliveries, reason)
            return
        if when := mailing.crowded(conn, deliveries[0].recipient):
            mailing.later(conn, deliveries, when, CROWDED)
            return
        try:
            message = composed(letter, self._mail_from)
            answer = await self._office.send(message, letter.recipient)
        except AddressUnusable:
            mailing.suppressed(conn, deliveries, "the address is none that mail can be sent to")
        except Refused as refusal:
            mailing.refused(conn, deliveries, refusal.answer)
            self._suppressed.add(conn, letter.recipient, refusal.answer)
            log.warning(MAIL_REFUSED, delivery=str(letter.delivery), answer=refusal.answer)
        except NotTaken as failure:
            mailing.failed(conn, deliveries, failure.answer)
            log.warning(MAIL_FAILED, delivery=str(letter.delivery), answer=failure.answer)
        else:
            mailing.sent(conn, deliveries, answer)
            log.info(MAIL_SENT, delivery=str(letter.delivery), case=str(letter.case))


def deliver(settings: Settings) -> None:
    """Sends what is due, one mail after the other, until the process ends.

    Several may do so side by side. Without a mail server there is nothing to do.
    """
    if not settings.smtp:
        threading.Event().wait()
    once_connected(partial(_deliver, settings))


def _deliver(settings: Settings) -> None:
    with (
        connect(settings.database_url, "casebook mailer", autocommit=True) as conn,
        connect(settings.database_url, "casebook mailer ear", autocommit=True) as ear,
        _at_work(settings) as (runner, mailer),
    ):
        ear.execute(LISTEN)
        while True:
            while runner.run(mailer.step(conn)):
                pass
            runner.run(mailer.close())
            pause = mailing.seconds_to_next(conn)
            seconds = IDLE_SECONDS if pause is None else min(max(pause, 0.05), IDLE_SECONDS)
            for _ in ear.notifies(timeout=seconds, stop_after=1):
                pass


@contextmanager
def _at_work(settings: Settings) -> Iterator[tuple[asyncio.Runner, Mailer]]:
    mailer = Mailer(settings)
    with asyncio.Runner() as runner:
        try:
            yield runner, mailer
        finally:
            runner.run(mailer.close())
