"""The seeded desk: sixty stories, told through the rules at instants that lie back."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from domain import commands as c
from domain import events as e
from domain.configuration import (
    CATALOGUE,
    SERVICE_LEVELS,
    Application,
    Catalogue,
    Choice,
    ServiceLevels,
    document_stream,
)
from domain.recorded import Cause, Recorded
from domain.runtime.codec import NAME_OF, NAMES
from domain.runtime.seed import desk
from domain.runtime.seed.planting import Planted, plant
from domain.runtime.seed.stories import STORIES
from domain.runtime.store import Outcome, Store
from domain.values import Badge, Ground, Role, Status
from tests.conftest import Database
from tests.desks import settings_for
from tests.domain.runtime.seeded import cases_of, log_of, on, streams_of

# Files need uploads; and a webhook needs somebody who receives it.
NOT_TOLD = {"case.attachment-added", "case.attachment-removed", "subscription.set"}
SUNDAY_NIGHT = datetime(2026, 11, 22, 3, tzinfo=UTC)
AFTER_CHRISTMAS = datetime(2026, 12, 27, 22, 59, tzinfo=UTC)
MONDAY_BEFORE_WORK = datetime(2027, 3, 29, 5, 30, tzinfo=UTC)  # the clocks in Munich changed


def planted(database: Database, now: datetime | None = None) -> list[Recorded]:
    async def work(store: Store) -> list[Recorded]:
        await plant(store, now)
        return await log_of(store)

    return on(settings_for(database.url), work)


def test_every_event_and_every_state_occurs(database: Database) -> None:
    log = planted(database)
    assert set(NAMES) - {NAME_OF[type(r.event)] for r in log} <= NOT_TOLD
    assert {r.cause for r in log} == {Cause("seed")}
    cases = cases_of(log)
    assert {case.status for case in cases} == set(Status)
    assert {badge for case in cases for badge in case.badges} == set(Badge)
    assert {r.event.ground for r in log if isinstance(r.event, e.Closed)} == set(Ground)
    assert any(isinstance(r.by.id, str) or r.by.on_behalf_of for r in log)


def test_a_second_time_changes_nothing_whatever_happened_in_between(database: Database) -> None:
    async def work(store: Store) -> None:
        first = await plant(store)
        case = next(case for case in cases_of(await log_of(store)) if case.is_open)
        await store.handle(case.id, c.Note(text="Seen."), by=desk.SEEDER, cause=Cause("request"))
        catalogue = c.SetCatalogue(document=Catalogue())
        await store.handle(
            document_stream(CATALOGUE), catalogue, by=desk.SEEDER, cause=Cause("request")
        )
        before = await store.head()
        assert (first.cases, await plant(store)) == (60, Planted(60, 0))
        assert await store.head() == before

    on(settings_for(database.url), work)


class Dying:
    """A store that has had enough after so many commands."""

    def __init__(self, store: Store, commands: int) -> None:
        self._store, self._left = store, commands

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever a store has
        return getattr(self._store, name)

    async def handle(self, *asked: Any, **named: Any) -> Outcome:  # noqa: ANN401  a store's own
        self._left -= 1
        if self._left < 0:
            raise ConnectionError
        return await self._store.handle(*asked, **named)


def test_what_was_interrupted_goes_on_where_it_was(database: Database) -> None:
    async def work(store: Store) -> None:
        for commands in (30, 150):
            with pytest.raises(ConnectionError):
                await plant(cast("Store", Dying(store, commands)), SUNDAY_NIGHT)
        assert (await plant(store)).commands == await _commands(store) - 150
        assert await plant(store) == Planted(60, 0)
        assert all(r.at <= SUNDAY_NIGHT for r in await log_of(store)), "the same now as before"

    on(settings_for(database.url), work)


async def _commands(store: Store) -> int:
    """How many commands the log has, and those that it remembers although nothing changed."""
    log = {r.command.id for r in await log_of(store) if r.command}
    async with store.pool.connection() as conn:
        rows = await (await conn.execute("SELECT count(*) FROM log.unchanged")).fetchall()
    return len(log) + int(rows[0][0])


@pytest.mark.parametrize("now", [SUNDAY_NIGHT, AFTER_CHRISTMAS, MONDAY_BEFORE_WORK, None])
def test_whenever_it_is_done_the_times_are_those_of_people_at_work(
    database: Database, now: datetime | None
) -> None:
    log = planted(database, now)
    now = now or datetime.now(UTC)
    for history in streams_of(log).values():
        for before, after in pairwise(history):
            same = after.command == before.command
            assert before.at == after.at if same else before.at <= after.at
    told = [r for r in log if r.stream not in desk.DOCUMENTS]
    assert all(r.at <= now for r in told)
    assert [r.at for r in told] == sorted(r.at for r in told), "told in the order of time"
    by_command = Counter(r.at for r in {r.command: r for r in told}.values())
    assert by_command.most_common(1)[0][1] == 1, "nobody does two things in one second"
    zones = {case.id: ZoneInfo(desk.ACCOUNTS[case.account].zone) for case in cases_of(log)}
    for recorded in told:
        zone = zones.get(recorded.stream)
        if zone and recorded.by.id in desk.PEOPLE and recorded.at < now - timedelta(hours=2):
            local = recorded.at.astimezone(zone)
            assert local.isoweekday() <= 5
            assert time(8) < local.time() < time(18, 10)


@pytest.mark.parametrize("now", [SUNDAY_NIGHT, AFTER_CHRISTMAS, None])
def test_nothing_is_overdue_and_some_windows_end_about_now(
    database: Database, now: datetime | None
) -> None:
    cases = cases_of(planted(database, now))
    now = now or datetime.now(UTC)
    for case in cases:
        waits = [case.life.awaiting.until] if case.life.awaiting else []
        timers = [w.closes_at for w in (case.life.requested, case.life.proposed) if w]
        assert all(at is None or at > now for at in (*waits, *timers)), case.details.subject
    left = [case.life.closed.window.until - now for case in cases if case.life.closed]
    assert any(timedelta() < one < timedelta(days=5) for one in left)
    assert any(-timedelta(days=5) < one <= timedelta() for one in left)


def test_two_desks_seeded_at_the_same_time_say_the_same(
    database: Database, another_database: Database
) -> None:
    def told(log: list[Recorded]) -> list[tuple[object, ...]]:
        kept = {"entry", "post", "into", "case", "source", "follows"}
        return [
            (r.at, r.by, r.version, type(r.event), r.event.model_dump(exclude=kept)) for r in log
        ]

    first, second = (planted(one, SUNDAY_NIGHT) for one in (database, another_database))
    assert told(first) == told(second)


def test_what_a_desk_had_before_it_keeps(database: Database) -> None:
    words = (Choice(key="1.0", name="1.0"),)
    before = Catalogue(
        applications=(
            Application(key="atlas", name="Our Atlas", versions=words),
            Application(key="own", name="Own"),
        ),
        teams=(Choice(key="night", name="Night shift"),),
    )
    own: list[tuple[str, c.DocumentCommand]] = [
        (CATALOGUE, c.SetCatalogue(document=before)),
        (SERVICE_LEVELS, c.SetServiceLevels(document=ServiceLevels(levels=desk.LEVELS.levels[:1]))),
    ]

    async def work(store: Store) -> None:
        for name, command in own:
            cause = Cause("command line")
            await store.handle(document_stream(name), command, by=desk.SEEDER, cause=cause)
        assert (await plant(store)).cases == len(STORIES)
        assert await plant(store) == Planted(60, 0)
        log = await log_of(store)
        assert all(r.at <= datetime.now(UTC) for r in log)
        catalogue = next(
            r.event.document for r in reversed(log) if isinstance(r.event, e.CatalogueSet)
        )
        atlas = catalogue.application("atlas")
        assert (atlas.name, atlas.versions[0].key) == ("Our Atlas", "1.0")
        assert {a.key for a in catalogue.applications} == {"own", "atlas", "bora", "cirrus"}
        assert catalogue.team("night").name == "Night shift"
        assert len([r for r in log if isinstance(r.event, e.ServiceLevelsSet)]) == 1

    on(settings_for(database.url), work)


def test_the_desk_has_three_accounts_in_three_zones_and_everybody() -> None:
    assert len({account.zone for account in desk.ACCOUNTS.values()}) == len(desk.ACCOUNTS) == 3
    roles = Counter(person.role for person in desk.PEOPLE.values())
    assert set(roles) == set(Role) - {Role.OPERATOR, Role.SYSTEM}
    assert len(desk.PEOPLE) == 12
