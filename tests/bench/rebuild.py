"""Bench: all read models made anew from the log, while the API answers; and what commands lose."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from statistics import median
from time import monotonic, sleep

from deploy.local.postgres import SERVICE
from domain.runtime.seed.bulk import sow
from domain.runtime.settings import Settings
from projections.follower import READ_MODELS
from projections.rebuild import Rebuilt, rebuild
from tests.bench.http import load, serving
from tests.bench.measuring import Figure, durable_postgres, settings_of, sized
from tests.bench.seed import prepared
from tests.desks import a_desk, settings_for
from tests.examples import CLARA
from tests.projections.following import key_of, silent

CONNECTIONS = 16
ROUNDS = 3
EVERY = 0.05  # seconds between two reads


def measure() -> list[Figure]:
    """`casebook rebuild all`: events a second while people read, and commands beside it."""
    with durable_postgres() as server:
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        settings = settings_of(server)
        events = sow(settings, asyncio.run(prepared(settings, sized())), lambda _lot: None).events
        _rebuilt(settings)  # as there is nothing to compare with yet, it is not measured
        with serving("casebook", 1, url) as port:
            token = desk.token(CLARA)
            with _reading(port, token) as waits:
                done = _rebuilt(settings)
            alone = median(load(port, CONNECTIONS, token) for _ in range(ROUNDS))
            beside = median(_beside(settings, partial(load, port, CONNECTIONS, token)))
    return [
        Figure(
            "rebuild: all read models, people reading", events / done.seconds, "events/s", 20_000
        ),
        Figure("rebuild: events", events, "events"),
        Figure("rebuild: the slowest read meanwhile", max(waits) * 1000, "ms"),
        Figure("rebuild: commands alone", alone, "requests/s"),
        Figure("rebuild: commands beside it / alone", beside / alone, "ratio", 0.5),
    ]


def _rebuilt(settings: Settings) -> Rebuilt:
    return rebuild(key_of(settings), READ_MODELS, silent)


def _beside(settings: Settings, loaded: partial[float]) -> list[float]:
    """What one gets done while a rebuild is going on."""
    rebuilding = threading.Thread(target=_rebuilt, args=(settings,))
    rebuilding.start()
    found = [loaded()]
    while rebuilding.is_alive():
        found.append(loaded())
    rebuilding.join()
    return found[:-1] or found  # the last one was partly alone


@contextmanager
def _reading(port: int, token: str) -> Iterator[list[float]]:
    """Somebody reads lists; how long each answer took, in seconds."""
    waits: list[float] = []
    ended = threading.Event()

    def read() -> None:
        client = HTTPConnection("127.0.0.1", port, timeout=30)
        while not ended.is_set():
            began = monotonic()
            client.request("GET", "/api/v1/cases", headers={"Authorization": f"Bearer {token}"})
            answer = client.getresponse()
            assert json.load(answer)["total"] is not None
            waits.append(monotonic() - began)
            sleep(EVERY)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield waits
    finally:
        ended.set()
        reader.join()
