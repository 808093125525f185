"""Deliveries are made with the cursor, once each, for whoever there is now."""

from dataclasses import replace
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from consumers.notices import Circle, notices
from consumers.notifier import Notifier
from consumers.roster import Roster
from consumers.runner import Consumer
from domain import commands as c
from domain import events as e
from domain.preferences import Channel, Digest, Preferences, Silence
from domain.recorded import Recorded
from domain.runtime.consuming import all_parked
from domain.runtime.database import connect
from domain.runtime.store import Outcome, Store
from domain.values import Actor
from tests import examples as x
from tests.consumers.notifying import Delivered, delivered, done, notified, notifier
from tests.consumers.sinks import drained
from tests.desks import CAUSE, Desk
from tests.domain.runtime.test_store import asked, raised
from tests.projections.following import codec_of

CLARA, ANNA, ALAN, ADA, GUS = (str(x.id_of(a)) for a in (x.CLARA, x.ANNA, x.ALAN, x.ADA, x.GUS))


async def a_life(store: Store) -> Outcome:
    case = await raised(store)
    await asked(store, case, c.ChangeRecipients(add=("rob@acme.com",)), x.CLARA)
    await asked(store, case, c.Assign(assignee=x.id_of(x.ANNA), team="network"), x.ALAN)
    await asked(store, case, c.Post(text="@Alan, have a look."), x.CLARA)
    await asked(store, case, c.Note(text="It is us."), x.ALAN)
    await asked(store, case, c.Escalate(comment="We lose orders."), x.CLARA)
    await asked(store, case, c.Close(reason="Solved."), x.ANNA)
    return case


async def set_person(store: Store, actor: Actor, **changed: object) -> None:
    document = x.PEOPLE[x.id_of(actor)].model_copy(update=changed)
    command = c.SetPerson(document=document)
    await store.handle(x.id_of(actor), command, by=x.OPERATOR, cause=CAUSE)


def prefer(desk: Desk, person: str, chosen: Preferences) -> None:
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute(
            "INSERT INTO desk.preferences (person, chosen) VALUES (%s, %s)",
            (person, Jsonb(chosen.model_dump(mode="json"))),
        )


def kinds(desk: Desk, recipient: str, channel: str = "email") -> list[str]:
    rows = delivered(desk.settings)
    return [row.kind for row in rows if (row.recipient, row.channel) == (recipient, channel)]


def by_the_table(desk: Desk) -> set[tuple[UUID, str, str, str]]:
    """What the pure table says of the whole log: id, recipient, channel and kind."""
    with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
        codec = codec_of(desk.settings)
        roster, found = Roster(codec), set[tuple[UUID, str, str, str]]()
        rows = conn.execute("SELECT DISTINCT originator_id FROM log.events").fetchall()
        for (stream,) in rows:
            for recorded in roster.history(conn, stream):
                found |= _of_one(conn, roster, recorded)
    return found


def _of_one(
    conn: Connection[TupleRow], roster: Roster, recorded: Recorded
) -> set[tuple[UUID, str, str, str]]:
    told = roster.happening(conn, recorded)
    if told is None:
        return set()
    everybody = roster.people(conn, list(x.PEOPLE))
    made = notices(told, Circle(everybody))
    return {(n.id, n.recipient, n.channel, n.kind) for n in made}


def test_the_deliveries_are_those_of_the_table(desk: Desk) -> None:
    done(desk, a_life)
    notified(desk)
    rows = delivered(desk.settings)
    assert {(r.id, r.recipient, r.channel, r.kind) for r in rows} == by_the_table(desk)
    assert kinds(desk, "rob@acme.com") == ["added", "status", "post", "escalated", "closed"]
    assert kinds(desk, ADA) == ["escalated"]
    assert kinds(desk, ALAN) == ["mention"]
    assert kinds(desk, ANNA) == ["assigned", "post", "note", "escalated"]
    assert kinds(desk, CLARA) == ["assigned", "closed"]
    assert {row.state for row in rows if row.channel == "in_app"} == {"sent"}
    assert {row.state for row in rows if row.channel == "email"} == {"waiting"}


