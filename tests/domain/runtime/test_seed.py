"""The seeded desk: told through the rules, in its order of time; and very many cases by COPY."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import get_args
from uuid import UUID

import psycopg
import pytest
import rfc8785

from domain import commands as c
from domain import events as e
from domain.case import Case
from domain.decide import decide
from domain.errors import ReopenWindowPassed
from domain.fold import case_of, evolve
from domain.permitted import permitted
from domain.recorded import CommandRef, Recorded
from domain.runtime.codec import NAME_OF, NAMES
from domain.runtime.opening import open_store
from domain.runtime.seed import desk
from domain.runtime.seed.bulk import prepare, sow
from domain.runtime.seed.inventing import Setting
from domain.runtime.seed.lives import TOPICS
from domain.runtime.seed.planting import SEED, plant
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.values import Actor, Badge, Role, Status
from tests import examples as x
from tests.conftest import Database
from tests.desks import MASTER_KEY, settings_for
from tests.projections.following import projected, rows

# Files need uploads, which do not exist yet.
NOT_YET = {"case.attachment-added", "case.attachment-removed"}
COMMANDS = {kind.__name__: kind for kind in get_args(c.CaseCommand)}


async def log_of(store: Store) -> list[Recorded]:
    found: list[Recorded] = []
    while page := await store.page(found[-1].position if found else 0):
        found += page
    return found


def cases_of(log: list[Recorded]) -> list[Case]:
    streams: dict[UUID, list[Recorded]] = {}
    for recorded in log:
        streams.setdefault(recorded.stream, []).append(recorded)
    return [case for history in streams.values() if (case := case_of(history))]


def test_sixty_cases_are_told_with_every_event_and_every_state(database: Database) -> None:
    settings = settings_for(database.url)

    async def work() -> None:
        async with open_store(settings, "test seed") as store:
            planted = await plant(store)
            log = await log_of(store)
            again = await plant(store)
            assert len(await log_of(store)) == len(log)
        assert (planted.cases, again.cases, again.commands) == (60, 60, 0)
        assert set(NAMES) - {NAME_OF[type(r.event)] for r in log} <= NOT_YET
        assert {r.cause for r in log} == {SEED}
        cases = cases_of(log)
        assert {case.status for case in cases} == set(Status)
        assert {badge for case in cases for badge in case.badges} == set(Badge)
        assert {case.details.subject for case in cases} > {topic["subject"] for topic in TOPICS[:2]}
        _is_in_order(log)
        _windows(cases)

    asyncio.run(work())


def _is_in_order(log: list[Recorded]) -> None:
    """In the order of time but for what is said of several streams at once, and never ahead."""
    now = datetime.now(UTC)
    assert all(r.at <= now for r in log)
    backwards = [b for a, b in pairwise(log) if b.at < a.at - timedelta(days=1)]
    assert len(backwards) <= 1, "each step after the one before"


def _windows(cases: list[Case]) -> None:
    """Some could still be reopened today, on the last days; some no longer, since yesterday."""
    now = datetime.now(UTC)
    left = [case.life.closed.window.until - now for case in cases if case.life.closed]
    assert any(timedelta() < one < timedelta(days=4) for one in left)
    assert any(-timedelta(days=5) < one <= timedelta() for one in left)


def test_the_desk_has_three_accounts_in_three_zones_and_everybody(database: Database) -> None:
    assert len({account.zone for account in desk.ACCOUNTS.values()}) == len(desk.ACCOUNTS) == 3
    roles = Counter(person.role for person in desk.PEOPLE.values())
    assert set(roles) == set(Role) - {Role.OPERATOR, Role.SYSTEM}
    assert len(desk.PEOPLE) == 12


def sown(settings: Settings, cases: int, seed: int) -> list[Recorded]:
    async def setting() -> Setting:
        async with open_store(settings, "test seed") as store:
            return await prepare(store, settings, cases, seed)

    async def log() -> list[Recorded]:
        async with open_store(settings, "test seed") as store:
            return await log_of(store)

    lots: list[int] = []
    prepared = asyncio.run(setting())
    before = len(asyncio.run(log()))
    made = sow(settings, prepared, cases, lots.append)
    assert (made.cases, sum(lots)) == (cases, cases)
    found = asyncio.run(log())[before:]
    assert len(found) == made.events
    return found


def with_owner(database: Database) -> Settings:
    given = {"database_url": database.url, "owner_url": database.owner_url}
    return Settings.model_validate({**given, "master_key": MASTER_KEY, "requests_per_minute": 0})


def test_what_is_copied_is_what_the_store_would_have_written(database: Database) -> None:
    settings = with_owner(database)
    log = sown(settings, 700, 1)
    positions = [r.position for r in log]
    assert positions == list(range(positions[0], positions[0] + len(log)))
    cases = cases_of(log)
    assert len(cases) == 700
    assert len({case.number for case in cases}) == 700
    for recorded in log:
        assert recorded.cause == SEED
        assert recorded.command is not None
    with psycopg.connect(database.url) as conn:
        states = conn.execute(
            "SELECT state, recorded_at FROM log.events ORDER BY notification_id"
        ).fetchall()
        commands = conn.execute(
            "SELECT count(command_id), count(DISTINCT command_id) FROM log.events"
        ).fetchone()
    assert commands is not None
    assert commands[0] == commands[1]
    assert [at for _, at in states] == sorted(at for _, at in states)
    for state, _ in Random(1).sample(states, 200):
        assert rfc8785.dumps(json.loads(state)) == state


def test_whatever_was_copied_is_what_the_rules_decide(database: Database) -> None:
    """Also the talk, which is not decided when it is invented."""
    log, talked = sown(with_owner(database), 150, 1), 0
    streams: dict[UUID, Case] = {}
    last: dict[UUID, CommandRef | None] = {}
    for recorded in log:
        case, event = streams.get(recorded.stream), recorded.event
        if isinstance(event, e.Posted):
            assert recorded.command is not None
            command = c.Note(text=event.text) if event.internal else c.Post(text=event.text)
            terms = replace(x.TERMS, command=recorded.command.id)
            assert decide(case, command, by=recorded.by, at=recorded.at, terms=terms) == [event]
            assert recorded.command.name == type(command).__name__
            talked += 1
        elif case is not None and recorded.command != last.get(recorded.stream):
            told = permitted(case, recorded.by, recorded.at, x.TERMS)
            assert told[COMMANDS[str(recorded.command and recorded.command.name)]] is None
        streams[recorded.stream] = evolve(case, recorded)
        last[recorded.stream] = recorded.command
    assert talked > 150


def test_a_case_that_was_copied_goes_on_like_any_other(database: Database) -> None:
    settings = with_owner(database)
    cases = cases_of(sown(settings, 60, 1))
    projected(settings)
    assert len(rows(settings)["cases"]) == 60 + 61
    ines = Actor(id=desk.person("ines@desk.example"), role=Role.AGENT)

    async def work() -> None:
        async with open_store(settings, "test seed") as store:
            case = next(case for case in cases if case.is_open)
            outcome = await store.handle(case.id, c.Note(text="Seen."), by=ines, cause=SEED)
            assert outcome.case.version == case.version + 1
            new = await store.lookup.number()
            assert new > max(int(case.number) for case in cases)
            old = next(case for case in cases if case.life.closed)
            with pytest.raises(ReopenWindowPassed):
                await store.handle(old.id, c.Reopen(comment="So."), by=ines, cause=SEED)

    asyncio.run(work())


def test_the_same_seed_makes_the_same_cases_and_another_one_others(
    database: Database,
) -> None:
    def words(log: list[Recorded]) -> list[tuple[str, str]]:
        return [(type(r.event).__name__, getattr(r.event, "subject", "")) for r in log]

    settings = with_owner(database)
    first, same, other = (words(sown(settings, 40, seed)) for seed in (1, 1, 2))
    assert first == same
    assert first != other
