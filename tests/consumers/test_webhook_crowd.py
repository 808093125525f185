"""Many receivers, many processes, and kills: nobody waits for another, and nothing is lost."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby

import psycopg

from consumers.sending import Sender
from tests import examples as x
from tests.api.http import Http
from tests.consumers.hooks import HERE, Came, Receiver, Said, hooked, sending, subscribed, until
from tests.desks import MASTER_KEY

CROWD = 50
KILLS = 3
CASES, BETWEEN = 4, 12


def test_one_of_fifty_that_hangs_leaves_the_others_alone(http: Http) -> None:
    """More events than connections to the database: whatever is shared would be exhausted."""
    with (
        Receiver().listening() as receiver,
        Receiver(lambda _: Said(hangs=60)).listening() as hanging,
        sending(http.desk.settings, Sender(HERE, patience_seconds=60)),
    ):
        asked = {"types": ["case.posted"]}
        subscribed(http, hanging, **asked)
        for _ in range(CROWD - 1):
            subscribed(http, receiver, **asked)
        receiver.secrets = []  # of each another one
        cases = [http.raised(x.CLARA)["id"] for _ in range(10)]
        for case in cases:
            http.done(x.CLARA, case, "post", text="One.")
        http.shown()
        until(lambda: len(receiver.taken) == (CROWD - 1) * len(cases), 30)
        assert hanging.taken == []
        assert 1 <= len(hanging.came) <= 8


def test_a_second_process_stands_by_and_takes_over(http: Http) -> None:
    with hooked(http, None, x.SUE, types=["case.posted"]) as (receiver, _):
        case = http.raised(x.CLARA)["id"]
        with sending(http.desk.settings):
            http.done(x.CLARA, case, "post", text="One.")
            http.shown()
            until(lambda: len(receiver.taken) == 1)
            second = sending(http.desk.settings)
            second.__enter__()
            http.done(x.CLARA, case, "post", text="Two.")
            http.shown()
            until(lambda: len(receiver.taken) == 2)
        http.done(x.CLARA, case, "post", text="Three.")
        http.shown()
        until(lambda: _has(receiver, 3))
        second.__exit__(None, None, None)
        assert len(set(ids(receiver))) == 3  # the second may come again: the first ended just then


def test_who_loses_the_connection_sends_on_after_it(http: Http) -> None:
    with hooked(http, None, x.SUE, types=["case.posted"]) as (receiver, _), process(http):
        case = http.raised(x.CLARA)["id"]
        for number in range(3):
            with psycopg.connect(http.desk.settings.database_url, autocommit=True) as conn:
                conn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database()"
                    "   AND starts_with(application_name, 'casebook webhooks')"
                )
            http.done(x.CLARA, case, "post", text=str(number))
            http.shown()
            until(partial(_has, receiver, number + 1))
        # What was taken, and not yet kept as such, comes again.
        texts = [came.event["data"]["text"] for came in receiver.taken]
        assert list(dict.fromkeys(texts)) == ["0", "1", "2"]
        assert texts == sorted(texts)


def _has(receiver: Receiver, events: int) -> bool:
    return len(set(ids(receiver))) == events


def _was_asked(receiver: Receiver, times: int) -> bool:
    return len(receiver.came) >= times


def ids(receiver: Receiver) -> list[str]:
    return [came.id for came in receiver.taken]


@contextmanager
def process(http: Http) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The consumers in a process of their own; the last in the list is the one at work."""
    began = [started(http)]
    try:
        yield began
    finally:
        began[-1].kill()
        began[-1].wait()


def started(http: Http) -> subprocess.Popen[bytes]:
    given = {
        "CASEBOOK_DATABASE_URL": http.desk.settings.database_url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
        "CASEBOOK_WEBHOOKS_ALLOW": "127.0.0.0/8",
    }
    code = (
        "from consumers.__main__ import kept_up; from consumers.webhook import deliver_webhooks;"
        "kept_up('webhooks', deliver_webhooks)"
    )
    return subprocess.Popen([sys.executable, "-c", code], env=given)


def test_killed_it_sends_each_event_at_least_once_in_order_and_again_only_what_was_on_its_way(
    http: Http,
) -> None:
    survive(http, KILLS)


def survive(http: Http, kills: int) -> None:
    """Kills that often, while the receiver has some in hand."""
    with (
        hooked(http, lambda _: Said(hangs=0.01), x.SUE, types=["case.posted"]) as (receiver, _),
        process(http) as began,
    ):
        cases = [http.raised(x.CLARA)["id"] for _ in range(CASES)]
        sent = 0
        for _ in range(kills):
            sent = posted(http, cases, sent)
            before = len(receiver.came)
            until(partial(_was_asked, receiver, before + 3), 30)
            began[-1].send_signal(signal.SIGKILL)
            began[-1].wait()
            began.append(started(http))
        sent = posted(http, cases, sent)
        until(lambda: len(set(ids(receiver))) == sent, 60)
        hold(receiver.came, sent, kills)


def posted(http: Http, cases: list[str], sent: int) -> int:
    for number in range(BETWEEN):
        http.done(x.CLARA, cases[number % CASES], "post", text=str(sent + number))
    http.shown()
    return sent + BETWEEN


def hold(came: list[Came], sent: int, kills: int) -> None:
    """Each at least once, the cases in their order, and a second time only what a kill caught."""
    places: dict[str, list[int]] = {}
    for one in came:
        places.setdefault(one.event["subject"], []).append(one.event["version"])
    for versions in places.values():
        once = [version for version, _ in groupby(versions)]
        assert once == sorted(set(versions)), "in order, and repeated right where it was"
    repeated = len(came) - sent
    assert len({one.id for one in came}) == len({one.place for one in came}) == sent
    assert repeated <= kills * CASES, "at most one of each case was on its way"
