"""Bench 2: cases raised over HTTP, everything on, against an app that does one INSERT."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg

from deploy.local.postgres import SERVICE
from tests.bench import plain_app
from tests.bench.measuring import Figure, durable_postgres, medians
from tests.bench.stages import stages
from tests.deploy.running import free_port, within
from tests.desks import FILES, MASTER_KEY, a_desk, settings_for
from tests.examples import CLARA

ROUNDS = 4
SECONDS = 4.0


def measure() -> list[Figure]:
    """POST /cases with token, rules, keys and idempotency, against one INSERT without any."""
    with durable_postgres() as server, ExitStack() as running:
        with psycopg.connect(server.url()) as owner:
            owner.execute(plain_app.TABLE.encode())
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        ports = {
            (kind, workers): running.enter_context(serving(kind, workers, url))
            for kind in ("casebook", "plain")
            for workers in (1, 2)
        }
        found = medians(
            {
                f"{kind}, {workers} workers, {connections} connections": partial(
                    load, port, connections, desk.token(CLARA)
                )
                for (kind, workers), port in ports.items()
                for connections in (16, 64)
            },
            ROUNDS,
        )
        return [
            *(Figure(name, value, "requests/s") for name, value in found.items()),
            *ratios(found),
            *stages(desk),
        ]


def ratios(found: dict[str, float]) -> Iterator[Figure]:
    for workers in (1, 2):
        for connections, target in ((16, 0.8), (64, 1.3)):
            where = f"{workers} workers, {connections} connections"
            ratio = found[f"casebook, {where}"] / found[f"plain, {where}"]
            yield Figure(f"http: casebook / plain, {where}", ratio, "ratio", target)


@contextmanager
def serving(kind: str, workers: int, url: str) -> Iterator[int]:
    """A server of the kind, alone at its port until the end of the block."""
    port = free_port()
    env = {
        **os.environ,
        "CASEBOOK_DATABASE_URL": url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
        "CASEBOOK_FILES": FILES.as_uri(),
        "CASEBOOK_PORT": str(port),
        "CASEBOOK_WORKERS": str(workers),
        "CASEBOOK_REQUESTS_PER_MINUTE": "0",
    }
    plain = ["uvicorn", "tests.bench.plain_app:app", "--port", str(port), "--workers", str(workers)]
    plain += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    command = ["api"] if kind == "casebook" else plain
    process = subprocess.Popen([sys.executable, "-m", *command], env=env)
    try:
        assert within(20, lambda: answers(port)), f"{kind} did not start"
        yield port
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def load(port: int, connections: int, token: str) -> float:
    """Requests a second."""
    command = [sys.executable, "-m", "tests.bench.load", port, connections, SECONDS, token]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout)
