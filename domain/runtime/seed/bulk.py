"""Very many cases: decided and encoded side by side, and copied into the log under its lock."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Final, LiteralString
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from domain import commands as c
from domain.configuration import CATALOGUE, Account, Catalogue, Person, document_stream
from domain.runtime.database import connect
from domain.runtime.seed import desk
from domain.runtime.seed.inventing import Company, Invented, Setting, invent
from domain.runtime.seed.planting import SEED, SEEDER, plant
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.values import Role

CATALOGUE_STREAM: Final = document_stream(CATALOGUE)
PEOPLE: Final = (
    ("Alex Moreau", Role.CUSTOMER_ADMIN),
    ("Sam Okafor", Role.CUSTOMER),
    ("Kim Larsson", Role.CUSTOMER),
)
CHUNK: Final = 500  # cases that one process invents at a time
CASES_AN_ACCOUNT: Final = 500
PROCESSES: Final = 2
AHEAD: Final = 4  # chunks that may wait to be written

# Held to the end of a chunk, as each append holds it.
LOCK: Final = "SELECT pg_advisory_xact_lock(4716)"
HEAD: Final = """
SELECT notification_id, greatest(clock_timestamp(), recorded_at) FROM log.events
 ORDER BY notification_id DESC LIMIT 1
"""
NUMBERS: Final = """
SELECT setval('log.case_numbers', (SELECT last_value + is_called::int FROM log.case_numbers)
       + %(count)s - 1) - %(count)s + 1
"""
EVENTS: Final = """
COPY log.events (notification_id, recorded_at, originator_id, originator_version, topic, command_id,
                 state) FROM STDIN
"""
KEYS: Final = "COPY log.keys (stream, version, slot, wrapped) FROM STDIN"
NOTIFY: Final = "NOTIFY events"
ANALYZE: Final = "ANALYZE log.events, log.keys"


@dataclass(frozen=True, slots=True)
class Sown:
    """How many cases and events there are more."""

    cases: int
    events: int


def sow(settings: Settings, setting: Setting, cases: int, progress: Callable[[int], None]) -> Sown:
    """Copies so many cases into the log, as its owner; `progress` is told of each lot."""
    events = 0
    with (
        connect(settings.as_owner, "casebook seed", autocommit=True) as conn,
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool,
    ):
        ((first,),) = conn.execute(NUMBERS, {"count": cases}).fetchall()
        for made in _in_order(pool, setting, first, cases):
            _copy(conn, made.events, made.keys)
            events += len(made.events)
            progress(made.cases)
        conn.execute(ANALYZE)
    return Sown(cases, events)


async def prepare(store: Store, settings: Settings, cases: int, seed: int) -> Setting:
    """Sets up the desk, with more accounts where the cases are many."""
    await plant(store)
    accounts, people = dict(desk.ACCOUNTS), dict(desk.PEOPLE)
    for n in range(1, cases // CASES_AN_ACCOUNT + 1):
        id_, account, own = _company(n)
        accounts[id_] = account
        people |= own
    await _set(store, accounts, people)
    log, _epoch = await store.identity()
    return Setting(
        master_key=settings.master_key_bytes,
        build=settings.build,
        log=log,
        seed=seed,
        now=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
        companies=[
            Company(id_, account, _customers(id_, people)) for id_, account in accounts.items()
        ],
        agents=[id_ for id_, of in desk.PEOPLE.items() if of.role is Role.AGENT],
        people=dict(desk.PEOPLE),
        catalogue=Catalogue(applications=desk.APPLICATIONS, teams=desk.TEAMS),
        versions=await _versions(store, accounts),
    )


def _company(n: int) -> tuple[UUID, Account, dict[UUID, Person]]:
    account, host = document_stream("account", f"company {n:04}"), f"c{n:04}.example"
    people = {}
    for name, role in PEOPLE:
        email = f"{name.split()[0].lower()}@{host}"
        person = Person(name=name, email=email, role=role, account=account)
        people[document_stream("person", email)] = person
    return account, Account(name=f"Company {n:04}", domains=(host,)), people


def _customers(account: UUID, people: Mapping[UUID, Person]) -> dict[UUID, Person]:
    return {
        id_: of
        for id_, of in people.items()
        if of.account == account and of.role is not Role.SERVICE
    }


async def _versions(store: Store, accounts: Mapping[UUID, Account]) -> dict[UUID, dict[str, int]]:
    keys = {account.calendar for account in accounts.values()}
    streams = {document_stream("calendar", key): f"calendar:{key}" for key in keys}
    found = await store.lookup.documents.fresh([*accounts, CATALOGUE_STREAM, *streams])
    calendars = {name: found[stream].version for stream, name in streams.items()}
    return {
        id_: {
            f"account:{id_}": found[id_].version,
            "catalogue": found[CATALOGUE_STREAM].version,
            f"calendar:{account.calendar}": calendars[f"calendar:{account.calendar}"],
        }
        for id_, account in accounts.items()
    }


async def _set(store: Store, accounts: dict[UUID, Account], people: dict[UUID, Person]) -> None:
    wanted: list[tuple[UUID, c.DocumentCommand]] = [
        *((id_, c.SetAccount(document=of)) for id_, of in accounts.items()),
        *((id_, c.SetPerson(document=of)) for id_, of in people.items()),
    ]
    there = await store.lookup.documents.fresh([id_ for id_, _ in wanted])
    for id_, command in wanted:
        if id_ not in there:
            await store.handle(id_, command, by=SEEDER, cause=SEED)


def _in_order(
    pool: ProcessPoolExecutor, setting: Setting, first: int, cases: int
) -> Iterator[Invented]:
    """The lots in their order, a few of them always under way."""
    waiting: deque[Future[Invented]] = deque()
    for start in range(0, cases, CHUNK):
        count = min(CHUNK, cases - start)
        waiting.append(pool.submit(invent, setting, start, first + start, count))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _copy(conn: Connection[TupleRow], events: list[bytes], keys: list[bytes]) -> None:
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(LOCK)
        head, stamp = cursor.execute(HEAD).fetchone() or (0, datetime.now(UTC))
        place = f"\t{stamp.isoformat()}\t".encode()
        _into(cursor, EVENTS, [b"%d%s%s" % (head + n, place, e) for n, e in enumerate(events, 1)])
        _into(cursor, KEYS, keys)
        cursor.execute(NOTIFY)


def _into(cursor: Cursor[TupleRow], statement: LiteralString, lines: list[bytes]) -> None:
    with cursor.copy(statement) as copy:
        copy.write(b"".join(lines))
