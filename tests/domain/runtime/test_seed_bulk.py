"""Very many cases by COPY: as if each had been asked for."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any, get_args
from uuid import UUID

import psycopg
import pytest
import rfc8785

from domain import commands as c
from domain import events as e
from domain.case import Case
from domain.configuration import CATALOGUE, Catalogue, document_stream
from domain.decide import decide
from domain.errors import NotInCatalogue, ReopenWindowPassed
from domain.fold import evolve
from domain.permitted import permitted
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.runtime.seed import desk
from domain.runtime.seed.bulk import Sown, prepare, sow
from domain.runtime.seed.inventing import Setting, story
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.values import Actor, Role, Status
from tests import examples as x
from tests.conftest import Database
from tests.desks import MASTER_KEY
from tests.domain.runtime.seeded import cases_of, log_of, on, streams_of
from tests.projections.following import positions, projected

INES = Actor(id=document_stream("person", "ines@desk.example"), role=Role.AGENT)

COMMANDS = {kind.__name__: kind for kind in get_args(c.CaseCommand)}
KEYS = "SELECT stream, version, slot FROM log.keys WHERE wrapped IS NOT NULL"
DESTROYED = "SELECT DISTINCT stream FROM log.keys WHERE wrapped IS NULL"
STATES = """
SELECT originator_id, originator_version, state, recorded_at, command_id
  FROM log.events ORDER BY notification_id
