"""Bench: the feed from position 0, in pages, as a stream and as a file; and how soon it is told."""

import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from deploy.local.postgres import SERVICE
from domain.runtime.seed.bulk import sow
from tests.api.http import API, CREATE
from tests.bench.http import serving
from tests.bench.measuring import Figure, durable_postgres, medians, settings_of
from tests.bench.seed import prepared
from tests.desks import MASTER_KEY, Desk, a_desk, settings_for
from tests.examples import ANNA, CLARA

CASES = 3_000
ROUNDS = 3
COMMANDS = 500
A_SECOND = 50


def measure() -> list[Figure]:
    """Events a second from position 0; from acknowledgement to a client of the stream."""
    with durable_postgres() as server:
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        settings = settings_of(server)
        sow(settings, asyncio.run(prepared(settings, CASES)), lambda _lot: None)
        with serving("casebook", 1, url) as port, projecting(url):
            end = json.loads(got(port, desk, "/events/head"))["position"]
            ways = {"pages of 1,000": pages, "server-sent events": streamed, "file": filed}
            found = medians(
                {name: partial(speed, way, port, desk, end) for name, way in ways.items()}, ROUNDS
            )
            late = sorted(lateness(port, desk))
    p99 = late[int(len(late) * 0.99)]
    return [
        *(Figure(f"feed: {name}", value, "events/s") for name, value in found.items()),
        Figure("feed: acknowledged to stream, p50", 1_000 * statistics.median(late), "ms"),
        Figure("feed: acknowledged to stream, 1 / p99", 1 / p99, "1/s", 1 / 0.15),
    ]


@contextmanager
def projecting(url: str) -> Iterator[None]:
    """The follower beside it, as in production."""
    env = {"CASEBOOK_DATABASE_URL": url, "CASEBOOK_MASTER_KEY": MASTER_KEY}
    command = [sys.executable, "-P", "-m", "projections"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def speed(way: Callable[[int, Desk, int], int], port: int, desk: Desk, end: int) -> float:
    began = time.perf_counter()
    events = way(port, desk, end)
    assert events == end
    return events / (time.perf_counter() - began)


def got(port: int, desk: Desk, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", API + path, headers=by(desk))
    with connection.getresponse() as answer:
        read: bytes = answer.read()
    connection.close()
    assert answer.status == 200, read
    return read


def by(desk: Desk) -> dict[str, str]:
    return {"Authorization": f"Bearer {desk.token(ANNA)}"}


def pages(port: int, desk: Desk, end: int) -> int:
    after = events = 0
    while after < end:
        told = json.loads(got(port, desk, f"/events?limit=1000&after={after}"))
        events, after = events + len(told["events"]), told["next"]
    return events


def streamed(port: int, desk: Desk, end: int) -> int:
    return got(port, desk, f"/events/stream?to={end}").count(b"\ndata: ")


def filed(port: int, desk: Desk, end: int) -> int:
    return got(port, desk, f"/events.ndjson?to={end}").count(b"\n")


def lateness(port: int, desk: Desk) -> list[float]:
    """Seconds from the answer of a command to its event at a client, at 50 commands a second."""
    answered: dict[int, float] = {}
    arrived: dict[int, float] = {}
    begin = json.loads(got(port, desk, "/events/head"))["position"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", f"{API}/events/stream?after={begin}", headers=by(desk))
    answer = connection.getresponse()

    def listen() -> None:
        for line in answer:
            if line.startswith(b"data: "):
                arrived[int(json.loads(line[6:])["sequence"])] = time.perf_counter()
            if len(arrived) >= COMMANDS:
                return

    listener = threading.Thread(target=listen)
    listener.start()
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {desk.token(CLARA)}", "Content-Type": "application/json"}
    due = time.perf_counter()
    for _ in range(COMMANDS):
        time.sleep(max(0.0, due - time.perf_counter()))
        due += 1 / A_SECOND
        asking.request("POST", f"{API}/cases", json.dumps(CREATE), headers)
        told = json.loads(asking.getresponse().read())
        answered[told["position"]] = time.perf_counter()
    listener.join()
    return [max(0.0, arrived[position] - at) for position, at in answered.items()]
