"""Clients that never give up, while everything but the supervisor is killed under them."""

import asyncio
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import psutil
import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from domain.configuration import Account, Person
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.documents import document_of
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from domain.runtime.store import KEYS
from projections.cases import READ, CaseRow, row_of
from tests.deploy.running import Running, within
from tests.desks import Desk, a_desk
from tests.examples import CLARA, id_of

CLIENTS = 4
BETWEEN_KILLS = 25  # answers: work is in flight whenever something dies
PATIENCE = 90.0  # seconds for one command, over any number of tries

Journal = dict[str, dict[str, Any]]
Victim = Callable[[Running], psutil.Process]


@dataclass
class Client:
    """Posts commands one after another; each is sent again under its key until it is answered."""

    port: int
    token: str
    stop: threading.Event
    journal: Journal = field(default_factory=dict)
    error: BaseException | None = None
    retries: int = 0

    def run(self) -> None:
        try:
            case = self._ask("/api/v1/cases", CREATE)["id"]
            while not self.stop.is_set():
                if random.random() < 0.3:
                    case = self._ask("/api/v1/cases", CREATE)["id"]
                self._ask(f"/api/v1/cases/{case}/post", {"text": f"Still {random.random()}"})
        except BaseException as error:  # noqa: BLE001  the test tells of it
            self.error = error

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        key, until = str(uuid4()), time.monotonic() + PATIENCE
        while True:
            answer = self._try(path, body, key)
            if answer is not None:
                self.journal[key] = answer
                return answer
            assert time.monotonic() < until, f"{path} was not answered in {PATIENCE} s"
            self.retries += 1
            time.sleep(0.05)

    def _try(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any] | None:
        """The answer; None where it is worth another try."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        try:
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            said = response.read()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        if response.status >= 500:
            return None
        assert response.status in {200, 201}, said
        answer: dict[str, Any] = json.loads(said)
        return answer


CREATE = {
    "application": "atlas",
    "type": "product-issue",
    "subject": "It is slow",
    "description": "Since Sunday.",
}
VICTIMS: dict[str, Victim] = {
    "the API": lambda running: running.apis()[-1],
    "the follower": lambda running: running.of("projections")[0],
    "the postmaster": lambda running: running.postmaster(),
    "a backend": lambda running: random.choice(running.postmaster().children()),
}


def survive(folder: Path, kills: int) -> None:
    """Kills that often, each of `VICTIMS` in turn, and holds the clients' journals to the log."""
    running = Running(folder)
    try:
        assert within(60, running.is_ready), running.said
        desk = asyncio.run(a_desk(_settings(folder)))
        clients = _under_kills(running, desk, kills)
        assert within(60, running.is_ready), running.said
        assert [client.error for client in clients] == [None] * CLIENTS, running.said
        journal = {key: answer for client in clients for key, answer in client.journal.items()}
        assert sum(client.retries for client in clients) > 0, "nothing was in flight"
        log = asyncio.run(_log(desk.settings))
        _hold_to_the_log(journal, log)
        assert within(60, lambda: _read_models_are_at(len(log), desk.settings)), running.said
        _hold_to_a_fold(log, desk.settings)
        assert running.signal(signal.SIGTERM) == 0
    finally:
        running.end()


def _under_kills(running: Running, desk: Desk, kills: int) -> list[Client]:
    stop = threading.Event()
    clients = [Client(running.port, desk.token(CLARA), stop) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for number in range(kills):
        _work_goes_on(clients)
        name, victim = list(VICTIMS.items())[number % len(VICTIMS)]
        print(f"kill {number + 1}: {name}")
        _kill(running, victim)
    _work_goes_on(clients)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE + 30)
    return clients


def _work_goes_on(clients: list[Client]) -> None:
    def answered() -> int:
        return sum(len(client.journal) for client in clients)

    before = answered()
    failed = [client for client in clients if client.error]
    assert within(PATIENCE, lambda: answered() >= before + BETWEEN_KILLS or any(failed)), "stuck"


def _kill(running: Running, victim: Victim) -> None:
    """One that lives: what is being started again cannot be found for a moment."""

    def killed() -> bool:
        try:
            victim(running).send_signal(signal.SIGKILL)
        except (psutil.Error, IndexError, ValueError):
            return False
        return True

    assert within(30, killed), running.said


def _settings(folder: Path) -> Settings:
    server = EmbeddedPostgres(folder / "var/pg")
    key = (folder / "var/master.key").read_text().strip()
    given = {"database_url": server.url(SERVICE, SERVICE), "master_key": key}
    return Settings.model_validate(given)


async def _log(settings: Settings) -> list[Recorded]:
    log: list[Recorded] = []
    async with open_store(settings, "casebook test") as store:
        while page := await store.page(len(log)):
            log += page
    return log


def _hold_to_the_log(journal: Journal, log: list[Recorded]) -> None:
    assert [recorded.position for recorded in log] == list(range(1, len(log) + 1))
    by_command: dict[UUID, list[Recorded]] = {}
    for recorded in log:
        assert recorded.command is not None
        by_command.setdefault(recorded.command.id, []).append(recorded)
    for key, answer in journal.items():
        events = by_command[uuid5(KEYS, f"{id_of(CLARA)} {key}")]
        assert events[0].command is not None
        assert len(events) == events[0].command.of
        last = [r for r in events if str(r.stream) == answer["id"]][-1]
        assert (last.version, events[-1].position) == (answer["version"], answer["position"])
    ours = [c for c, events in by_command.items() if events[0].by.person == id_of(CLARA)]
    assert len(ours) == len(journal), "each command once, and none that nobody was told of"


def _read_models_are_at(head: int, settings: Settings) -> bool:
    with psycopg.connect(settings.database_url) as conn:
        found = conn.execute("SELECT name, position, failure FROM read.models").fetchall()
    return bool(found) and all(position == head and not why for _, position, why in found)


def _hold_to_a_fold(log: list[Recorded], settings: Settings) -> None:
    with (
        psycopg.connect(settings.database_url) as conn,
        conn.cursor(row_factory=class_row(CaseRow)) as cursor,
    ):
        shown = {row.id: row for row in cursor.execute(READ + SQL("true")).fetchall()}
    last = {recorded.stream: recorded.position for recorded in log}
    assert {id_: row.position for id_, row in shown.items()} == {id_: last[id_] for id_ in shown}
    documents = {r.stream: document_of(r) for r in log}
    names = {id_: d.name for id_, d in documents.items() if isinstance(d, Account | Person)}
    assert shown == {case.id: row_of(case, names) for case in _cases(log)}


def _cases(log: list[Recorded]) -> Iterator[Any]:
    streams: dict[UUID, list[Recorded]] = {}
    for recorded in log:
        streams.setdefault(recorded.stream, []).append(recorded)
    return (case for history in streams.values() if (case := case_of(history)))
