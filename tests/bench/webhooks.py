"""Bench: how soon a receiver of webhooks has what was acknowledged, and how many it is sent."""

import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from deploy.local.postgres import SERVICE
from domain.values import Actor
from tests.api.http import API, CREATE
from tests.bench.http import serving
from tests.bench.measuring import Figure, durable_postgres
from tests.consumers.hooks import Came, Receiver, Said
from tests.deploy.running import within
from tests.desks import MASTER_KEY, Desk, a_desk, settings_for
from tests.examples import ADA, CLARA, SUE

COMMANDS = 500
A_SECOND = 50
BACKLOG = 2_000
TARGET_SECONDS = 0.5


def measure() -> list[Figure]:
    """From acknowledgement to two receivers, the desk's and a customer's; then a backlog."""
    with durable_postgres() as server, ExitStack() as running:
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        port = running.enter_context(serving("casebook", 1, url))
        for module in ("projections", "consumers"):
            running.enter_context(at_work(module, url))
        late = []
        for by, internal in ((SUE, True), (ADA, False)):
            timed = Timed()
            receiver = running.enter_context(Receiver(timed).listening())
            subscribe(port, desk, by, receiver, internal=internal)
            late.append(timed)
        first = commanded(port, desk, 1)
        assert within(30, lambda: all(first.keys() <= timed.at.keys() for timed in late))
        answered = commanded(port, desk, COMMANDS)
        everything = [sorted(timed.lateness(answered)) for timed in late]
        speed = drained(port, desk)
    return [*latency("the desk's", everything[0]), *latency("a customer's", everything[1]), speed]


def latency(whose: str, late: list[float]) -> Iterator[Figure]:
    p99 = late[int(len(late) * 0.99)]
    yield Figure(f"webhooks: acknowledged to {whose}, p50", 1_000 * statistics.median(late), "ms")
    yield Figure(f"webhooks: acknowledged to {whose}, 1 / p99", 1 / p99, "1/s", 1 / TARGET_SECONDS)


class Timed:
    """Takes what it is sent, and keeps when by position."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    def __call__(self, came: Came) -> Said:
        self.at.setdefault(int(came.event["sequence"]), time.perf_counter())
        return Said()

    def lateness(self, answered: dict[int, float]) -> list[float]:
        assert within(30, lambda: answered.keys() <= self.at.keys()), "not all were sent"
        return [max(0.0, self.at[position] - at) for position, at in answered.items()]


@contextmanager
def at_work(module: str, url: str) -> Iterator[None]:
    """A process of ours beside the API."""
    env = {
        **os.environ,
        "CASEBOOK_DATABASE_URL": url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
        "CASEBOOK_WEBHOOKS_ALLOW": "127.0.0.0/8",
    }
    process = subprocess.Popen([sys.executable, "-m", module], env=env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def subscribe(port: int, desk: Desk, by: Actor, receiver: Receiver, *, internal: bool) -> str:
    asked = {"url": receiver.url, "description": "bench", "internal": internal}
    told = posted(http.client.HTTPConnection("127.0.0.1", port), desk, by, "/subscriptions", asked)
    receiver.secrets = [told["secret"]]
    return str(told["id"])


def posted(
    connection: http.client.HTTPConnection, desk: Desk, by: Actor, path: str, body: object
) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {desk.token(by)}", "Content-Type": "application/json"}
    connection.request("POST", API + path, json.dumps(body), headers)
    answer = connection.getresponse()
    told: dict[str, str] = json.loads(answer.read())
    assert answer.status in {200, 201}, told
    return told


def commanded(port: int, desk: Desk, count: int) -> dict[int, float]:
    """When each command was answered, by its position: 50 a second."""
    asking, answered = http.client.HTTPConnection("127.0.0.1", port), {}
    due = time.perf_counter()
    for _ in range(count):
        time.sleep(max(0.0, due - time.perf_counter()))
        due += 1 / A_SECOND
        told = posted(asking, desk, CLARA, "/cases", CREATE)
        answered[int(told["position"])] = time.perf_counter()
    return answered


def drained(port: int, desk: Desk) -> Figure:
    """Events a second to a receiver that takes each at once, from a backlog of many cases."""
    asking, timed = http.client.HTTPConnection("127.0.0.1", port), Timed()
    with Receiver(timed).listening() as receiver:
        id_ = subscribe(port, desk, SUE, receiver, internal=True)
        posted(asking, desk, SUE, f"/subscriptions/{id_}/disable", {})
        for _ in range(BACKLOG - COMMANDS):
            posted(asking, desk, CLARA, "/cases", CREATE)
        posted(asking, desk, SUE, f"/subscriptions/{id_}/rewind", {"position": 0})
        began = time.perf_counter()
        posted(asking, desk, SUE, f"/subscriptions/{id_}/enable", {})
        assert within(120, lambda: len(timed.at) >= BACKLOG)
        speed = len(timed.at) / (time.perf_counter() - began)
    return Figure("webhooks: a backlog to one receiver", speed, "events/s")
