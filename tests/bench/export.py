"""Bench: a list as a file of CSV: how long until it begins, and the memory that it takes."""

import asyncio
import os
from http.client import HTTPConnection
from statistics import median
from time import monotonic

from deploy.local.postgres import SERVICE
from domain.runtime.seed.bulk import sow
from projections.follower import READ_MODELS
from projections.rebuild import rebuild
from tests.bench.http import serving
from tests.bench.measuring import Figure, durable_postgres, settings_of, sized
from tests.bench.seed import prepared
from tests.deploy.running import processes
from tests.desks import a_desk, settings_for
from tests.examples import ANNA
from tests.projections.following import key_of, silent

ROUNDS = 5
MEGABYTE = 1_000_000


def measure() -> list[Figure]:
    """`GET /cases/export`: all cases, as CSV."""
    with durable_postgres() as server:
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        settings = settings_of(server)
        sow(settings, asyncio.run(prepared(settings, sized())), lambda _lot: None)
        rebuild(key_of(settings), READ_MODELS, silent)
        with serving("casebook", 1, url) as port:
            token = desk.token(ANNA)
            _export(port, token, "number=1")
            (api,) = processes(lambda p: p.ppid() == os.getpid() and "api" in p.cmdline())
            before = api.memory_info().rss
            found = [_export(port, token, "status=all") for _ in range(ROUNDS)]
            grown = api.memory_info().rss - before
    firsts, wholes, rows = zip(*found, strict=True)
    return [
        Figure("export: rows", rows[0], "rows"),
        Figure("export: until the first byte", median(firsts) * 1000, "ms (500)"),
        Figure("export: until the last byte", median(wholes) * 1000, "ms"),
        Figure("export: memory that the API grew by", grown / MEGABYTE, "MB (20)"),
    ]


def _export(port: int, token: str, query: str) -> tuple[float, float, int]:
    """Seconds until the first byte, until the last, and how many rows."""
    client = HTTPConnection("127.0.0.1", port, timeout=120)
    began = monotonic()
    address = f"/api/v1/cases/export?{query}"
    client.request("GET", address, headers={"Authorization": f"Bearer {token}"})
    answer = client.getresponse()
    first = monotonic() - began
    while answer.read(MEGABYTE):
        pass
    return first, monotonic() - began, int(answer.headers["Rows"])