def test_the_members_of_a_team_and_the_admins_are_those_of_now(desk: Desk) -> None:
    async def life(store: Store) -> None:
        await a_life(store)
        await set_person(store, x.ALAN, teams=("network",))
        await set_person(store, x.ADA, active=False)

    done(desk, life)
    notified(desk)
    assert kinds(desk, ALAN) == ["mention", "escalated", "closed"]
    assert kinds(desk, ADA) == []


def test_what_is_handled_again_makes_nothing_anew(desk: Desk) -> None:
    done(desk, a_life)
    notified(desk)
    before = delivered(desk.settings)
    drained(desk, replace(notifier(desk.settings), name="again"))
    assert delivered(desk.settings) == before
    with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
        assert all_parked(conn) == []


def test_an_event_that_fails_leaves_no_delivery(desk: Desk) -> None:
    done(desk, a_life)
    good = Notifier(codec_of(desk.settings), tuple(Channel))

    def fails(conn: Connection[TupleRow], recorded: Recorded) -> None:
        good.handle(conn, recorded)
        assert not isinstance(recorded.event, e.Escalated)

    drained(desk, Consumer("fails", fails, from_start=True))
    told = {row.kind for row in delivered(desk.settings)}
    assert "post" in told
    assert not told & {"escalated", "closed"}


def test_without_a_mail_server_there_are_no_mails(desk: Desk) -> None:
    done(desk, a_life)
    notified(desk, (Channel.IN_APP,))
    assert {row.channel for row in delivered(desk.settings)} == {"in_app"}


def test_preferences_are_those_that_people_have_set(desk: Desk) -> None:
    prefer(desk, CLARA, Preferences(digest=Digest.DAILY, own_acts=True))
    prefer(desk, ANNA, Preferences(off=(Silence(channel=Channel.EMAIL),)))
    done(desk, a_life)
    notified(desk)
    rows = delivered(desk.settings)
    assert kinds(desk, ANNA) == []
    assert len(kinds(desk, ANNA, "in_app")) == 4
    assert {r.state for r in rows if (r.recipient, r.channel) == (CLARA, "email")} == {"digest"}
    assert "post" in kinds(desk, CLARA)


def test_whoever_ended_the_mail_of_a_case_has_that_of_others(desk: Desk) -> None:
    case = done(desk, raised)
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("INSERT INTO desk.unsubscribed VALUES (%s, %s)", (case.case.id, CLARA))

    async def life(store: Store) -> None:
        await asked(store, case, c.Post(text="We look."), x.ANNA)
        other = await raised(store)
        await asked(store, other, c.Post(text="We look here too."), x.ANNA)

    done(desk, life)
    notified(desk)
    mails = [r for r in delivered(desk.settings) if (r.recipient, r.channel) == (CLARA, "email")]
    assert [row.stream == case.case.id for row in mails] == [False]


def test_of_a_case_of_another_account_nobody_else_is_told(desk: Desk) -> None:
    done(desk, a_life)
    notified(desk)
    assert not [row for row in delivered(desk.settings) if row.recipient == GUS]


def test_addresses_are_forgotten_with_the_case(desk: Desk) -> None:
    async def life(store: Store) -> None:
        case = await a_life(store)
        notified(desk)
        await asked(store, case, c.Erase(reason="At their wish."), x.OPERATOR)

    done(desk, life)
    assert [r for r in delivered(desk.settings) if r.recipient == "rob@acme.com"]
    notified(desk)
    rows: list[Delivered] = delivered(desk.settings)
    assert not [row for row in rows if "@" in row.recipient]
    assert len([row for row in rows if row.recipient == ""]) == 5


def test_who_is_forgotten_is_named_no_longer_and_nobody_is_told_of_it(desk: Desk) -> None:
    async def life(store: Store) -> None:
        case = await raised(store)
        copied = c.ChangeRecipients(add=("rob@acme.com", "clara@acme.de"))
        await asked(store, case, copied, x.CLARA)
        notified(desk)
        before.extend(delivered(desk.settings))
        forget = c.Forget(person=x.id_of(x.CLARA), email="clara@acme.de", reason="She left.")
        await asked(store, case, forget, x.OPERATOR)

    before: list[Delivered] = []
    done(desk, life)
    notified(desk)
    after = delivered(desk.settings)
    assert len(after) == len(before)
    assert "clara@acme.de" in {row.recipient for row in before}
    assert "clara@acme.de" not in {row.recipient for row in after}
    assert "rob@acme.com" in {row.recipient for row in after}