"""
CASES = "SELECT number, status, severity, subject, modified_at FROM read.cases"


def with_owner(database: Database) -> Settings:
    given = {"database_url": database.url, "owner_url": database.owner_url}
    return Settings.model_validate({**given, "master_key": MASTER_KEY, "requests_per_minute": 0})


def prepared(settings: Settings, cases: int, seed: int = 1) -> Setting:
    return on(settings, lambda store: prepare(store, settings, cases, seed))


def sown(settings: Settings, setting: Setting) -> list[Recorded]:
    """What is in the log more than before."""
    lots: list[int] = []
    before = on(settings, Store.head)
    made = sow(settings, setting, lots.append)
    found = on(settings, log_of)[before:]
    assert made == Sown(setting.cases, len(found))
    assert sum(lots) == setting.cases
    return found


def test_what_is_copied_is_what_the_rules_decide_for_the_commands(database: Database) -> None:
    settings = with_owner(database)
    setting = prepared(settings, 600)
    log = sown(settings, setting)
    assert [r.position for r in log] == list(range(log[0].position, log[0].position + len(log)))
    codec = Codec(Keyring(settings.master_key_bytes))
    for index, history in enumerate(streams_of(log).values()):
        created = history[0].event
        assert isinstance(created, e.Created)
        assert {r.cause for r in history} == {Cause("seed")}
        decided = [r for told in story(setting, codec, index, int(created.number)) for r in told]
        assert [content(r) for r in history] == [content(r) for r in decided]
        assert all(3 <= len(history) <= 30 or not case.assignee for case in cases_of(history))


def test_talk_too_is_what_the_rules_decide_although_nobody_asks_them(database: Database) -> None:
    settings = with_owner(database)
    talked = 0
    for history in streams_of(sown(settings, prepared(settings, 150))).values():
        case: Case | None = None
        last: CommandRef | None = None
        for recorded in history:
            event, command = recorded.event, recorded.command
            assert command is not None
            if isinstance(event, e.Posted):
                said = c.Note(text=event.text) if event.internal else c.Post(text=event.text)
                terms = replace(x.TERMS, command=command.id)
                assert decide(case, said, by=recorded.by, at=recorded.at, terms=terms) == [event]
                assert command.name == type(said).__name__
                talked += 1
            elif case is not None and command != last:
                told = permitted(case, recorded.by, recorded.at, x.TERMS)
                assert told[COMMANDS[command.name]] is None
            case, last = evolve(case, recorded), command
    assert talked > 300


def content(recorded: Recorded) -> tuple[object, ...]:
    """An event without its place in the log."""
    r = recorded
    return (r.event, r.stream, r.version, r.at, r.by, r.command, r.cause, r.documents, r.build)


def test_its_bytes_keys_and_times_are_those_of_the_store(database: Database) -> None:
    settings = with_owner(database)
    log = sown(settings, prepared(settings, 300))
    with psycopg.connect(database.url) as conn:
        keys = Counter(conn.execute(KEYS).fetchall())
        destroyed = {stream for (stream,) in conn.execute(DESTROYED)}
        states = conn.execute(STATES).fetchall()
    ours = {r.stream for r in log}
    assert not ours & destroyed
    wanted = Counter(
        (stream, version, slot)
        for stream, version, state, _, _ in states
        for slot in ("text", "personal")
        if stream in ours and f'"${slot}"'.encode() in state
    )
    assert wanted == Counter({key: n for key, n in keys.items() if key[0] in ours})
    recorded_at = [at for _, _, _, at, _ in states]
    assert recorded_at == sorted(recorded_at)
    firsts = {r.command.id for r in log if r.command}
    ids = [id_ for stream, _, _, _, id_ in states if id_ and stream in ours]
    assert (len(ids), set(ids)) == (len(firsts), firsts)
    for _, _, state, _, _ in Random(1).sample(states, 200):
        assert rfc8785.dumps(json.loads(state)) == state


def test_the_read_models_show_them_as_they_are(database: Database) -> None:
    settings = with_owner(database)
    cases = cases_of(sown(settings, prepared(settings, 500)))
    projected(settings)
    head = on(settings, Store.head)
    assert set(positions(settings).values()) == {(head, None)}
    with psycopg.connect(database.url) as conn:
        shown: dict[str, Any] = {row[0]: row[1:] for row in conn.execute(CASES)}
    for case in cases:
        severity, subject = case.severity.key, case.details.subject
        assert shown[case.number] == (case.status, severity, subject, case.modified_at)
    assert {case.status for case in cases} == set(Status)


def test_a_case_that_was_copied_goes_on_like_any_other(database: Database) -> None:
    settings = with_owner(database)
    cases = cases_of(sown(settings, prepared(settings, 60)))

    async def work(store: Store) -> None:
        case = next(case for case in cases if case.is_open)
        outcome = await store.handle(case.id, c.Note(text="Seen."), by=INES, cause=Cause("request"))
        assert outcome.case.version == case.version + 1
        assert all(r.documents == outcome.history[-1].documents for r in outcome.history)
        old = next(case for case in cases if case.life.closed)
        with pytest.raises(ReopenWindowPassed):
            await store.handle(old.id, c.Reopen(comment="So."), by=INES, cause=Cause("request"))

    on(settings, work)


def test_others_may_write_and_raise_cases_at_the_same_time(database: Database) -> None:
    settings = with_owner(database)
    setting = prepared(settings, 2_000)
    jonas = desk.PEOPLE[document_stream("person", "jonas.weber@nordwind.example")]
    by = Actor(
        id=document_stream("person", jonas.email or ""), role=jonas.role, account=jonas.account
    )
    create = c.Create(application="atlas", type="services", subject="So", description="So.")

    async def work(store: Store) -> int:
        sowing = asyncio.create_task(asyncio.to_thread(sow, settings, setting, lambda _lot: None))
        raised = 0
        while not sowing.done():
            outcome = await store.handle(None, create, by=by, cause=Cause("request"))
            assert outcome.case.is_open
            raised += 1
        await sowing
        return raised

    before = len(cases_of(on(settings, log_of)))
    raised = on(settings, work)
    log = on(settings, log_of)
    assert raised > 0
    assert [r.position for r in log] == list(range(1, len(log) + 1))
    recorded_at = [r.recorded_at for r in log if r.recorded_at]
    assert (len(recorded_at), recorded_at) == (len(log), sorted(recorded_at))
    numbers = Counter(case.number for case in cases_of(log))
    assert len(numbers) == before + raised + 2_000
    assert set(numbers.values()) == {1}


def test_the_same_seed_says_the_same_in_two_logs_and_another_one_something_else(
    database: Database, another_database: Database
) -> None:
    def told(database: Database, seed: int) -> list[tuple[object, ...]]:
        settings = with_owner(database)
        log = sown(settings, prepared(settings, 60, seed))
        kept = {"number", "window", "reminds_at", "closes_at", "entry", "post"}
        return [(r.by, r.version, type(r.event), r.event.model_dump(exclude=kept)) for r in log]

    first = told(database, 1)
    assert told(another_database, 1) == first
    assert told(another_database, 2) != first


def test_they_are_spread_over_companies_people_and_time(database: Database) -> None:
    settings = with_owner(database)
    cases: list[Case] = cases_of(sown(settings, prepared(settings, 1_500)))
    assert len({case.account for case in cases}) == 3 + 3
    assert len({case.details.contact for case in cases}) == 6 + 3 * 3
    over_a_weekend = timedelta(days=4)
    assert all(a.created_at < b.created_at + over_a_weekend for a, b in pairwise(cases))
    assert 0.05 < len([case for case in cases if case.is_open]) / len(cases) < 0.2
    severities = Counter(case.severity.key for case in cases)
    assert [key for key, _ in severities.most_common()] == ["standard", "low", "urgent", "critical"]


def test_what_the_catalogue_no_longer_has_is_refused_in_one_sentence(database: Database) -> None:
    settings = with_owner(database)
    prepared(settings, 1)
    emptied = c.SetCatalogue(document=Catalogue(teams=desk.TEAMS))

    async def work(store: Store) -> UUID:
        stream = document_stream(CATALOGUE)
        await store.handle(stream, emptied, by=desk.SEEDER, cause=Cause("request"))
        return stream

    on(settings, work)
    with pytest.raises(NotInCatalogue, match="application"):
        sow(settings, prepared(settings, 5), lambda _lot: None)
