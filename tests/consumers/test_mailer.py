"""Mails as a real mail server has them: each once, in its case's thread, for who may see it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from consumers.mailer import Mailer
from consumers.mailing import FIRST_PAUSE, LONGEST_PAUSE, MOST_AN_HOUR, pause_after
from domain import commands as c
from domain.preferences import Digest, Preferences
from domain.runtime.database import connect
from domain.runtime.settings import Settings
from domain.runtime.store import Outcome, Store
from tests import examples as x
from tests.consumers.mail import Sink, sinking
from tests.consumers.notifying import delivered, done, notified
from tests.consumers.test_notifier import a_life, prefer, set_person
from tests.desks import MASTER_KEY, Desk, settings_for
from tests.domain.runtime.test_store import asked, raised

ROB, CLARA, ANNA, ADA = "rob@acme.com", "clara@acme.com", "anna@desk.com", "ada@acme.com"
SITE = "https://desk.example"


@pytest.fixture(scope="module")
def server() -> Iterator[Sink]:
    with sinking() as sink:
        yield sink


@pytest.fixture
def sink(server: Sink) -> Sink:
    server.received.clear()
    server.answers.clear()
    server.refused.clear()
    return server


def mailing(desk: Desk, sink: Sink) -> Settings:
    """The settings of a mailer that hands mails to this server."""
    return settings_for(
        desk.settings.database_url,
        smtp=sink.url,
        public_url=SITE,
        mail_from="Acme's desk <no-reply@desk.example>",
        master_key=MASTER_KEY,
    )


def mailed(desk: Desk, sink: Sink) -> None:
    """Everything that is due is tried once."""

    async def run() -> None:
        mailer = Mailer(mailing(desk, sink))
        with connect(desk.settings.database_url, "casebook test mailer", autocommit=True) as conn:
            while await mailer.step(conn):
                pass
        await mailer.close()

    asyncio.run(run())


def posted(desk: Desk) -> UUID:
    """Clara's case with Rob in copy and a post of Anna's; whoever is concerned has a mail due."""

    async def life(store: Store) -> UUID:
        case = await raised(store)
        await asked(store, case, c.ChangeRecipients(add=(ROB,)), x.CLARA)
        await asked(store, case, c.Post(text="Which version?\nOf <b>what</b>?"), x.ANNA)
        return case.case.id

    case = done(desk, life)
    notified(desk)
    return case


def states(desk: Desk) -> dict[str, list[str]]:
    """By recipient, the states of their mails in the order of the log."""
    found: dict[str, list[str]] = {}
    for row in delivered(desk.settings):
        if row.channel == "email":
            found.setdefault(row.recipient, []).append(row.state)
    return found


def due_again(desk: Desk) -> None:
    """As if time had passed: whatever waits is due."""
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("UPDATE desk.deliveries SET due_at = now() WHERE done_at IS NULL")


def test_whoever_is_in_copy_has_the_words_in_full_and_why_they_have_them(
    desk: Desk, sink: Sink
) -> None:
    posted(desk)
    mailed(desk, sink)
    added, post = sink.to(ROB)
    assert "Clara put you in copy of this case" in added.text
    assert "Since Sunday." in added.text
    assert "Anna wrote:\n\nWhich version?\nOf <b>what</b>?" in post.text.replace("\r\n", "\n")
    assert "You receive this because Clara added you to this case." in post.text
    assert f"{SITE}/cases/" not in post.text + post.html
    assert "Of &lt;b&gt;what&lt;/b&gt;?" in post.html
    assert "<b>what" not in post.html


def test_people_have_a_link_to_the_case(desk: Desk, sink: Sink) -> None:
    posted(desk)
    mailed(desk, sink)
    (post,) = sink.to(CLARA)
    number = str(post.message["subject"]).partition("]")[0].rpartition(" ")[2]
    assert f"{SITE}/cases/{number}" in post.text
    assert f'href="{SITE}/cases/{number}"' in post.html
    assert "because you are the contact of this case" in post.text


def test_a_case_is_one_thread_of_automatic_mail_that_nobody_reads_answers_to(
    desk: Desk, sink: Sink
) -> None:
    case = posted(desk)
    mailed(desk, sink)
    messages = [one.message for one in sink.received]
    assert {m["references"] for m in messages} == {f"<case.{case}@desk.example>"}
    assert {m["in-reply-to"] for m in messages} == {f"<case.{case}@desk.example>"}
    assert len({m["message-id"] for m in messages}) == len(messages)
    assert {m["subject"] for m in messages} == {"[Case 00000001] It is slow"}
    assert {m["auto-submitted"] for m in messages} == {"auto-generated"}
    assert {m["reply-to"] for m in messages} == {"Replies are not read <no-reply@desk.example>"}
    assert {m["from"] for m in messages} == {"Acme's desk <no-reply@desk.example>"}
    assert all("Replies to this mail are not read" in one.text for one in sink.received)
    ids = {f"<{row.id}@desk.example>" for row in delivered(desk.settings)}
    assert {m["message-id"] for m in messages} <= ids


def test_what_is_sent_is_recorded_and_not_sent_again(desk: Desk, sink: Sink) -> None:
    posted(desk)
    mailed(desk, sink)
    first = len(sink.received)
    mailed(desk, sink)
    assert len(sink.received) == first
    assert {state for of in states(desk).values() for state in of} == {"sent"}
    assert answers(desk) == ["taken"] * first


def test_several_mailers_side_by_side_send_each_mail_once(desk: Desk, sink: Sink) -> None:
    for _ in range(3):
        posted(desk)
    sink.pause = 0.02
    beside = [Thread(target=mailed, args=(desk, sink)) for _ in range(3)]
    for one in beside:
        one.start()
    for one in beside:
        one.join()
    sink.pause = 0.0
    assert {state for of in states(desk).values() for state in of} == {"sent"}
    assert len(received_ids(sink)) == len(set(received_ids(sink))) == len(answers(desk))


def answers(desk: Desk) -> list[str]:
    with psycopg.connect(desk.settings.database_url) as conn:
        rows = conn.execute("SELECT answer FROM desk.attempts ORDER BY at").fetchall()
    return [answer for (answer,) in rows]


def test_who_may_see_it_no_longer_is_not_told_and_it_is_said_why(desk: Desk, sink: Sink) -> None:
    async def life(store: Store) -> None:
        case = await a_life(store)
        notified(desk)
        await set_person(store, x.ANNA, active=False)
        await asked(store, case, c.Reopen(comment="Again."), x.CLARA)
        await asked(store, case, c.ChangeRecipients(remove=(ROB,)), x.CLARA)

    done(desk, life)
    mailed(desk, sink)
    assert sink.to(ANNA) == sink.to(ROB) == []
    withheld = {(r.recipient, r.why) for r in delivered(desk.settings) if r.state == "withheld"}
    assert withheld == {
        (str(x.id_of(x.ANNA)), "the recipient is here no longer"),
        (ROB, "the address is in copy no longer"),
    }


def test_a_contact_who_was_replaced_is_not_told(desk: Desk, sink: Sink) -> None:
    async def life(store: Store) -> None:
        case = await raised(store, x.ADA)
        await asked(store, case, c.ChangeDetails(contact=x.id_of(x.CLARA)), x.ANNA)
        await asked(store, case, c.Post(text="Which version?"), x.ANNA)
        notified(desk)
        await asked(store, case, c.ChangeDetails(contact=x.id_of(x.CARL)), x.ANNA)

    done(desk, life)
    mailed(desk, sink)
    assert sink.to(CLARA) == []
    (why,) = {row.why for row in delivered(desk.settings) if row.state == "withheld"}
    assert why == "the recipient may see the case no longer"
    assert sink.to(ADA)


async def _posts(store: Store) -> Outcome:
    case = await raised(store)
    await asked(store, case, c.ChangeRecipients(add=(ROB,)), x.CLARA)
    return await asked(store, case, c.Post(text="The password is hunter2."), x.ANNA)


@pytest.mark.parametrize("by", ["make internal", "remove", "redact", "edit"])
def test_words_that_are_gone_when_it_is_sent_are_not_sent(desk: Desk, sink: Sink, by: str) -> None:
    async def life(store: Store) -> None:
        case = await _posts(store)
        notified(desk)
        entry = next(iter(case.case.entries))
        command, who = {
            "make internal": (c.MakeInternal(entry=entry), x.ANNA),
            "remove": (c.RemoveEntry(entry=entry), x.ANNA),
            "redact": (c.Redact(entry=entry, reason="A secret."), x.SUE),
            "edit": (c.EditEntry(entry=entry, text="Never mind."), x.ANNA),
        }[by]
        await asked(store, case, command, who)

    done(desk, life)
    mailed(desk, sink)
    assert not [one for one in sink.received if "hunter2" in one.text + one.html]
    told = {"edit": "Never mind.", "redact": "[redacted]"}.get(by)
    texts = [one.text for one in sink.to(ROB)]
    assert (told is not None and told in texts[-1]) or (told is None and len(texts) == 1)


def test_an_internal_note_is_told_without_its_words(desk: Desk, sink: Sink) -> None:
    done(desk, a_life)
    notified(desk)
    mailed(desk, sink)
    notes = [one for one in sink.to(ANNA) if "wrote a note" in one.text]
    assert len(notes) == 1
    assert not [one for one in sink.received if "It is us." in one.text + one.html]


def test_a_refused_address_has_no_more_mail_and_it_is_said_on_the_case(
    desk: Desk, sink: Sink
) -> None:
    posted(desk)
    sink.refused[ROB] = f"550 5.1.1 no such user <{ROB}>"
    mailed(desk, sink)
    assert states(desk)[ROB] == ["suppressed", "suppressed"]
    rows = [row for row in delivered(desk.settings) if row.recipient == ROB]
    assert [row.why for row in rows] == ["550 5.1.1 no such user <…>"] * 2
    assert len([one for one in answers(desk) if one.startswith("550")]) == 1
    sink.refused.clear()
    posted(desk)
    mailed(desk, sink)
    assert sink.to(ROB) == []
    assert sink.to(CLARA)


def test_what_is_not_taken_now_is_tried_again(desk: Desk, sink: Sink) -> None:
    posted(desk)
    count = sum(len(of) for of in states(desk).values())
    sink.answers.extend(["451 try again later"] * count)
    mailed(desk, sink)
    assert sink.received == []
    assert {state for of in states(desk).values() for state in of} == {"waiting"}
    mailed(desk, sink)
    assert sink.received == []  # not before its time
    due_again(desk)
    mailed(desk, sink)
    assert len(sink.received) == count
    assert sorted(answers(desk)) == ["451 try again later"] * count + ["taken"] * count


def test_after_36_hours_it_is_given_up(desk: Desk, sink: Sink) -> None:
    posted(desk)
    sink.answers.append("451 try again later")
    mailed(desk, sink)
    (waiting,) = [row for row in delivered(desk.settings) if row.state == "waiting"]
    sink.answers.append("451 still not")
    _tried_long_ago(desk, waiting.id)
    mailed(desk, sink)
    (row,) = [row for row in delivered(desk.settings) if row.id == waiting.id]
    assert (row.state, row.why) == ("given up", "451 still not")


def _tried_long_ago(desk: Desk, delivery: UUID) -> None:
    url = desk.settings.database_url
    with psycopg.connect(url) as conn:
        conn.execute(
            "INSERT INTO desk.attempts (delivery, number, at, answer)"
            " VALUES (%s, 0, now() - interval '37 hours', '451 then')",
            (delivery,),
        )
        conn.execute("UPDATE desk.deliveries SET due_at = now() WHERE id = %s", (delivery,))


def test_a_server_that_is_away_costs_no_mail(desk: Desk, sink: Sink) -> None:
    posted(desk)
    with sinking() as other:
        gone = other.port
    there, sink.port = sink.port, gone
    mailed(desk, sink)
    sink.port = there
    assert {state for of in states(desk).values() for state in of} == {"waiting"}
    assert all(one.startswith("SMTPConnectError") for one in answers(desk))
    due_again(desk)
    mailed(desk, sink)
    assert {state for of in states(desk).values() for state in of} == {"sent"}


def test_pauses_grow_up_to_two_hours() -> None:
    pauses = [pause_after(number) for number in range(1, 40)]
    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_nobody_has_more_than_so_many_mails_an_hour(desk: Desk, sink: Sink) -> None:
    case = posted(desk)
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute(
            "INSERT INTO desk.deliveries (id, stream, version, position, recipient, relation,"
            " channel, kind, state, done_at) SELECT gen_random_uuid(), %s, 1, 1, %s, 'cc', 'email',"
            " 'post', 'sent', now() - interval '50 minutes' FROM generate_series(1, %s)",
            (case, ROB, MOST_AN_HOUR),
        )
    mailed(desk, sink)
    assert sink.to(ROB) == []
    assert sink.to(CLARA)
    waiting = [row for row in delivered(desk.settings) if row.state == "waiting"]
    assert {(row.recipient, row.why) for row in waiting} == {(ROB, "more than 60 mails an hour")}


def test_a_digest_is_one_mail_of_all_that_gathered(desk: Desk, sink: Sink) -> None:
    prefer(desk, str(x.id_of(x.CLARA)), Preferences(digest=Digest.HOURLY))
    posted(desk)
    posted(desk)
    mailed(desk, sink)
    assert sink.to(CLARA) == []
    due_again(desk)
    mailed(desk, sink)
    (digest,) = sink.to(CLARA)
    assert digest.message["subject"] == "2 updates in 2 cases"
    assert digest.text.count("Anna wrote") == 2
    assert digest.message["references"] is None
    assert "gathered" not in digest.text
    assert states(desk)[str(x.id_of(x.CLARA))] == ["sent", "sent"]


def test_a_mail_that_cannot_be_written_holds_up_no_other(desk: Desk, sink: Sink) -> None:
    posted(desk)
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("UPDATE desk.deliveries SET recipient = 'x' WHERE relation = 'contact'")
    mailed(desk, sink)
    assert len(sink.to(ROB)) == 2
    assert states(desk)["x"] == ["waiting"]
    assert "it cannot be written: ValueError" in answers(desk)


def received_ids(sink: Sink) -> list[str]:
    return [str(one.message["message-id"]) for one in sink.received]


def test_what_was_in_flight_at_a_crash_is_sent_again_with_the_same_id(
    desk: Desk, sink: Sink
) -> None:
    posted(desk)

    async def crash() -> None:
        mailer = Mailer(mailing(desk, sink))
        conn = connect(desk.settings.database_url, "casebook test", autocommit=True)
        with conn, suppress(psycopg.OperationalError), conn.transaction():
            await mailer.step(conn)
            _kill(desk, conn.info.backend_pid)
        await mailer.close()

    asyncio.run(crash())
    (in_flight,) = received_ids(sink)
    mailed(desk, sink)
    ids = received_ids(sink)
    assert ids.count(in_flight) == 2
    assert len(ids) == len(set(ids)) + 1


def _kill(desk: Desk, pid: int) -> None:
    with psycopg.connect(desk.settings.database_url, autocommit=True) as conn:
        conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
