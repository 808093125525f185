"""Where the time of a command goes: CPU microseconds of each stage, one command at a time."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import process_time
from uuid import uuid4

from domain import commands as c
from domain.decide import decide
from domain.events import Created
from domain.fold import case_of
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.codec import Codec
from domain.runtime.frames import encode
from domain.runtime.keys import Keyring
from domain.runtime.opening import open_store
from domain.runtime.sealing import Stored
from tests import examples
from tests.bench.load import BODY
from tests.bench.measuring import Figure
from tests.desks import Desk

TIMES = 2_000


def stages(desk: Desk) -> list[Figure]:
    """Parse, load, decide, encode and append, each by itself."""
    return [
        Figure(f"stage: {name}", seconds * 1e6 / TIMES, "us of CPU")
        for name, seconds in [*_pure(), *asyncio.run(_with_the_log(desk))]
    ]


def _pure() -> Iterator[tuple[str, float]]:
    codec = Codec(Keyring(bytes(32)))
    at, terms, by = datetime.now(UTC), examples.TERMS, examples.CLARA
    command = c.Create.model_validate_json(BODY)
    (created,) = decide(None, command, by=by, at=at, terms=terms)
    assert isinstance(created, Created)
    ref = CommandRef(uuid4(), "Create", codec.digest(None, command, by), 1)
    recorded = Recorded(created, examples.CASE, 1, at, by, ref)
    frame = codec.encode(recorded)
    row = Stored(1, frame.stream, 1, frame.topic, frame.state, at, frame.keys["text"])
    yield "parse", _timed(lambda: c.Create.model_validate_json(BODY))
    yield "digest", _timed(lambda: codec.digest(None, command, by))
    yield "decide", _timed(lambda: decide(None, command, by=by, at=at, terms=terms))
    yield "encode, encrypted", _timed(lambda: codec.encode(recorded))
    yield "encode for append", _timed(lambda: encode(ref.id, [frame]))
    yield "decode, decrypted", _timed(lambda: codec.decode(row))
    yield "fold", _timed(lambda: case_of([recorded]))


def _timed(work: Callable[[], object]) -> float:
    start = process_time()
    for _ in range(TIMES):
        work()
    return process_time() - start


async def _with_the_log(desk: Desk) -> list[tuple[str, float]]:
    """Alone at the log a flush has one command; under load it is shared by many."""
    command = c.Create.model_validate_json(BODY)
    by, cause = examples.CLARA, Cause("request")
    async with open_store(desk.settings, "casebook bench") as store:
        case = (await store.handle(None, command, by=by, cause=cause)).case

        async def work(one: Callable[[], object]) -> float:
            start = process_time()
            for _ in range(TIMES // 10):
                await one()  # type: ignore[misc]  # each is a coroutine function
            return (process_time() - start) * 10

        return [
            ("load, one event", await work(lambda: store.history(case.id))),
            (
                "handle, all of it, alone",
                await work(lambda: store.handle(None, command, by=by, cause=cause)),
            ),
        ]
