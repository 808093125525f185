"""Everything at once: several processes append while their connections are cut.

Each client keeps a journal of what it was told; afterwards the log must agree with all of them.
"""

import asyncio
import logging
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha512
from itertools import pairwise
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import structlog

from domain.runtime.appending import Answer, AppendQueue, CommandRefused, OutcomeUnknown
from domain.runtime.frames import NO_KEYS, Frame
from tests.conftest import Database
from tests.domain.runtime.appended import rows
from tests.domain.runtime.losing_proxy import losing_proxy

PROCESSES, WRITERS = 3, 16
CONTESTED_STREAMS = 60
LOST_ANSWERS_ONE_IN = 200  # for all clients but one: a cut connection seldom loses an answer

# Only what is at work: most of them are between taking the lock and having committed.
TERMINATE_ONE = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
     WHERE application_name = 'casebook append' AND datname = current_database()
       AND state = 'active'
     ORDER BY random() LIMIT 1
) AS writer
"""
EVENTS = """
SELECT notification_id, originator_id, originator_version, command_id, recorded_at
  FROM log.events ORDER BY notification_id
"""
KEYS = "SELECT stream, version, slot, wrapped FROM log.keys"
UNCHANGED = "SELECT command_id, position FROM log.unchanged"


@dataclass(frozen=True)
class Line:
    """What one caller knows of one command."""

    outcome: str
    """As log.append says it, or `refused`; `cancelled` and `unknown`: written or not."""
    command: UUID
    position: int | None
    events: tuple[tuple[UUID, int, tuple[str, ...]], ...]
    """Stream, version and slots of each."""
    found_again: bool = False
    """Written by a flush whose answer got lost."""


@dataclass
class Run:
    journal: list[Line]
    seen: list[int]
    """The positions that a reader saw who followed the log while it was written."""
    killed: int

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(line.outcome for line in self.journal)

    def __str__(self) -> str:
        found_again = sum(line.found_again for line in self.journal)
        return (
            f"{len(self.seen)} events, {self.killed} backends killed, {found_again} commands found"
            f" again, {dict(self.outcomes)}"
        )


def key_of(stream: UUID, version: int, slot: str) -> bytes:
    """The same for the client and for who checks it: 61 bytes, as wrapped keys have."""
    return sha512(f"{stream}{version}{slot}".encode()).digest()[:61]


def stress(database: Database, *, seconds: float, kill_every: float) -> Run:
    context = multiprocessing.get_context("spawn")
    journals: Queue[list[Line]] = context.Queue()
    sightings: Queue[list[int]] = context.Queue()
    stop, together = context.Event(), context.Barrier(PROCESSES + 1)
    contested = [uuid4() for _ in range(CONTESTED_STREAMS)]
    clients = [
        context.Process(
            target=client, args=(database.url, contested, seconds, seed, together, journals)
        )
        for seed in range(PROCESSES)
    ]
    reader = context.Process(target=follow, args=(database.url, stop, sightings))
    for process in (*clients, reader):
        process.daemon = True
        process.start()
    together.wait(60)
    killed = kill(database.owner_url, seconds=seconds, every=kill_every)
    try:
        journal = [line for _ in clients for line in journals.get(timeout=60)]
    finally:
        stop.set()
    seen = sightings.get(timeout=60)
    for process in (*clients, reader):
        process.join(60)
        assert process.exitcode == 0
    return Run(journal, seen, killed)


def kill(owner_url: str, *, seconds: float, every: float) -> int:
    killed = 0
    until = time.monotonic() + seconds
    with psycopg.connect(owner_url, autocommit=True) as owner:
        while time.monotonic() < until:
            if owner.execute(TERMINATE_ONE).fetchone() == (1,):
                killed += 1
                time.sleep(every)
    return killed


def follow(url: str, stop: Event, sightings: "Queue[list[int]]") -> None:
    """A reader who pages by position, as every subscriber does."""
    seen, last = [], 0
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            ending = stop.is_set()
            page = connection.execute(
                "SELECT notification_id FROM log.events WHERE notification_id > %s"
                " ORDER BY notification_id LIMIT 1000",
                (last,),
            ).fetchall()
            seen += [position for (position,) in page]
            last = seen[-1] if seen else 0
            if ending and not page:
                break
            time.sleep(0 if page else 0.001)
    sightings.put(seen)


def client(
    url: str,
    contested: Sequence[UUID],
    seconds: float,
    seed: int,
    together: Barrier,
    journals: "Queue[list[Line]]",
) -> None:
    async def main() -> list[Line]:
        together.wait(60)
        until = time.monotonic() + seconds
        async with losing_proxy(url) as proxy, AppendQueue(proxy.url if seed else url) as queue:
            proxy.every = LOST_ANSWERS_ONE_IN
            writers = [
                Writer(queue, contested, random.Random(seed * WRITERS + number))
                for number in range(WRITERS)
            ]
            await asyncio.gather(*(writer.write(until) for writer in writers))
        return [line for writer in writers for line in writer.journal]

    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)  # what is lost and refused here is meant to be
    journals.put(asyncio.run(main()))


@dataclass
class Writer:
    queue: AppendQueue
    contested: Sequence[UUID]
    chance: random.Random
    journal: list[Line] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)
    """Of the contested streams, as far as this client knows."""

    async def write(self, until: float) -> None:
        kinds = [self.fresh, self.contend, self.span, self.change_nothing, self.poison]
        while time.monotonic() < until:
            [kind] = self.chance.choices(kinds, weights=[45, 35, 10, 8, 2])
            await kind()

    async def fresh(self) -> None:
        """A stream that nobody else knows: never a conflict."""
        stream, count = uuid4(), self.chance.randint(1, 3)
        line = await self.append([self.frame(stream, n) for n in range(1, count + 1)])
        assert line.outcome in ("appended", "cancelled", "unknown"), line

    async def contend(self) -> None:
        stream, version = self.next_of_a_contested_stream()
        await self.append([self.frame(stream, version)])

    async def span(self) -> None:
        """Two streams, as a merge writes them."""
        stream, version = self.next_of_a_contested_stream()
        frames = [self.frame(uuid4(), 1), self.frame(stream, version)]
        self.chance.shuffle(frames)
        await self.append(frames)

    async def change_nothing(self) -> None:
        stream, version = self.next_of_a_contested_stream()
        command = uuid4()
        remembering = self.queue.remember(command, digest="d", stream=stream, version=version - 1)
        line = self.note(await told(remembering), command, [], done="unchanged")
        if line.outcome == "conflict":
            self.versions[stream] = version
        elif line.outcome == "unchanged" and self.chance.random() < 0.5:
            # Though it brings an event now, it is answered as it was.
            await self.repeat([self.frame(uuid4(), 1)], line)

    async def poison(self) -> None:
        command, topic = uuid4(), self.chance.choice(["x" * 300, "a\0b"])
        frames = [self.frame(uuid4(), 1)._replace(topic=topic)]
        line = self.note(await told(self.queue.append(frames, command)), command, frames)
        assert line.outcome == "refused", line

    async def append(self, frames: Sequence[Frame]) -> Line:
        command = uuid4()
        task = asyncio.create_task(self.queue.append(frames, command))
        if self.chance.random() < 0.02:
            await asyncio.sleep(self.chance.random() * 0.004)
            task.cancel()
        line = self.note(await told(task), command, frames)
        if line.outcome in ("appended", "conflict"):
            self.versions |= {f.stream: f.version for f in frames if f.stream in self.contested}
        if line.outcome == "appended" and self.chance.random() < 0.1:
            await self.repeat(frames, line)
        return line

    async def repeat(self, frames: Sequence[Frame], line: Line) -> None:
        again = await self.queue.append(frames, line.command)
        assert (again.outcome, again.first_position) == ("repeated", line.position), (again, line)

    def note(
        self, answer: Answer | str, command: UUID, frames: Sequence[Frame], done: str = "appended"
    ) -> Line:
        events = tuple((frame.stream, frame.version, tuple(frame.keys)) for frame in frames)
        if isinstance(answer, str):
            line = Line(answer, command, None, events)
        elif answer.outcome == "repeated":
            assert answer.resent, "nobody but this writer knows the command"
            line = Line(done, command, answer.first_position, events, found_again=True)
        else:
            line = Line(answer.outcome, command, answer.first_position, events)
        self.journal.append(line)
        return line

    def next_of_a_contested_stream(self) -> tuple[UUID, int]:
        stream = self.chance.choice(self.contested)
        return stream, self.versions.get(stream, 0) + 1

    def frame(self, stream: UUID, version: int) -> Frame:
        slots = self.chance.choice([(), ("text",), ("personal", "text")])
        keys = {slot: key_of(stream, version, slot) for slot in slots}
        return Frame(stream, version, "case.posted", b'{"v":1}', keys or NO_KEYS)


async def told(call: Awaitable[Answer]) -> Answer | str:
    try:
        return await call
    except CommandRefused:
        return "refused"
    except OutcomeUnknown:
        return "unknown"
    except asyncio.CancelledError:
        return "cancelled"


class Stored(NamedTuple):
    position: int
    stream: UUID
    version: int
    command: UUID | None
    recorded_at: datetime


def agree(database: Database, run: Run) -> None:
    """The log has no hole, was seen in order, and says what every client was told."""
    events = [Stored(*row) for row in rows(database, EVENTS)]
    unchanged: dict[UUID, int] = dict(rows(database, UNCHANGED))
    keys = {(stream, version, slot): key for stream, version, slot, key in rows(database, KEYS)}

    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert run.seen == list(range(1, len(events) + 1)), "the reader saw each once, in order"
    assert all(one.recorded_at <= two.recorded_at for one, two in pairwise(events))

    first = {event.command: event.position for event in events if event.command}
    written = [line for line in run.journal if was_written(line, first, unchanged)]
    assert len(first) + len(unchanged) == len(written), "somebody wrote what nobody asked for"
    told = [event for line in written for event in line.events]
    assert len(told) == len(events)
    for line in written:
        if start := first.get(line.command):
            there = events[start - 1 : start - 1 + len(line.events)]
            assert [event[1:3] for event in there] == [event[:2] for event in line.events]
    assert keys == {
        (stream, version, slot): key_of(stream, version, slot)
        for stream, version, slots in told
        for slot in slots
    }


def was_written(line: Line, first: Mapping[UUID, int], unchanged: Mapping[UUID, int]) -> bool:
    match line.outcome:
        case "appended":
            assert first[line.command] == line.position, line
            assert line.command not in unchanged, line
        case "unchanged":
            assert unchanged[line.command] == line.position, line
            assert line.command not in first, line
        case "conflict" | "refused":
            assert line.command not in first, line
            assert line.command not in unchanged, line
    return line.command in first or line.command in unchanged
