"""The feed: whoever keeps one number has all that they may know of, in order, and can tell."""

import json
from hashlib import sha256
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
import pytest
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator, FormatChecker

from domain.values import Actor
from projections.envelope import in_order
from tests import examples as x
from tests.api.http import Http

FORMATS: Final = FormatChecker()


def page(http: Http, by: Actor, after: int = 0, query: str = "", **headers: str) -> dict[str, Any]:
    answer = http.get(by, f"/events?after={after}{query}", **headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def at(event: dict[str, Any]) -> int:
    return int(event["sequence"])


def whole(http: Http, by: Actor, query: str = "", *, most: int = 1_000) -> list[dict[str, Any]]:
    """Page by page to the end; that they hang together is part of it."""
    found: list[dict[str, Any]] = []
    after, through = 0, 0
    while True:
        there = page(http, by, after, f"&limit={most}{query}")
        assert there["through"] >= through
        assert len(there["events"]) < most or there["through"] <= there["next"]
        assert there["prev"] == (at(found[-1]) if found else 0)
        for event in there["events"]:
            assert event["prev"] == (found[-1]["sequence"] if found else in_order(0))
            assert event["sequence"] > event["prev"]
            found.append(event)
        through, after = there["through"], there["next"]
        if not there["events"]:
            return found


@pytest.fixture(scope="module")
def full(asked: Http) -> Http:
    """Cases of two accounts with all sorts of events, and some that became internal."""
    chance = Random(1)
    cases = [asked.raised(by)["id"] for by in (x.CLARA, x.ADA, x.GINA) for _ in range(3)]
    for n in range(60):
        case = chance.choice(cases)
        command = chance.choice(["post", "note", "take", "watch", "await", "make-internal"])
        fields: dict[str, Any] = {
            "post": {"text": f"Post {n}."},
            "note": {"text": f"Note {n}."},
        }.get(command, {})
        if command == "await":
            fields = {"awaited": "customer", "reason": "SECRET"}
        if command == "make-internal":
            posts = [e for e in asked.events(x.ANNA, case) if e["type"] == "case.posted"]
            if not posts:
                continue
            fields = {"entry": posts[0]["data"]["entry"]}
        asked.do(x.ANNA, case, command, **fields)
    asked.shown()
    return asked


def test_the_desk_and_auditors_have_the_whole_log(full: Http) -> None:
    with psycopg.connect(full.desk.settings.database_url) as conn:
        log = conn.execute("SELECT notification_id, topic FROM log.events ORDER BY 1").fetchall()
    for by in (x.ANNA, x.SUE, x.AUDREY, x.BOT):
        for most in (7, 1_000):
            assert [(at(e), e["type"]) for e in whole(full, by, most=most)] == log


@pytest.mark.parametrize("by", [x.CLARA, x.ADA, x.GINA, x.CRM])
@pytest.mark.parametrize("most", [1, 5, 1_000])
def test_everybody_else_has_what_is_public_in_the_cases_that_they_see(
    full: Http, by: Actor, most: int
) -> None:
    expected: list[dict[str, Any]] = []
    for case in full.get(by, "/cases?status=all&limit=100").json()["cases"]:
        told = full.get(by, f"/cases/{case['id']}/events").json()
        expected += [one for one in told if one["withheld"] is not True]
    expected.sort(key=lambda one: int(one["position"]))
    found = whole(full, by, most=most)
    assert [(at(one), one["type"], one["version"], one["by"], one["data"]) for one in found] == [
        (e["position"], e["type"], e["version"], e["by"]["id"], e["data"]) for e in expected
    ]
    assert {one["visibility"] for one in found} == {"public"}
    assert "SECRET" not in str(found)
    assert found


def test_each_event_says_what_it_is_and_where_it_stands(full: Http) -> None:
    first = next(one for one in whole(full, x.CLARA) if one["type"] == "case.created")
    assert first["id"] == f"{first['subject']}:1"
    assert first["data"]["subject"] == "It is slow"
    assert first["by"] == str(x.id_of(x.CLARA))


@pytest.mark.parametrize("by", [x.ANNA, x.CLARA, x.AUDREY])
def test_each_event_is_a_cloud_event_whose_data_is_as_its_schema_says(
    full: Http, by: Actor
) -> None:
    told = page(full, by)
    for event in whole(full, by):
        as_read = JSONFormat().read(None, json.dumps(event))
        assert as_read.get_source() == f"urn:uuid:{told['log']}#{told['epoch']}"
        assert as_read.get_extension("sequence") > as_read.get_extension("prev")
        path = urlsplit(event["dataschema"]).path
        schema = full.client.get(path).json()
        Draft202012Validator(schema, format_checker=FORMATS).validate(event["data"])


def test_auditors_have_the_bytes_that_are_stored(full: Http) -> None:
    with psycopg.connect(full.desk.settings.database_url) as conn:
        rows = conn.execute("SELECT notification_id, state FROM log.events ORDER BY 1").fetchall()
    for position, state in rows[-5:]:
        for by in (x.AUDREY, x.SUE):
            frame = full.get(by, f"/events/{position}/frame")
            assert frame.content == bytes(state)
            assert frame.headers["leaf"] == sha256(state).hexdigest()
    assert "It is slow" not in full.get(x.AUDREY, f"/events/{rows[-1][0]}/frame").text
    for by in (x.ANNA, x.CLARA, x.CRM):
        assert full.get(by, f"/events/{rows[0][0]}/frame").status_code in {403, 409}
    unknown = full.get(x.AUDREY, f"/events/{rows[-1][0] + 1}/frame")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/event-unknown")


def test_the_head_is_told_to_whoever_begins_with_what_comes_next(full: Http) -> None:
    told = full.get(x.CLARA, "/events/head").json()
    assert told["position"] == page(full, x.ANNA)["through"]
    assert told["epoch"] == 1


@pytest.mark.parametrize("by", [x.ANNA, x.ADA, x.AUDREY])
def test_types_and_cases_can_be_asked_for(full: Http, by: Actor) -> None:
    everything = whole(full, by)
    case = everything[-1]["subject"]
    for query, wanted in (
        ("&type=case.created", [e for e in everything if e["type"] == "case.created"]),
        (
            "&type=case.created&type=case.posted",
            [e for e in everything if e["type"] in {"case.created", "case.posted"}],
        ),
        (f"&case={case}", [e for e in everything if e["subject"] == case]),
        (f"&account={x.GLOBEX}", []),
    ):
        if "account" in query and by is not x.ADA:
            continue
        found = whole(full, by, query, most=3)
        assert [one["id"] for one in found] == [one["id"] for one in wanted]


def test_the_desk_can_ask_for_the_cases_of_an_account(full: Http) -> None:
    ginas = [one["id"] for one in whole(full, x.GUS)]
    found = whole(full, x.AUDREY, f"&account={x.GLOBEX}")
    assert set(ginas) <= {one["id"] for one in found}
    assert {one["data"]["account"] for one in found if one["type"] == "case.created"} == {
        str(x.GLOBEX)
    }


def test_what_becomes_internal_leaves_the_feed_and_moves_no_number_but_prev(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "post", text="For the wrong eyes.")
    http.done(x.CLARA, case, "post", text="Hello?")
    http.shown()
    created, post, hello = whole(http, x.CLARA)
    http.done(x.ANNA, case, "make-internal", entry=post["data"]["entry"])
    http.shown()
    left = whole(http, x.CLARA)
    assert left == [created, {**hello, "prev": created["sequence"]}]


def test_who_is_ahead_or_of_another_epoch_is_told(http: Http) -> None:
    end = page(http, x.ANNA)["through"]
    ahead = http.get(x.ANNA, f"/events?after={end + 1}")
    assert (ahead.status_code, ahead.json()["type"]) == (409, "/problems/ahead-of-the-log")
    assert page(http, x.ANNA, query="&epoch=1")["epoch"] == 1
    other = http.get(x.ANNA, "/events?epoch=2")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/epoch-differs")


def test_a_filtered_reader_is_served_up_to_where_the_read_models_are(http: Http) -> None:
    http.shown()
    shown = page(http, x.CLARA)["through"]
    position = http.raised()["position"]
    behind = page(http, x.CLARA, shown)
    assert (behind["events"], behind["next"], behind["through"]) == ([], shown, shown)
    http.shown()
    assert page(http, x.CLARA, shown)["events"][0]["sequence"] == in_order(position)
    assert page(http, x.ANNA, shown)["events"][0]["sequence"] == in_order(position)
