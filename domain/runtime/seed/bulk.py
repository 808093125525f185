"""Very many cases: decided and encoded side by side, and copied into the log under its lock."""

import asyncio
import gc
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from struct import Struct
from typing import Final, LiteralString, TypeVar
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from domain import commands as c
from domain.calendar import Calendar
from domain.configuration import (
    CATALOGUE,
    Account,
    Catalogue,
    Document,
    Person,
    document_stream,
)
from domain.runtime.database import connect
from domain.runtime.documents import InForce
from domain.runtime.history import NUMBERS
from domain.runtime.processes import prepared
from domain.runtime.seed import desk
from domain.runtime.seed.inventing import SEED, Desk, Invented, Setting, invent
from domain.runtime.seed.planting import plant
from domain.runtime.seed.plots import Company, company
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.values import CUSTOMER_ROLES, Actor, Role

CATALOGUE_STREAM: Final = document_stream(CATALOGUE)
Kind = TypeVar("Kind", bound=Document)

CHUNK: Final = 500  # cases that one process invents at a time
CASES_AN_ACCOUNT: Final = 500
PROCESSES: Final = 2
AHEAD: Final = 4  # chunks that may wait to be written
SET_AT_ONCE: Final = 256  # documents: what fills a flush

MAY_COPY: Final = "SELECT has_table_privilege('log.events', 'INSERT')"
# Held to the end of a chunk, as each append holds it.
LOCK: Final = "SELECT pg_advisory_xact_lock(4716)"
# The time of recording is given as COPY's binary format wants it: microseconds since 2000.
HEAD: Final = """
SELECT notification_id,
       (extract(epoch FROM greatest(clock_timestamp(), recorded_at)
                           - '2000-01-01 00:00:00+00'::timestamptz) * 1000000)::bigint
  FROM log.events ORDER BY notification_id DESC LIMIT 1
"""
EVENTS: Final = """
COPY log.events (notification_id, recorded_at, originator_id, originator_version, topic, command_id,
                 state) FROM STDIN (FORMAT binary)
"""
KEYS: Final = "COPY log.keys (stream, version, slot, wrapped) FROM STDIN (FORMAT binary)"
# Source: PostgreSQL's documentation of COPY, "Binary Format".
COPY_BEGINS: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_ENDS: Final = b"\xff\xff"
PLACE: Final = Struct("!hiqiq")  # how many columns follow; position and time, each with its length
NOTIFY: Final = "NOTIFY events"
ANALYZE: Final = "ANALYZE log.events, log.keys"


@dataclass(frozen=True, slots=True)
class Sown:
    """How many cases and events there are more."""

    cases: int
    events: int


def may_sow(settings: Settings) -> bool:
    """Whether the settings name the owner of the log: nobody else may copy into it."""
    with connect(settings.as_owner, "casebook seed", autocommit=True) as conn:
        return conn.execute(MAY_COPY).fetchone() == (True,)


def sow(settings: Settings, setting: Setting, progress: Callable[[int], None]) -> Sown:
    """Copies the cases into the log, as its owner; `progress` is told of each lot."""
    events = 0
    with (
        connect(settings.as_owner, "casebook seed", autocommit=True) as conn,
        ProcessPoolExecutor(PROCESSES, prepared(invent.__module__), gc.disable) as pool,
    ):
        for made in _in_order(conn, pool, setting):
            _copy(conn, made.events, made.keys)
            events += len(made.events)
            progress(made.cases)
        conn.execute(ANALYZE)
    return Sown(setting.cases, events)


