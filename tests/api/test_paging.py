"""Whatever is filtered and sorted by: the pages together are the list, forwards and backwards."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.values import Actor, Severity, Status
from projections import finding, listing
from tests import examples as x
from tests.api.http import Http

Row = dict[str, Any]

SEVERITIES = [str(one) for one in Severity]
STATUSES = [str(one) for one in Status]
KEYS: dict[str, Callable[[Row], Any]] = {
    "type": lambda row: row["type"]["name"].lower(),
    "number": lambda row: row["number"],
    "application": lambda row: row["application"]["name"].lower(),
    "severity": lambda row: SEVERITIES.index(row["severity"]["key"]),
    "account": lambda row: row["account_name"].lower(),
    "subject": lambda row: row["subject"].lower(),
    "status": lambda row: STATUSES.index(row["status"]),
    "contact": lambda row: row["contact"]["name"].lower(),
    "created": lambda row: row["created_at"],
    "modified": lambda row: row["modified_at"],
}


def in_status(row: Row, value: list[str]) -> bool:
    is_open = row["status"] != "Closed"
    return "all" in value or row["status"] in value or ("open" in value and is_open)


def has(row: Row, value: list[str]) -> bool:
    return (row["assignee"]["id"] if row["assignee"] else "nobody") in value


TESTS: dict[str, Callable[[Row, Any], bool]] = {
    "status": in_status,
    "application": lambda row, value: row["application"]["key"] in value,
    "type": lambda row, value: row["type"]["key"] in value,
    "severity": lambda row, value: row["severity"]["key"] in value,
    "contact": lambda row, value: row["contact"]["id"] in value,
    "account": lambda row, value: row["account"] in value,
    "assignee": has,
    "team": lambda row, value: bool(row["team"]) and row["team"]["key"] in value,
    "tag": lambda row, value: bool(set(row["tags"]) & set(value)),
    "escalated": lambda row, value: (row["escalated_at"] is not None) is value,
    "close_requested": lambda row, value: ("close requested" in row["badges"]) is value,
    "resolution_proposed": lambda row, value: ("resolution proposed" in row["badges"]) is value,
    "awaiting": lambda row, value: any(
        badge.startswith("awaiting") and (one == "any" or badge.endswith(one))
        for badge in row["badges"]
        for one in value
    ),
    "customer_reference": lambda row, value: row["customer_reference"] == value,
}


def _some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


QUERIES = st.fixed_dictionaries(
    {"sort": st.sampled_from([*KEYS, *(f"-{key}" for key in KEYS)]), "limit": st.integers(1, 9)},
    optional={
        "status": _some("open", "all", *STATUSES),
        "application": _some("atlas", "bora", "unheard-of"),
        "type": _some("product-issue", "services"),
        "severity": _some(*SEVERITIES),
        "contact": _some(str(x.id_of(x.CLARA)), str(x.id_of(x.GINA))),
        "account": _some(str(x.ACME), str(x.GLOBEX)),
        "assignee": _some("nobody", str(x.id_of(x.ANNA)), str(x.id_of(x.ALAN))),
        "team": _some("network", "billing"),
        "tag": _some("vpn", "disk"),
        "escalated": st.booleans(),
        "close_requested": st.booleans(),
        "resolution_proposed": st.booleans(),
        "awaiting": _some("any", "customer", "third party"),
        "customer_reference": st.sampled_from(["PO 1", "PO 2"]),
    },
)


def test_every_column_that_can_be_sorted_by_is_tried() -> None:
    assert set(KEYS) == set(listing.SORTS)


@pytest.fixture(scope="module")
def many(asked: Http) -> Http:
    """Forty cases of two accounts that differ in everything."""
    for n in range(40):
        by = (x.CLARA, x.ADA, x.GINA)[n % 3]
        case = asked.raised(
            by,
            application=("atlas", "bora")[n % 2],
            type=("product-issue", "services")[n % 5 == 0],
            severity=SEVERITIES[n % 4],
            subject=f"{'äbÇd'[n % 4]} is slow {n % 7}",
            customer_reference=f"PO {n % 6}",
        )["id"]
        told: tuple[tuple[Actor, str, dict[str, Any]], ...] = (
            (x.ANNA, "assign", {"assignee": str(x.id_of((x.ANNA, x.ALAN)[n % 2]))}),
            (x.ANNA, "assign", {"team": ("network", "billing")[n % 2]}),
            (x.ANNA, "change-tags", {"add": [("vpn", "disk")[n % 2]]}),
            (by, "escalate", {"comment": "So."}),
            (by, "request-close", {"resolved_by": "own"}),
            (x.ANNA, "resolve", {"type": "other", "root_cause": "So.", "summary": "So."}),
            (x.ANNA, "await", {"awaited": ("customer", "third party")[n % 2]}),
            (x.ANNA, "close", {"reason": "So."}),
        )
        for m, (who, command, fields) in enumerate(told):
            if (n >> (m % 5)) % 3 == m % 3:
                asked.done(who, case, command, **fields)
    asked.shown()
    return asked


def page(http: Http, by: Actor, query: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    words = {k: json.dumps(v) if isinstance(v, bool) else v for k, v in query.items()}
    asks = urlencode({**words, **({"cursor": cursor} if cursor else {})}, doseq=True)
    answer = http.get(by, f"/cases?{asks}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_the_pages_together_are_what_was_asked_for_in_its_order(many: Http) -> None:
    everything = page(many, x.ANNA, {"status": "all", "limit": 100})["cases"]
    assert len(everything) == 40

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(QUERIES)
    def law(query: dict[str, Any]) -> None:
        tests = {"status": ["open"], **query}
        wanted = [
            row
            for row in everything
            if all(TESTS[k](row, v) for k, v in tests.items() if k in TESTS)
        ]
        key = KEYS[query["sort"].removeprefix("-")]
        wanted.sort(key=lambda row: (key(row), row["id"]), reverse=query["sort"].startswith("-"))
        there = page(many, x.ANNA, query)
        pages = [there]
        while there["next"]:
            pages.append(there := page(many, x.ANNA, query, there["next"]))
        assert [row for one in pages for row in one["cases"]] == wanted
        assert {(one["total"], one["total_is_exact"]) for one in pages} == {(len(wanted), True)}
        back = [pages[-1]]
        while back[-1]["prev"]:
            back.append(page(many, x.ANNA, query, back[-1]["prev"]))
        assert [one["cases"] for one in reversed(back)] == [one["cases"] for one in pages]
        assert pages[0]["prev"] is None

    law()


@pytest.mark.parametrize("sort", ["created", "-created", "number", "-number"])
def test_by_creation_or_number_no_case_comes_twice_and_none_is_skipped_while_others_write(
    http: Http, sort: str
) -> None:
    before = [http.raised()["number"] for _ in range(9)]
    http.shown()
    there = page(http, x.ANNA, {"sort": sort, "limit": 2})
    found = [row["number"] for row in there["cases"]]
    for number in before:  # a page for each, and new cases behind or before them all
        http.done(x.CLARA, number, "post", text="Any news?")
        http.raised()
        http.shown()
        if there["next"]:
            there = page(http, x.ANNA, {"sort": sort, "limit": 2}, there["next"])
            found += [row["number"] for row in there["cases"]]
    assert len(set(found)) == len(found)
    order = before[::-1] if sort.startswith("-") else before
    assert [number for number in found if number in before] == order


def test_a_customer_s_order_is_moved_by_nothing_internal(http: Http) -> None:
    first, second = http.raised(), http.raised()
    http.done(x.ANNA, first["id"], "note", text="A bug of ours.")
    http.shown()
    shown = [row["number"] for row in page(http, x.CLARA, {"sort": "-modified"})["cases"]]
    assert shown == [second["number"], first["number"]]
    desk = [row["number"] for row in page(http, x.ANNA, {"sort": "-modified"})["cases"]]
    assert desk == [first["number"], second["number"]]


def test_when_nothing_open_matches_the_closed_ones_are_counted(http: Http) -> None:
    case = http.raised(application="bora")
    http.done(x.ANNA, case["id"], "close", reason="Done.")
    http.raised()
    http.shown()
    told = page(http, x.CLARA, {"application": "bora"})
    assert (told["total"], told["closed_matches"], told["cases"]) == (0, 1, [])
    assert page(http, x.GINA, {"application": "bora"})["closed_matches"] == 0
    assert page(http, x.CLARA, {"application": "atlas"})["closed_matches"] is None
    assert page(http, x.CLARA, {"application": "bora", "status": "all"})["total"] == 1


def test_closed_ones_are_not_counted_where_more_match_than_are_counted(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        http.raised(subject="Zephyr")
    http.shown()
    for module in (listing, finding):
        monkeypatch.setattr(module, "MOST_COUNTED", 1)
    for asked in ({}, {"q": "zephyr"}):
        told = page(http, x.ANNA, asked)
        assert (told["total"], told["total_is_exact"], told["closed_matches"]) == (1, False, None)


@pytest.mark.parametrize(
    ("by", "query", "status", "kind"),
    [
        (x.CLARA, "tag=vpn", 403, "filter-for-the-desk"),
        (x.CLARA, f"account={x.ACME}", 403, "filter-for-the-desk"),
        (x.ADA, "assignee=nobody", 403, "filter-for-the-desk"),
        (x.ADA, "team=network", 403, "filter-for-the-desk"),
        (x.ANNA, "colour=red", 422, "invalid-request"),
        (x.ANNA, "sort=colour", 422, "invalid-request"),
        (x.ANNA, "limit=101", 422, "invalid-request"),
        (x.ANNA, "status=lost", 422, "invalid-request"),
        (x.ANNA, "cursor=nonsense", 400, "cursor-not-ours"),
    ],
)
def test_what_cannot_be_asked_is_said(
    many: Http, by: Actor, query: str, status: int, kind: str
) -> None:
    refused = many.get(by, f"/cases?{query}")
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{kind}")


def test_a_cursor_belongs_to_the_list_that_gave_it(many: Http) -> None:
    cursor = page(many, x.ANNA, {"sort": "severity", "limit": 2})["next"]
    for sort in ("-severity", "status", "created", "subject"):
        refused = many.get(x.ANNA, f"/cases?sort={sort}&cursor={cursor}")
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/cursor-not-ours")


def test_a_case_is_found_by_its_number_and_by_the_numbers_of_others(http: Http) -> None:
    case = http.raised(external_ids={"jira": "OPS:1"})
    http.raised(x.GINA, external_ids={"jira": "OPS:1"})
    http.done(x.ANNA, case["id"], "close", reason="Done.")
    http.shown()
    of_jira = {"external_id": "jira:OPS:1", "status": "all"}
    for query in ({"number": str(int(case["number"]))}, of_jira):
        assert [row["id"] for row in page(http, x.CLARA, query)["cases"]] == [case["id"]]
    assert page(http, x.ANNA, of_jira)["total"] == 2


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ({"max_age_days": 1}, 40),
        ({"min_age_days": 1}, 0),
        ({"min_age_days": 0}, 40),
        ({"created_before": "2020-01-01T00:00:00Z"}, 0),
        ({"created_after": "2020-01-01T00:00:00Z"}, 40),
    ],
)
def test_age_is_counted_in_days_since_creation(many: Http, query: Row, total: int) -> None:
    assert page(many, x.ANNA, {**query, "status": "all"})["total"] == total


def test_one_s_own_cases_are_asked_for_as_me(many: Http) -> None:
    mine = page(many, x.ANNA, {"assignee": "me", "status": "all", "limit": 100})["cases"]
    assert {row["assignee"]["name"] for row in mine} == {"Anna"}
    adas = page(many, x.ADA, {"contact": "me", "status": "all"})["cases"]
    assert {row["contact"]["name"] for row in adas} == {"Ada"}


def test_pages_by_number_are_the_pages_by_cursor(many: Http) -> None:
    """And from a page with a number one goes on by cursors, both ways."""
    query = "/cases?status=all&sort=subject&limit=3"
    by_cursor: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = many.get(x.ANNA, f"{query}&cursor={cursor}" if cursor else query).json()
        by_cursor.append([row["id"] for row in page["cases"]])
        cursor = page["next"]
    pages = [many.get(x.ANNA, f"{query}&page={n + 1}").json() for n in range(len(by_cursor))]
    assert [[row["id"] for row in page["cases"]] for page in pages] == by_cursor
    assert (pages[0]["prev"], pages[-1]["next"]) == (None, None)
    for before, page in pairwise(pages):
        behind = many.get(x.ANNA, f"{query}&cursor={before['next']}").json()["cases"]
        assert behind == page["cases"]
        back = many.get(x.ANNA, f"{query}&cursor={page['prev']}").json()["cases"]
        assert back == before["cases"]
    beyond = many.get(x.ANNA, f"{query}&page={len(pages) + 1}").json()
    assert (beyond["cases"], beyond["total"]) == ([], pages[0]["total"])


@pytest.mark.parametrize("query", ["page=0", "page=401", "page=101&limit=100", "page=x"])
def test_a_page_that_no_number_names_is_refused(many: Http, query: str) -> None:
    assert many.get(x.ANNA, f"/cases?{query}").status_code == 422


def test_a_page_is_named_in_one_way(many: Http) -> None:
    cursor = many.get(x.ANNA, "/cases?limit=1").json()["next"]
    refused = many.get(x.ANNA, f"/cases?limit=1&page=2&cursor={cursor}")
    assert refused.status_code == 422
    assert "not by both" in refused.text
