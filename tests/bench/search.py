"""Bench: searching as one types, by a single client; and what search costs whoever writes."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator
from http.client import HTTPConnection
from random import Random
from statistics import median, quantiles
from typing import Final
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from deploy.local.postgres import SERVICE
from domain import commands as c
from domain.recorded import Cause
from domain.runtime.opening import open_store
from domain.runtime.seed.bulk import sow
from domain.runtime.settings import Settings
from projections import search
from projections.follower import READ_MODELS
from projections.query import Query, Term
from projections.rebuild import rebuild
from projections.words import words_of
from tests.bench.http import serving
from tests.bench.measuring import Figure, durable_postgres, settings_of, sized
from tests.bench.seed import prepared
from tests.desks import Desk, a_desk, settings_for
from tests.examples import ANNA
from tests.projections.following import key_of, projected, silent

MANY: Final = 300  # searches of each class
WARMING: Final = 50  # searches before those that are measured
BOUND: Final = 2_000  # milliseconds, after which a search is refused
TEXTS: Final = 20_000
CHANGED, ROUNDS = 250, 4  # cases whose status changes, in so many rounds
CLASSES: Final = ("2 letters", "3 letters", "4 letters", "a word", "a word and 3 letters")
FILTERS: Final = "&severity=urgent&application=atlas&type=product-issue"
NO_FILTERS: Final = "&status=all"
# The least that answers the same: the newest 25 with all of the words, the better of two ways.
BARE: Final = """
SELECT c.* FROM read.search s JOIN read.cases c ON c.id = s.case_id
 WHERE s.words @@ %(words)s::tsquery AND c.status <> 'Closed'
 ORDER BY c.modified_at DESC, c.id DESC LIMIT 25
"""
WAYS: Final = ("SET enable_bitmapscan = off", "SET enable_bitmapscan = on")


def measure() -> list[Figure]:
    """`GET /cases?q=`, five classes of what is typed; and a status change with and without it."""
    with durable_postgres() as server:
        url = server.url(SERVICE, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        settings = settings_of(server)
        sow(settings, asyncio.run(prepared(settings, sized())), lambda _lot: None)
        rebuild(key_of(settings), READ_MODELS, silent)
        with psycopg.connect(settings.as_owner, autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE")
            typed = _typed(conn)
            with serving("casebook", 1, url) as port:
                figures = list(_figures(port, desk.token(ANNA), typed))
            bare = median(_bare(conn, q) for q in typed["a word"][:50])
        ratio = bare / next(f.value for f in figures if f.name == "search: a word, p50")
        cost = _cost(desk, settings)
    return [
        *figures,
        Figure("search: bare SQL / casebook, a word", ratio, "ratio"),
        Figure("search: a status change with it / without it", cost, "(1.2)"),
    ]


def _typed(conn: Connection[TupleRow]) -> dict[str, list[str]]:
    """What is typed in each class, of words as often as they stand in texts."""
    texts = conn.execute("SELECT text FROM read.search_texts LIMIT %s", [TEXTS]).fetchall()
    counted = Counter(word.word for (text,) in texts for word in words_of(text))
    words, often = zip(*counted.items(), strict=True)
    chance = Random(5)

    def drawn(least: int) -> list[str]:
        found = chance.choices(words, often, k=MANY * 20)
        return [word for word in found if len(word) >= least][:MANY]

    return {
        "2 letters": [word[:2] for word in drawn(2)],
        "3 letters": [word[:3] for word in drawn(3)],
        "4 letters": [word[:4] for word in drawn(4)],
        "a word": drawn(3),
        "a word and 3 letters": [
            f"{one} {two[:3]}" for one, two in zip(drawn(3), drawn(3), strict=True)
        ],
    }


def _figures(port: int, token: str, typed: dict[str, list[str]]) -> Iterator[Figure]:
    client = HTTPConnection("127.0.0.1", port, timeout=30)
    for q in typed["a word"][:WARMING]:
        _asked(client, token, q, "")
    for more, named in (("", ""), (FILTERS, ", three filters"), (NO_FILTERS, ", of all statuses")):
        whole = list[float]()
        for kind in CLASSES:
            found = [_asked(client, token, q, more) for q in typed[kind]]
            whole += found
            if not more:
                yield Figure(f"search: {kind}, p50", median(found), "ms (5)")
                yield Figure(f"search: {kind}, p99", quantiles(found, n=100)[98], "ms (30)")
        yield Figure(f"search{named}: p50", median(whole), "ms")
        yield Figure(f"search{named}: p99", quantiles(whole, n=100)[98], "ms")
    listed = [_asked(client, token, None, FILTERS) for _ in range(MANY)]
    yield Figure("list, three filters and total: p99", quantiles(listed, n=100)[98], "ms (30)")


def _asked(client: HTTPConnection, token: str, q: str | None, more: str) -> float:
    """Milliseconds, over HTTP, with the total; what is too broad took its two seconds."""
    address = f"/api/v1/cases?limit=25{f'&q={quote(q)}' if q else ''}{more}"
    began = time.perf_counter()
    client.request("GET", address, headers={"Authorization": f"Bearer {token}"})
    answer = client.getresponse()
    body = answer.read()
    took = time.perf_counter() - began
    assert answer.status == 200 or took * 1000 > BOUND, body
    assert answer.status != 200 or json.loads(body)["total"] >= 0
    return took * 1000


def _bare(conn: Connection[TupleRow], word: str) -> float:
    """Milliseconds of the better of two ways."""
    words = Query((Term(word, begins=True),), internal=True).matching()
    found = []
    for way in WAYS:
        conn.execute(way.encode())
        began = time.perf_counter()
        conn.execute(BARE, {"words": words}, prepare=False).fetchall()
        found.append(time.perf_counter() - began)
    return min(found) * 1000


def _cost(desk: Desk, settings: Settings) -> float:
    """How long the follower needs for changes of status, with search and without it."""
    others = {name: apply for name, apply in READ_MODELS.items() if name != search.NAME}
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS * 2):
        asyncio.run(_changed(desk.settings, _some(settings, CHANGED)))
        began = time.perf_counter()
        projected(settings, models=READ_MODELS if number % 2 else others)
        took[bool(number % 2)].append(time.perf_counter() - began)
        projected(settings)
    return median(took[True]) / median(took[False])


def _some(settings: Settings, many: int) -> list[UUID]:
    with psycopg.connect(settings.database_url) as conn:
        found = "SELECT id FROM read.cases WHERE status = 'In Progress' ORDER BY id LIMIT %s"
        return [id_ for (id_,) in conn.execute(found, [many])]


async def _changed(settings: Settings, cases: Collection[UUID]) -> None:
    """Each case is escalated, de-escalated, made to wait and closed."""
    done: list[c.CaseCommand] = [
        c.Escalate(comment="So."),
        c.Deescalate(justification="So.", message="So."),
        c.Await(awaited="customer"),
        c.Close(reason="Done."),
    ]
    async with open_store(settings, "casebook bench") as store:
        for case in cases:
            for command in done:
                await store.handle(case, command, by=ANNA, cause=Cause("seed"))
