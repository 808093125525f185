"""Bench: the list and one case, everything on, against an app that selects the same rows."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from urllib.request import Request, urlopen

import psycopg

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from domain.runtime.seed.bulk import sow
from tests.bench.http import serving
from tests.bench.measuring import Figure, durable_postgres, medians, settings_of
from tests.bench.seed import prepared
from tests.desks import a_desk, settings_for
from tests.examples import ANNA
from tests.projections.following import projected

CASES = 100_000
ROUNDS = 3
SECONDS = 4.0
LISTED = "/api/v1/cases?application=atlas&severity=urgent"


def measure() -> list[Figure]:
    """GET /cases with two filters, and GET /cases/{id}, at 100,000 cases."""
    with durable_postgres() as server, ExitStack() as running:
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        _filled(server)
        case = _one(url)
        ours = running.enter_context(serving("casebook", 1, url))
        plain = running.enter_context(serving("plain", 1, url))
        token = desk.token(ANNA)
        asked = {"list": LISTED, "case": f"/api/v1/cases/{case}"}
        found = medians(
            {
                f"{kind}: {name}": partial(load, port, path, token)
                for name, path in asked.items()
                for kind, port in (("casebook", ours), ("plain", plain))
            },
            ROUNDS,
        )
        _same(ours, plain, token)
    return [
        *(Figure(name, value, "requests/s") for name, value in found.items()),
        *_ratios(found),
    ]


def _ratios(found: dict[str, float]) -> Iterator[Figure]:
    for name in ("list", "case"):
        ratio = found[f"casebook: {name}"] / found[f"plain: {name}"]
        yield Figure(f"reads: casebook / plain, {name}", ratio, "ratio", 0.5)


def _filled(server: EmbeddedPostgres) -> None:
    """So many cases in the log and in the read models."""
    settings = settings_of(server)
    sow(settings, asyncio.run(prepared(settings, CASES)), lambda _lot: None)
    projected(settings)
    with psycopg.connect(settings.as_owner, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")


def _one(url: str) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT id FROM read.cases ORDER BY number OFFSET 50000").fetchone()
    assert row is not None
    return str(row[0])


def _same(ours: int, plain: int, token: str) -> None:
    """Both answer with the same cases, or the comparison means nothing."""
    numbers: list[list[str]] = []
    for port in (ours, plain):
        asked = Request(
            f"http://127.0.0.1:{port}{LISTED}", headers={"Authorization": f"Bearer {token}"}
        )
        with urlopen(asked) as answer:  # noqa: S310  loopback
            told = json.load(answer)
        numbers.append([case["number"] for case in told["cases"]])
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) == 25


def load(port: int, path: str, token: str) -> float:
    """Requests a second of 16 connections."""
    command = [sys.executable, "-m", "tests.bench.load", port, 16, SECONDS, token, path]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout)
