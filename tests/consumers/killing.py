"""Notifier and mailer under load, killed again and again, and counted at the mail server."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import sleep
from typing import Final

import psycopg

from consumers.__main__ import SENDERS
from domain import commands as c
from domain.runtime.opening import open_store
from domain.runtime.store import Store
from tests import examples as x
from tests.consumers.mail import Sink, sinking
from tests.consumers.notifying import delivered
from tests.consumers.test_notifier import by_the_table
from tests.deploy.running import within
from tests.desks import MASTER_KEY, Desk
from tests.domain.runtime.test_store import asked, raised

ROOT: Final = Path(__file__).parents[2]
COPIES: Final = 8  # in each case; people have no more than a few mails, far from their limit
WAITING: Final = """
SELECT count(*) FROM desk.deliveries WHERE channel = 'email' AND state <> 'sent'
"""
BEHIND: Final = """
SELECT (SELECT max(notification_id) FROM log.events)
       - coalesce((SELECT position FROM desk.consumers WHERE name = 'notifier'), -1)
"""


@dataclass
class Process:
    """The consumers, as a process that can be killed."""

    desk: Desk
    sink: Sink
    running: subprocess.Popen[bytes] | None = None
    kills: int = 0
    env: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        env = {name: v for name, v in os.environ.items() if not name.startswith("CASEBOOK_")}
        given = {
            "CASEBOOK_DATABASE_URL": self.desk.settings.database_url,
            "CASEBOOK_MASTER_KEY": MASTER_KEY,
            "CASEBOOK_SMTP": self.sink.url,
        }
        self.running = subprocess.Popen(
            [sys.executable, "-m", "consumers"],
            env={**env, **given},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait()
        self.kills += 1


@contextmanager
def at_work(desk: Desk) -> Iterator[Process]:
    with sinking() as sink:
        sink.pause = 0.02
        process = Process(desk, sink)
        process.start()
        try:
            yield process
        finally:
            if process.running is not None:
                process.running.kill()
                process.running.wait()


async def _load(store: Store, of: int) -> None:
    """One more case with several in copy, and what they are told of."""
    contact = (x.CLARA, x.CARL, x.ADA)[of % 3]
    case = await raised(store, contact)
    copies = tuple(f"copy{of}-{n}@acme.com" for n in range(COPIES))
    await asked(store, case, c.ChangeRecipients(add=copies), contact)
    await asked(store, case, c.Post(text="Which version?"), x.ANNA)
    await asked(store, case, c.Note(text="It is us."), x.ALAN)


def _has_more(sink: Sink, before: int) -> bool:
    return len(sink.received) > before


def value(desk: Desk, statement: str) -> int:
    with psycopg.connect(desk.settings.database_url) as conn:
        row = conn.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def killed_at_work(desk: Desk, kills: int) -> None:
    """The law: every delivery once, each sent, and again only what was on its way at a kill."""
    chance = Random(kills)

    async def run(process: Process) -> None:
        async with open_store(desk.settings, "casebook test load") as store:
            for kill in range(kills):
                for n in range(3):
                    await _load(store, kill * 3 + n)
                before = len(process.sink.received)
                await asyncio.to_thread(within, 20, partial(_has_more, process.sink, before))
                await asyncio.sleep(chance.uniform(0, 0.3))
                await asyncio.to_thread(process.kill)
                process.start()

    with at_work(desk) as process:
        assert within(30, lambda: value(desk, BEHIND) == 0)
        asyncio.run(run(process))
        assert within(60, lambda: value(desk, BEHIND) == 0 and value(desk, WAITING) == 0)
        sleep(0.2)
        sent = Counter(str(m.message["message-id"]) for m in process.sink.received)
    _holds(desk, sent, kills)


def _holds(desk: Desk, sent: Counter[str], kills: int) -> None:
    rows = delivered(desk.settings)
    told = [(r.id, r.recipient, r.channel, r.kind) for r in rows]
    assert len(told) == len(set(told))
    assert set(told) == by_the_table(desk)
    mails = {f"<{row.id}@localhost>" for row in rows if row.channel == "email"}
    assert set(sent) == mails
    assert max(sent.values()) <= 1 + kills
    again = sum(sent.values()) - len(mails)
    print(f"{len(mails)} mails, {again} sent again, {kills} kills")
    assert again <= kills * SENDERS
