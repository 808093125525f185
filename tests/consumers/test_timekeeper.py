"""What is due is done once, by nobody but the timer, and never to whom it does not apply."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from consumers.timekeeper import Timekeeper
from consumers.timers import Running, Timer, due, running
from domain import commands as c
from domain import events as e
from domain.recorded import Cause, Recorded
from domain.runtime.opening import open_store
from domain.runtime.store import Outcome, Store
from domain.values import Actor, Awaited, Ground, ResolvedBy, Severity
from tests import examples as x
from tests.consumers.mail import sinking
from tests.consumers.notifying import delivered, done, notified
from tests.consumers.test_mailer import CLARA, mailed
from tests.desks import Desk, settings_for
from tests.domain.runtime.test_store import REQUEST, raised
from tests.projections.following import projected
from tests.spec import recorded

NOW: Final = datetime.now(UTC)
LONG_AGO, A_WEEK_AGO = NOW - timedelta(days=30), NOW - timedelta(days=9)
RESOLVE: Final = c.Resolve(type=x.RESOLUTION.type, root_cause="A loop.", summary="Use 2.1.")


async def then(
    store: Store, case: Outcome, command: c.Command, by: Actor, at: datetime, cause: Cause = REQUEST
) -> Outcome:
    return await store.handle(case.case.id, command, by=by, cause=cause, at=at)


async def case_of_then(store: Store, at: datetime) -> Outcome:
    return await store.handle(None, x.CREATE, by=x.CLARA, cause=REQUEST, at=at)


def kept(desk: Desk, *, looks: int = 1) -> None:
    """The timekeeper comes back, so often."""
    settings = settings_for(desk.settings.database_url, smtp="smtp://127.0.0.1:1")

    async def run() -> None:
        for _ in range(looks):
            projected(desk.settings)
            async with open_store(settings, "casebook test timekeeper") as store:
                timekeeper = Timekeeper(store, settings)
                await timekeeper.look(datetime.now(UTC))
                await timekeeper.look(datetime.now(UTC))

    asyncio.run(run())


def history(desk: Desk, case: UUID) -> list[Recorded]:
    return done(desk, lambda store: store.history(case))


@pytest.mark.parametrize(
    ("command", "by", "ground"),
    [
        (RESOLVE, x.ANNA, Ground.TIMER_ON_RESOLUTION),
        (c.RequestClose(resolved_by=ResolvedBy.OWN), x.CLARA, Ground.TIMER_ON_REQUEST),
    ],
)
def test_what_nobody_answered_is_closed_once(
    desk: Desk, command: c.Command, by: Actor, ground: Ground
) -> None:
    async def life(store: Store) -> UUID:
        case = await case_of_then(store, LONG_AGO)
        await then(store, case, command, by, LONG_AGO)
        return case.case.id

    case = done(desk, life)
    kept(desk, looks=3)
    closed = [r for r in history(desk, case) if isinstance(r.event, e.Closed)]
    assert [(r.event.field("ground"), r.by.id, r.cause.kind) for r in closed] == [
        (ground, "system:timekeeper", "timer")
    ]


def test_a_date_that_has_come_ends_the_waiting(desk: Desk) -> None:
    async def life(store: Store) -> UUID:
        case = await case_of_then(store, LONG_AGO)
        wait = c.Await(awaited=Awaited.DATE, until=A_WEEK_AGO)
        await then(store, case, wait, x.ANNA, LONG_AGO)
        return case.case.id

    case = done(desk, life)
    kept(desk, looks=2)
    assert [type(r.event) for r in history(desk, case)] == [e.Created, e.Awaiting, e.Resumed]


@pytest.mark.parametrize("stopped", ["answered", "escalated", "critical", "rejected"])
def test_what_was_answered_escalated_or_made_critical_stays_open(desk: Desk, stopped: str) -> None:
    stops: dict[str, tuple[c.Command, Actor]] = {
        "answered": (c.Post(text="Not yet."), x.CLARA),
        "escalated": (c.Escalate(comment="Now."), x.CLARA),
        "critical": (c.ChangeSeverity(severity=Severity.CRITICAL), x.ANNA),
        "rejected": (c.RejectResolution(comment="No."), x.CLARA),
    }

    async def life(store: Store) -> UUID:
        case = await case_of_then(store, LONG_AGO)
        await then(store, case, RESOLVE, x.ANNA, LONG_AGO)
        await then(store, case, *stops[stopped], LONG_AGO)
        return case.case.id

    case = done(desk, life)
    before = len(history(desk, case))
    kept(desk)
    assert len(history(desk, case)) == before
    assert not [row for row in delivered(desk.settings) if row.kind == "reminder"]


def test_after_five_working_days_there_is_one_reminder_that_names_the_date(desk: Desk) -> None:
    async def life(store: Store) -> datetime:
        case = await case_of_then(store, A_WEEK_AGO)
        resolved = await then(store, case, RESOLVE, x.ANNA, A_WEEK_AGO)
        closes_at: datetime = resolved.history[-1].event.field("closes_at")
        return closes_at

    closes_at = done(desk, life)
    kept(desk, looks=2)
    rows = [row for row in delivered(desk.settings) if row.kind == "reminder"]
    assert {(row.recipient, row.channel) for row in rows} == {
        (str(x.id_of(x.CLARA)), "email"),
        (str(x.id_of(x.CLARA)), "in_app"),
    }
    with sinking() as sink:
        mailed(desk, sink)
        (mail,) = sink.to(CLARA)
    last = (closes_at - timedelta(hours=3)).astimezone(UTC)
    assert "The proposed resolution waits for an answer" in mail.text
    assert f"this case is closed after {last.day} {last:%b %Y} (Berlin)." in mail.text
    notified(desk)
    assert len([row for row in delivered(desk.settings) if row.kind == "reminder"]) == 2


def test_what_was_seeded_or_imported_starts_no_timer() -> None:
    seeded = Cause("seed")
    past = [replaced(r, seeded) for r in recorded(x.CREATED, x.RESOLVED)]
    assert running(past) == ()
    assert len(running(recorded(x.CREATED, x.RESOLVED))) == 2


def replaced(one: Recorded, cause: Cause) -> Recorded:
    return Recorded(one.event, one.stream, one.version, one.at, one.by, cause=cause)


def test_the_timers_of_a_request_and_of_a_proposal_run_beside_each_other() -> None:
    both = running(recorded(x.CREATED, x.RESOLVED, x.CLOSE_REQUESTED))
    assert sorted((one.timer, one.version) for one in both) == [
        (Timer.CLOSE, 2),
        (Timer.CLOSE, 3),
        (Timer.REMIND, 2),
        (Timer.REMIND, 3),
    ]
    asked = running(recorded(x.CREATED, x.RESOLVED, x.CLOSE_REQUESTED, x.ASKED))
    assert [one.version for one in asked] == [2, 2]  # a word of the customer's stops the request's


def test_nobody_is_reminded_of_what_is_closed_at_the_same_time() -> None:
    timers = running(recorded(x.CREATED, x.RESOLVED))
    assert due(timers, x.REMINDS_AT) == (Running(Timer.REMIND, x.REMINDS_AT, 2),)
    assert due(timers, x.CLOSES_AT) == (Running(Timer.CLOSE, x.CLOSES_AT, 2),)
    assert due(timers, x.REMINDS_AT - x.MOMENT) == ()


def test_a_case_that_waits_for_nothing_is_left_alone(desk: Desk) -> None:
    async def life(store: Store) -> UUID:
        return (await raised(store)).case.id

    case = done(desk, life)
    kept(desk)
    assert len(history(desk, case)) == 1