async def prepare(store: Store, settings: Settings, cases: int, seed: int) -> Setting:
    """Sets up the desk, with more accounts where the cases are many."""
    await plant(store)
    accounts, people = dict(desk.ACCOUNTS), dict(desk.PEOPLE)
    for n in range(cases // CASES_AN_ACCOUNT):
        id_, account, own = company(n)
        accounts[id_] = account
        people |= own
    await _set(store, {id_: c.SetAccount(document=of) for id_, of in accounts.items()})
    await _set(store, {id_: c.SetPerson(document=of) for id_, of in people.items()})
    log, _epoch = await store.identity()
    return Setting(
        master_key=settings.master_key_bytes,
        build=settings.build,
        log=log,
        seed=seed,
        cases=cases,
        now=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
        desk=await _in_force(store, list(accounts), list(people)),
    )


async def _set(store: Store, documents: Mapping[UUID, c.DocumentCommand]) -> None:
    """Sets those of the documents that nobody has set yet."""
    there = await store.lookup.documents.fresh(documents)
    missing = [(id_, command) for id_, command in documents.items() if id_ not in there]
    for start in range(0, len(missing), SET_AT_ONCE):
        await asyncio.gather(
            *(
                store.handle(id_, command, by=desk.SEEDER, cause=SEED)
                for id_, command in missing[start : start + SET_AT_ONCE]
            )
        )


async def _in_force(store: Store, accounts: Sequence[UUID], people: Sequence[UUID]) -> Desk:
    """The desk as it is now: who was closed or has left since it was seeded takes no part."""
    documents = store.lookup.documents
    found = await documents.fresh([*accounts, *people, CATALOGUE_STREAM])
    staff: defaultdict[UUID | None, dict[UUID, Person]] = defaultdict(dict)
    for id_, of in _all(Person, found).items():
        if of.active and of.role in {Role.AGENT, *CUSTOMER_ROLES}:
            staff[of.account][id_] = of
    companies = {id_: of for id_, of in _all(Account, found).items() if of.active and id_ in staff}
    streams = {document_stream("calendar", of.calendar) for of in companies.values()}
    calendars = await documents.fresh(streams)
    versions = {of.key: calendars[id_].version for id_, of in _all(Calendar, calendars).items()}
    (catalogue,) = _all(Catalogue, found).values()
    return Desk(
        companies=[
            Company(id_, of, staff[None] | staff[id_], _actors(staff[id_]))
            for id_, of in companies.items()
        ],
        agents=_actors(staff[None]),
        catalogue=catalogue,
        calendars={of.key: of for of in _all(Calendar, calendars).values()},
        versions={
            id_: {
                f"account:{id_}": found[id_].version,
                "catalogue": found[CATALOGUE_STREAM].version,
                f"calendar:{of.calendar}": versions[of.calendar],
            }
            for id_, of in companies.items()
        },
    )


def _all(kind: type[Kind], found: Mapping[UUID, InForce]) -> dict[UUID, Kind]:
    """Those of the documents that are of this kind."""
    return {i: of.document for i, of in found.items() if isinstance(of.document, kind)}


def _actors(people: Mapping[UUID, Person]) -> list[Actor]:
    return [Actor(id=id_, role=of.role, account=of.account) for id_, of in people.items()]


def _in_order(
    conn: Connection[TupleRow], pool: ProcessPoolExecutor, setting: Setting
) -> Iterator[Invented]:
    """The lots in their order, a few of them always under way."""
    waiting: deque[Future[Invented]] = deque()
    for start in range(0, setting.cases, CHUNK):
        count = min(CHUNK, setting.cases - start)
        numbers = [number for (number,) in conn.execute(NUMBERS, {"count": count})]
        waiting.append(pool.submit(invent, setting, start, numbers))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _copy(conn: Connection[TupleRow], events: Sequence[bytes], keys: Sequence[bytes]) -> None:
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(LOCK)
        head, stamp = cursor.execute(HEAD).fetchone() or (0, 0)
        places = (PLACE.pack(7, 8, head + n, 8, stamp) for n in range(1, len(events) + 1))
        _into(cursor, EVENTS, chain.from_iterable(zip(places, events, strict=True)))
        _into(cursor, KEYS, keys)
        cursor.execute(NOTIFY)


def _into(cursor: Cursor[TupleRow], statement: LiteralString, rows: Iterable[bytes]) -> None:
    with cursor.copy(statement) as copy:
        copy.write(b"".join((COPY_BEGINS, *rows, COPY_ENDS)))
