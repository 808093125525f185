"""Read models over HTTP: who may have them rebuilt and verified, and who is told what of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from domain.values import Actor
from projections.generation import TABLES, building
from projections.operations import begun
from tests import examples as x
from tests.api.http import Http
from tests.deploy.running import within
from tests.desks import MASTER_KEY
from tests.projections.following import head, key_of

WORD = "hunter2"


@contextmanager
def followed(http: Http) -> Iterator[subprocess.Popen[bytes]]:
    """The projections of this desk, in a process of their own."""
    named = {
        "CASEBOOK_DATABASE_URL": http.desk.settings.database_url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "projections"],
        env={**os.environ, **named},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def asked_for(http: Http, what: str, *models: str) -> str:
    answer = http.post(x.SUE, f"/read-models/{what}", {"models": models} if models else {})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["by"], told["ended_at"]) == (str(x.id_of(x.SUE)), None)
    return str(told["id"])


def what_came_of(http: Http, operation: str, by: Actor = x.SUE) -> dict[str, Any]:
    """The operation, once it has ended."""
    told: dict[str, Any] = {}

    def ended() -> bool:
        told.update(http.get(by, f"/read-models/operations/{operation}").json())
        return told["ended_at"] is not None

    assert within(30, ended), told
    return told


def changed(http: Http) -> None:
    with psycopg.connect(http.desk.settings.database_url) as conn:
        conn.execute("UPDATE read.cases SET subject = %s, version = 7", [WORD])


def test_it_is_verified_and_made_anew_by_the_projections(http: Http) -> None:
    case = http.raised()["id"]
    http.shown()
    changed(http)
    with followed(http):
        told = what_came_of(http, asked_for(http, "verify"))
        assert (told["kind"], told["models"], told["failure"]) == ("verify", list(TABLES), None)
        assert told["differed"] == {"cases": 2}
        subject = {"model": "cases", "key": case, "column": "subject"}
        version = {"model": "cases", "key": case, "column": "version"}
        assert sorted(told["differences"], key=lambda one: str(one["column"])) == [
            {**subject, "live": None, "replayed": None},
            {**version, "live": 7, "replayed": 1},
        ]
        anew = what_came_of(http, asked_for(http, "rebuild", "cases"))
        assert (anew["differed"], anew["position"]) == ({"cases": 2}, head(http.desk.settings))
        assert http.get(x.CLARA, f"/cases/{case}").json()["version"] == 1
        models = {one["name"]: one for one in http.get(x.SUE, "/read-models").json()}
        assert models["cases"]["has_old"]
        assert {one["lacks"] for one in models.values()} == {0}
        what_came_of(http, asked_for(http, "drop-old"))
        assert not any(one["has_old"] for one in http.get(x.SUE, "/read-models").json())
        clean = what_came_of(http, asked_for(http, "verify"), x.AUDREY)
    assert (clean["differed"], clean["differences"]) == ({}, [])
    listed = http.get(x.AUDREY, "/read-models/operations").json()
    assert [one["kind"] for one in listed] == ["verify", "drop-old", "rebuild", "verify"]


def test_no_word_that_somebody_wrote_is_kept_with_what_was_found(http: Http) -> None:
    """Else it would stand there when it had been erased everywhere."""
    http.raised(subject=WORD, description=WORD, customer_reference=WORD)
    http.shown()
    settings = http.desk.settings
    with psycopg.connect(settings.database_url, autocommit=True) as conn:
        conn.execute("UPDATE read.directory SET name = name || '!', email = 'x@y.z'")
        conn.execute("UPDATE read.cases SET subject = '', description = '', contact_name = 'x'")
        conn.execute("DELETE FROM read.activity")
        with followed(http):
            assert what_came_of(http, asked_for(http, "verify"))["differed"]
        kept = str(conn.execute("SELECT d::text FROM desk.differences d").fetchall())
    assert "description" in kept
    for words in (WORD, "Clara", "acme.com", x.CREATE.description):
        assert words not in kept


def test_whoever_dies_over_it_finds_it_again(http: Http) -> None:
    http.raised()
    http.shown()
    changed(http)
    operation = asked_for(http, "verify")
    with building(key_of(http.desk.settings), ["cases"]), followed(http) as process:
        # It is asked for again and again while another one is being built.
        assert within(20, lambda: _waits(http, operation))
        process.send_signal(signal.SIGKILL)
        process.wait()
    with followed(http):
        assert what_came_of(http, operation)["differed"] == {"cases": 2}


def test_an_operation_that_fails_says_so_and_the_next_one_is_done(http: Http) -> None:
    """Also one whose models are not known, and a command that was killed over its own."""
    http.raised()
    http.shown()
    settings = http.desk.settings
    with psycopg.connect(settings.database_url, autocommit=True) as conn:
        killed = begun(conn, "verify", ["cases"], "operator:somebody")
        killed.told("fill", 1, 2)
        conn.execute(
            "INSERT INTO desk.operations (kind, models, by, here) VALUES"
            " ('rebuild', '{}', 'somebody', false)"
        )
    after = asked_for(http, "verify")
    with followed(http):
        assert what_came_of(http, after)["failure"] is None
    ended = {one["kind"]: one for one in http.get(x.SUE, "/read-models/operations").json()}
    assert ended["rebuild"]["failure"]
    killed_one = http.get(x.SUE, "/read-models/operations").json()[-1]
    assert killed_one["failure"] == "The command was ended."


def _waits(http: Http, operation: str) -> bool:
    with psycopg.connect(http.desk.settings.database_url) as conn:
        seen = conn.execute(
            "SELECT FROM pg_stat_activity"
            " WHERE application_name = 'casebook operations' AND datname = current_database()"
        )
        waiting = conn.execute(
            "SELECT ended_at IS NULL FROM desk.operations WHERE id = %s", [operation]
        ).fetchone()
        return seen.rowcount > 0 and waiting == (True,)


@pytest.mark.parametrize("by", [x.CLARA, x.ADA, x.ANNA, x.AUDREY, x.BOT])
def test_only_support_admins_ask_for_it_and_auditors_look(asked: Http, by: Actor) -> None:
    for what in ("rebuild", "verify", "drop-old"):
        assert asked.post(by, f"/read-models/{what}", {}).status_code == 403
    for path in ("", "/operations"):
        expected = 200 if by == x.AUDREY else 403
        assert asked.get(by, f"/read-models{path}").status_code == expected
    assert asked.get(x.SUE, "/read-models/operations").json() == []


def test_what_is_not_there_is_said_to_be(asked: Http) -> None:
    unknown = asked.post(x.SUE, "/read-models/verify", {"models": ["cases", "searches"]})
    assert unknown.json()["type"] == "/problems/read-model-unknown"
    assert "searches" not in unknown.text
    nowhere = asked.get(x.SUE, f"/read-models/operations/{x.named('nobody')}")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/operation-unknown")
