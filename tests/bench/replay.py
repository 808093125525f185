"""Bench 3: how fast a history is replayed, read into the read models, and imported."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic

import psycopg

from api.operating import operator
from deploy.local.postgres import SERVICE
from domain import events as e
from domain.fold import fold
from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.database import connect
from domain.runtime.importing import import_history
from domain.runtime.keys import Keyring
from domain.runtime.mapping import read_mapping
from domain.runtime.opening import open_store
from domain.runtime.sealing import Stored
from projections.follower import READ_MODELS, catch_up, register
from projections.page import Folded
from tests import examples as x
from tests.bench.measuring import Figure, durable_postgres, medians
from tests.desks import Desk, a_desk, settings_for

ROUNDS = 5
CASES, LIFE = 400, 10
TEXT = "The cooling of rack 14 has failed again and two nodes went down. " * 5
ROOT = Path(__file__).parent.parent.parent
HELPDESK = ROOT.parent / "shared/data/helpdesk/helpdesk.csv.gz"
MAPPING = ROOT / "deploy/mappings/helpdesk.toml"


def measure() -> list[Figure]:
    """Decoding, decrypting and folding; the follower; the import of a real help desk."""
    return [*_replay(), *_import()]


def _replay() -> list[Figure]:
    codec = Codec(Keyring(bytes(32)))
    lives = [_life(number) for number in range(CASES)]
    rows = [[_row(codec, recorded) for recorded in life] for life in lives]
    events = CASES * LIFE

    def folded() -> float:
        start = monotonic()
        for life in lives:
            fold(None, life)
        return events / (monotonic() - start)

    def replayed() -> float:
        start = monotonic()
        for life in rows:
            fold(None, codec.decode_all(life))
        return events / (monotonic() - start)

    found = medians({"fold alone": folded, "decode, decrypt and fold": replayed}, ROUNDS)
    return [
        Figure("replay: fold of decoded history", found["fold alone"], "events/s"),
        Figure(
            "replay: fold with decoding and decryption",
            found["decode, decrypt and fold"],
            "events/s",
            40_000,
        ),
    ]


def _life(number: int) -> list[Recorded]:
    """Raised, taken, and eight posts of 300 bytes: what most cases are."""
    stream = x.named(f"case {number}")
    events: Sequence[e.Event] = [
        x.raised(description=TEXT),
        x.TAKEN.event,
        *(e.Posted(entry=x.named(f"entry {n}"), text=TEXT) for n in range(LIFE - 2)),
    ]
    return [
        Recorded(event, stream, n, x.MONDAY + timedelta(minutes=n), x.CLARA)
        for n, event in enumerate(events, 1)
    ]


def _row(codec: Codec, recorded: Recorded) -> Stored:
    frame = codec.encode(recorded)
    keys = frame.keys
    return Stored(
        recorded.version,
        frame.stream,
        frame.version,
        frame.topic,
        frame.state,
        x.MONDAY,
        keys.get("text"),
        keys.get("personal"),
    )


def _import() -> list[Figure]:
    if not HELPDESK.exists():
        print(f"  no import: {HELPDESK} is not there")
        return []
    with durable_postgres() as server:
        desk = asyncio.run(a_desk(settings_for(server.url(SERVICE, SERVICE))))
        seconds = asyncio.run(_imported(desk))
        with psycopg.connect(server.url()) as conn:
            events = (conn.execute("SELECT count(*) FROM log.events").fetchone() or (0,))[0]
        follower = _followed(desk)
    return [
        Figure("import: rows of the help desk", 21_348 / seconds, "rows/s"),
        Figure("import: events of the help desk", events / seconds, "events/s"),
        Figure("follower: events into all read models", events / follower, "events/s"),
    ]


async def _imported(desk: Desk) -> float:
    async with open_store(desk.settings, "casebook bench") as store:
        start = monotonic()
        await import_history(HELPDESK, read_mapping(MAPPING), store, by=operator(), build="bench")
        return monotonic() - start


def _followed(desk: Desk) -> float:
    codec = Codec(Keyring(desk.settings.master_key_bytes))
    with connect(desk.settings.database_url, "casebook bench", autocommit=True) as conn:
        register(conn, READ_MODELS)
        folded, start = Folded(codec), monotonic()
        while catch_up(conn, codec, folded, READ_MODELS):
            pass
        return monotonic() - start
