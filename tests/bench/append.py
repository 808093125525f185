"""Bench 1: how many events a second enter the log, against plain INSERTs that keep no order."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median
from time import monotonic
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import psycopg
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import TupleRow

from deploy.local.postgres import OWNER, SERVICE, EmbeddedPostgres
from domain.events import Posted
from domain.recorded import CommandRef, Recorded
from domain.runtime.appending import AppendQueue
from domain.runtime.codec import Codec
from domain.runtime.frames import Frame
from domain.runtime.keys import KEY_BYTES, Keyring
from domain.values import Actor, Role
from tests.bench.measuring import Figure, alternate, durable_postgres, ratio

ROUNDS = 7
SECONDS = 2.0
THREADS = 16
TEXT = "The cooling of rack 14 has failed again and two nodes went down. " * 5
POSTED = Posted(entry=uuid4(), text=TEXT)
ANNA = Actor(id=uuid4(), role=Role.AGENT)
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
DIGEST = "d" * 64
DOCUMENTS = {"catalogue": 3}
CODEC = Codec(Keyring(os.urandom(KEY_BYTES)))

PLAIN_TABLE = """
CREATE SEQUENCE public.plain_positions;
CREATE TABLE public.plain (LIKE log.events INCLUDING ALL);
ALTER TABLE public.plain ALTER notification_id SET DEFAULT nextval('public.plain_positions');
GRANT INSERT ON public.plain TO casebook_service;
GRANT USAGE ON SEQUENCE public.plain_positions TO casebook_service;
"""
PLAIN_INSERT = """
INSERT INTO public.plain
    (originator_id, originator_version, topic, state, recorded_at, command_id)
VALUES (%s, 1, 'case.posted', %s, now(), %s)
"""
PGBENCH_INSERT = """
INSERT INTO public.plain
    (originator_id, originator_version, topic, state, recorded_at, command_id)
VALUES (gen_random_uuid(), 1, 'case.posted', '\\x{state}'::bytea, now(), gen_random_uuid())
"""


def measure() -> list[Figure]:
    """The append queue, encryption and key rows on, against plain INSERTs and the library."""
    with durable_postgres() as server:
        with psycopg.connect(server.url()) as owner:
            owner.execute(PLAIN_TABLE)
        url = server.url(SERVICE, SERVICE)
        found = alternate(
            {
                "append queue, 16 writers": lambda: queue(url, 16),
                "append queue, 64 writers": lambda: queue(url, 64),
                "psycopg, 16 threads, plain INSERT": lambda: plain_inserts(url),
                "pgbench -c 16, plain INSERT": lambda: pgbench(server),
                "the library's recorder, 16 threads": lambda: library(server),
            },
            ROUNDS,
        )
    queue16, queue64, threads, bench, own = found.values()
    return [
        *(Figure(name, median(scores), "events/s") for name, scores in found.items()),
        Figure("append: 16 writers / 16 psycopg threads", ratio(queue16, threads), "ratio", 1.5),
        Figure("append: 64 writers / 16 psycopg threads", ratio(queue64, threads), "ratio", 2.3),
        Figure("append: 16 writers / pgbench -c 16", ratio(queue16, bench), "ratio"),
        Figure("append: 64 writers / pgbench -c 16", ratio(queue64, bench), "ratio"),
        Figure("append: 16 writers / the library's recorder", ratio(queue16, own), "ratio", 9),
    ]


def encrypted(stream: UUID, command: UUID) -> Frame:
    """A posted entry, its text under a new key: by the service's own codec."""
    ref = CommandRef(command, "Post", DIGEST, of=1)
    return CODEC.encode(Recorded(POSTED, stream, 1, AT, ANNA, ref, documents=DOCUMENTS))


STATE = encrypted(uuid4(), uuid4()).state


def queue(url: str, writers: int) -> float:
    return uvloop.run(_queue(url, writers))


async def _queue(url: str, writers: int) -> float:
    async def write(log: AppendQueue, until: float) -> int:
        count = 0
        while monotonic() < until:
            command = uuid4()
            answer = await log.append([encrypted(uuid4(), command)], command)
            assert answer.outcome == "appended"
            count += 1
        return count

    async with AppendQueue(url) as log:
        await log.append([encrypted(uuid4(), uuid4())], uuid4())  # connected
        start = monotonic()
        counts = await asyncio.gather(*(write(log, start + SECONDS) for _ in range(writers)))
        return sum(counts) / (monotonic() - start)


def plain_inserts(url: str) -> float:
    def insert_by(connection: psycopg.Connection[TupleRow]) -> Callable[[], object]:
        return lambda: connection.execute(PLAIN_INSERT, (uuid4(), STATE, uuid4()))

    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(url, autocommit=True, prepare_threshold=0))
            for _ in range(THREADS)
        ]
        return _threads([insert_by(connection) for connection in connections])


def library(server: EmbeddedPostgres) -> float:
    host = parse_qs(urlsplit(server.url()).query)["host"][0]
    datastore = PostgresDatastore(SERVICE, host, "", OWNER, "", pool_size=THREADS)
    with datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()

        def insert() -> object:
            return recorder.insert_events([StoredEvent(uuid4(), 1, "case.posted", STATE)])

        return _threads([insert] * THREADS)


def _threads(inserts: list[Callable[[], object]]) -> float:
    def repeat(insert: Callable[[], object], until: float) -> int:
        count = 0
        while monotonic() < until:
            insert()
            count += 1
        return count

    with ThreadPoolExecutor(len(inserts)) as pool:
        start = monotonic()
        counts = list(pool.map(repeat, inserts, [start + SECONDS] * len(inserts)))
        return sum(counts) / (monotonic() - start)


def pgbench(server: EmbeddedPostgres) -> float:
    host = parse_qs(urlsplit(server.url()).query)["host"][0]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH_INSERT.format(state=STATE.hex()))
        script.flush()
        done = subprocess.run(
            [
                *(server._programs() / "pgbench", "-h", host, "-U", OWNER, "-n", "-M", "prepared"),
                *("-c", str(THREADS), "-j", "2", "-T", str(int(SECONDS)), "-f", script.name),
                SERVICE,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
    tps = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(tps.split()[2])
