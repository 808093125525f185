"""The whole way of an event by Kafka, while everything on it is killed at random moments."""

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import psycopg

from deploy.local.children import end_with_parent
from domain import commands as c
from domain.errors import Refusal
from domain.runtime.appending import AppendError
from domain.runtime.database import DATABASE_AWAY
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from tests import examples as x
from tests.brokers import Running
from tests.consumers.sinks import logged, noted
from tests.deploy.running import within
from tests.desks import MASTER_KEY, Desk
from tests.domain.runtime.test_store import asked, raised
from tests.projections.following import head

ROOT: Final = Path(__file__).parent.parent.parent
BETWEEN_KILLS: Final = 5  # events that the sink has taken: work is in flight
PATIENCE: Final = 90.0
CUT: Final = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND starts_with(application_name, 'casebook')
     ORDER BY random() LIMIT 1) p
"""


class Kept:
    """A process of ours; killed, it is started again at once."""

    def __init__(self, module: str, settings: Settings, said: Path) -> None:
        told = {
            "CASEBOOK_DATABASE_URL": settings.database_url,
            "CASEBOOK_MASTER_KEY": MASTER_KEY,
            "CASEBOOK_FILES": settings.files,
            "CASEBOOK_KAFKA": settings.kafka,
            "CASEBOOK_KAFKA_PREFIX": settings.kafka_prefix,
            "CASEBOOK_KAFKA_PARTITIONS": str(settings.kafka_partitions),
        }
        self._argv, self._env = (sys.executable, "-m", module), {**os.environ, **told}
        self._said = said
        self.spawn()

    def spawn(self) -> None:
        with self._said.open("ab") as out:
            self.process = subprocess.Popen(
                self._argv,
                cwd=ROOT,
                env=self._env,
                stdout=out,
                stderr=out,
                preexec_fn=end_with_parent(9),  # noqa: PLW1509  as deploy.local starts them
            )

    def kill(self) -> None:
        killed = self.process  # another takes its place as soon as it has ended
        killed.kill()
        killed.wait()


class Work:
    """Somebody raises cases and works on them, over anything that happens to the database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ended = threading.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                asyncio.run(self._some())
            except (*DATABASE_AWAY, AppendError, psycopg.Error):
                time.sleep(0.05)

    async def _some(self) -> None:
        async with open_store(self._settings, "casebook test work") as store:
            while not self._ended.is_set():
                await asyncio.gather(*(self._life(store) for _ in range(3)))
                await asyncio.sleep(0.15)  # the others have two processors with us

    async def _life(self, store: Store) -> None:
        try:
            case = await raised(store)
            await asked(store, case, c.Take())
            await asked(store, case, c.Post(text="We look."))
            await asked(store, case, c.Escalate(comment="We lose orders."), x.CLARA)
        except Refusal:
            return  # a command that was sent again says so


def survive(
    desk: Desk, settings: Settings, broker: Running, folder: Path, kills: Mapping[str, int]
) -> None:
    """Kills each so often, all at once; then the sink has what the log has."""
    relay = Kept("projections", settings, folder / "relay")
    sink = Kept("tests.consumers.sinking", settings, folder / "sink")
    kept: dict[str, Kept | Running] = {"relay": relay, "consumer": sink, "broker": broker}
    victims: dict[str, Callable[[], None]] = {name: one.kill for name, one in kept.items()}
    victims["backend"] = partial(_cut, settings)
    try:
        with Work(settings).going_on():
            stuck = _all_killed(desk, victims, kills, kept)
        assert not stuck, (stuck, _said(folder))
        assert within(PATIENCE, lambda: _taken(desk) >= head(settings)), (
            _stand(desk),
            _said(folder),
        )
    finally:
        relay.kill()
        sink.kill()
        broker.wait()


def _all_killed(
    desk: Desk,
    victims: Mapping[str, Callable[[], None]],
    kills: Mapping[str, int],
    kept: Mapping[str, Kept | Running],
) -> list[str]:
    """Kills them and starts them again; who stood still before it was killed."""
    stuck: list[str] = []

    def kill(name: str) -> None:
        for _ in range(kills[name]):
            if not within(PATIENCE, partial(_has_taken, desk, _taken(desk) + BETWEEN_KILLS)):
                stuck.append(name)
                return
            time.sleep(random.random())
            victims[name]()

    killers = [threading.Thread(target=kill, args=(name,)) for name in victims]
    for killer in killers:
        killer.start()
    while any(killer.is_alive() for killer in killers):
        _start_again(kept)
        time.sleep(0.05)
    _start_again(kept)
    return stuck


def _start_again(kept: Mapping[str, Kept | Running]) -> None:
    """By this thread: with the one that started it a process would end."""
    for one in kept.values():
        if one.process.poll() is not None:
            one.spawn()


def _stand(desk: Desk) -> str:
    with psycopg.connect(desk.settings.database_url) as conn:
        published = conn.execute("SELECT topics, position, failure FROM desk.relayed").fetchall()
        handled = conn.execute("SELECT position, gaps FROM desk.consumers").fetchall()
        parked = conn.execute("SELECT stream, version, reason FROM desk.parked").fetchall()
    missing = sorted(set(logged(desk)) - set(noted(desk)))
    return (
        f"{_taken(desk)} of {head(desk.settings)} taken; published {published}; handled {handled}; "
        f"parked {parked}; the first that are missing {missing[:5]}"
    )


def _said(folder: Path) -> list[str]:
    return [file.read_text()[-3000:] for file in folder.iterdir()]


def hold_the_sink_to_the_log(desk: Desk) -> None:
    """None lost, none doubled, and each stream in its order."""
    lines, log = noted(desk), logged(desk)
    assert sorted(lines) == log
    last: dict[object, int] = {}
    for _, stream, version in lines:
        assert version == last.get(stream, 0) + 1
        last[stream] = version


def _has_taken(desk: Desk, count: int) -> bool:
    return _taken(desk) >= count


def _taken(desk: Desk) -> int:
    with psycopg.connect(desk.settings.database_url) as conn:
        row = conn.execute("SELECT count(*) FROM desk.sink").fetchone()
    assert row is not None
    return int(row[0])


def _cut(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as conn:
        conn.execute(CUT)
