"""A list as a file: exactly what the list has, read by a parser, and nothing that it would run."""

import csv
import io
import json
from typing import Any

import psycopg
import pytest

from domain.values import Actor
from projections.export import COLUMNS
from tests import examples as x
from tests.api.http import Http
from tests.projections.following import head

# The last ones are the same signs in full width, which some spreadsheets take for them.
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x")
HARMLESS = ('a "quoted", word', "1 = 1", "line\nbreak", "Größe ✓", "'=1", ";=1")


def exported(http: Http, by: Actor, query: str = "") -> list[dict[str, str]]:
    http.shown()
    answer = http.get(by, f"/cases/export?{query}")
    assert answer.status_code == 200, answer.text
    found = list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))
    assert answer.headers["rows"] == str(len(found))
    return found


def listed(http: Http, by: Actor, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get(by, f"/cases?limit=100&{query}").json()["cases"]
    return found


@pytest.fixture(scope="module")
def desk(asked: Http) -> Http:
    """Cases of two accounts, with notes, tags, and one that is closed."""
    cases = [asked.raised(by, severity=s) for by in (x.CLARA, x.GINA) for s in ("low", "urgent")]
    for case in cases:
        asked.done(x.ANNA, case["id"], "take")
        asked.done(x.ANNA, case["id"], "change-tags", add=["slow"])
        asked.done(x.ANNA, case["id"], "note", text="A loop.")
    asked.done(x.ANNA, cases[0]["id"], "close", reason="Done.")
    asked.shown()
    # As if a note had come to each on another day: what customers see is in another order.
    with psycopg.connect(asked.desk.settings.database_url) as conn:
        conn.execute(
            "UPDATE read.cases SET modified_at = modified_at + number::int * '1 d'::interval"
        )
    return asked


@pytest.mark.parametrize("by", [x.CLARA, x.ADA, x.ANNA, x.AUDREY])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=all",
        "severity=urgent",
        "status=all&sort=subject",
        "sort=-created&escalated=false",
    ],
)
def test_it_has_what_the_list_has_in_its_order(desk: Http, by: Actor, query: str) -> None:
    shown = listed(desk, by, query)
    found = exported(desk, by, query)
    assert [row["Case Id"] for row in found] == [case["number"] for case in shown]
    for row, case in zip(found, shown, strict=True):
        assert row["Status"] == case["status"]
        assert row["Severity"] == case["severity"]["name"]
        assert row["Account Name"] == (case["account_name"] or "")
        assert row["Contact Name"] == case["contact"]["name"]
        assert row["Last Modified"] == f"{case['modified_at'][:19]}Z"


def test_the_columns_are_those_of_the_list_or_those_asked_for_in_their_order(desk: Http) -> None:
    first = exported(desk, x.ANNA)[0]
    assert list(first) == [
        *("Type", "Case Id", "Application", "Severity", "Account Name", "Subject"),
        *("Status", "Contact Name", "Created Date", "Last Modified"),
    ]
    assert list(exported(desk, x.ANNA, "column=tags&column=number")[0]) == ["Tags", "Case Id"]
    everything = exported(desk, x.ANNA, "column=all")[0]
    assert list(everything) == [column.title for column in COLUMNS.values()]
    assert (everything["Tags"], everything["Assignee"]) == ("slow", "Anna")
    assert (everything["Badges"], everything["Team"]) == ("", "")
    lines = desk.get(x.ANNA, "/cases/export?format=ndjson&column=number&column=subject").text
    told = [json.loads(line) for line in lines.splitlines()]
    assert [one["number"] for one in told] == [c["number"] for c in listed(desk, x.ANNA)]
    assert {tuple(one) for one in told} == {("number", "subject")}


def test_what_is_for_the_desk_is_for_the_desk(desk: Http) -> None:
    assert "Tags" not in exported(desk, x.CLARA, "column=all")[0]
    refused = desk.get(x.CLARA, "/cases/export?column=tags")
    assert refused.json()["type"] == "/problems/filter-for-the-desk"
    hides = {**x.ACME_ACCOUNT.model_dump(mode="json"), "shows_assignee": False}
    assert desk.ask(x.SUE, "PUT", f"/accounts/{x.ACME}", hides).is_success
    assert "Anna" not in str(exported(desk, x.ADA, "column=all"))
    shows = x.ACME_ACCOUNT.model_dump(mode="json")
    assert desk.ask(x.SUE, "PUT", f"/accounts/{x.ACME}", shows).is_success
    assert "Anna" in str(exported(desk, x.ADA, "column=all"))


def test_no_cell_is_a_formula_and_every_other_one_is_as_it_was(desk: Http) -> None:
    texts = [*FORMULAS, *HARMLESS]
    numbers = [desk.raised(x.GUS, subject="It is slow", description=t)["number"] for t in texts]
    query = "column=number&column=description&sort=number&status=all&" + "&".join(
        f"number={number}" for number in numbers
    )
    cells = [row["Description"] for row in exported(desk, x.GUS, query)]
    guarded = [f"'{text}" if text in FORMULAS else text for text in texts]
    assert cells == guarded
    lines = desk.get(x.GUS, f"/cases/export?format=ndjson&{query}").text.splitlines()
    assert [json.loads(line)["description"] for line in lines] == texts


def test_it_is_a_file_with_a_name_that_says_how_far_it_tells(desk: Http) -> None:
    desk.shown()
    answer = desk.get(x.ANNA, "/cases/export")
    position = head(desk.desk.settings)
    assert answer.headers["position"] == str(position)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-length"] == str(len(answer.content))
    rows = answer.headers["rows"]
    assert f'-{rows}-cases-at-{position}.csv"' in answer.headers["content-disposition"]
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    # RFC 4180: every line ends with CRLF, and none of these cases has a line of its own within.
    assert answer.text.count("\n") == answer.text.count("\r\n") == int(answer.headers["rows"]) + 1
    assert all(line.startswith('"') for line in answer.text.splitlines())
    nothing = desk.get(x.ANNA, "/cases/export?tag=nowhere")
    assert (nothing.headers["rows"], nothing.text.count("\r\n")) == ("0", 1)


@pytest.mark.parametrize("query", ["column=mood", "limit=5", "cursor=x", "format=xls", "sort=mood"])
def test_what_is_not_there_is_refused(desk: Http, query: str) -> None:
    refused = desk.get(x.ANNA, f"/cases/export?{query}")
    assert refused.status_code == 422
    assert "mood" not in refused.text
