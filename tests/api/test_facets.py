"""What a list could be narrowed to: each count is what the list would have."""

from typing import Any
from urllib.parse import urlencode

import pytest

from domain.values import Actor
from tests import examples as x
from tests.api.http import Http

PARAMETER = {"account": "account", "assignee": "assignee", "tag": "tag", "team": "team"}


@pytest.fixture(scope="module")
def desk(asked: Http) -> Http:
    """Cases of two accounts, in all sorts of states."""
    for number, by in enumerate((x.CLARA, x.ADA, x.CARL, x.GINA, x.GUS, x.CLARA)):
        case = asked.raised(
            by,
            severity=("low", "urgent", "critical")[number % 3],
            type=("product-issue", "services")[number % 2],
            team="network" if number % 2 else None,
        )["id"]
        if number % 3:
            asked.done(x.ANNA if number % 2 else x.ALAN, case, "take")
        asked.done(x.ANNA, case, "change-tags", add=["slow", f"tag-{number % 2}"])
        if number > 3:
            asked.done(by, case, "escalate", comment="So.")
    asked.done(x.ANNA, case, "close", reason="Done.")
    asked.shown()
    return asked


def facets(http: Http, by: Actor, query: str) -> dict[str, list[dict[str, Any]] | None]:
    answer = http.get(by, f"/cases/facets?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, list[dict[str, Any]] | None] = answer.json()
    return found


@pytest.mark.parametrize("by", [x.CLARA, x.ADA, x.ANNA, x.AUDREY])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"status": "all"},
        {"status": "Escalated"},
        {"severity": "urgent", "status": "all"},
        {"type": "services", "escalated": "false"},
        {"application": "atlas", "severity": ["low", "critical"]},
        {"assignee": "nobody"},
        {"assignee": ["nobody", "me"], "status": "all"},
        {"tag": "slow", "team": "network"},
        {"account": str(x.ACME), "status": "Closed"},
    ],
)
def test_each_count_is_what_the_list_would_have(
    desk: Http, by: Actor, given: dict[str, Any]
) -> None:
    if by.is_customer and given.keys() & {"assignee", "tag", "team", "account"}:
        assert desk.get(by, f"/cases/facets?{urlencode(given, doseq=True)}").status_code == 403
        return
    counted = 0
    for facet, choices in facets(desk, by, urlencode(given, doseq=True)).items():
        for choice in choices or ():
            key = choice["key"]
            if key is None and facet != "assignee":
                continue  # of no team: nothing asks for that
            chosen = {**given, facet: "nobody" if key is None else key}
            listed = desk.get(by, f"/cases?limit=1&{urlencode(chosen, doseq=True)}").json()
            assert listed["total"] == choice["count"], (facet, choice)
            counted += 1
    assert counted or given.get("status") == "Closed"


def test_the_most_frequent_stand_first_and_have_names(desk: Http) -> None:
    found = facets(desk, x.ANNA, "status=all")
    for choices in found.values():
        assert choices
        counts = [choice["count"] for choice in choices]
        assert counts == sorted(counts, reverse=True)
    names = {choice["key"]: choice["name"] for choice in found["assignee"] or ()}
    assert names == {str(x.id_of(x.ANNA)): "Anna", str(x.id_of(x.ALAN)): "Alan", None: None}


def test_what_is_for_the_desk_is_not_counted_for_customers(desk: Http) -> None:
    for by in (x.CLARA, x.ADA):
        found = facets(desk, by, "status=all")
        assert {name for name, choices in found.items() if choices is None} == {
            *("account", "assignee", "team", "tag")
        }
