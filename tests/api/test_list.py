"""The list: what is asked for, page by page, while others write."""

from collections.abc import Callable

import psycopg
import pytest

from domain.values import Actor, Status
from tests import examples as x
from tests.api.http import Http


def numbers(http: Http, query: str = "", by: Actor = x.ANNA) -> list[str]:
    answer = http.get(by, f"/cases{query}")
    assert answer.status_code == 200, answer.text
    listed = answer.json()
    found = [case["number"] for case in listed["cases"]]
    assert listed["total"] == len(found)
    assert (listed["total_is_exact"], listed["next"]) == (True, None)
    return found


@pytest.fixture(scope="module")
def some(asked: Http) -> dict[str, str]:
    """A case in every status, and what its number is; changed in this order."""
    made: dict[str, str] = {}
    for status in Status:
        bora = {"application": "bora"} if status is Status.CLOSED else {}
        case = asked.raised(x.CLARA, severity="critical" if bora else "low", **bora)
        if status is not Status.UNASSIGNED:
            asked.done(x.ANNA, case["id"], "take")
        if status is Status.ESCALATED:
            asked.done(x.CLARA, case["id"], "escalate", comment="Orders are lost.")
        if status is Status.CLOSED:
            asked.done(x.ANNA, case["id"], "close", reason="Done.")
        made[status] = case["number"]
    asked.shown()
    return made


def test_open_cases_are_shown_unless_others_are_asked_for(
    asked: Http, some: dict[str, str]
) -> None:
    newest_first = [some[status] for status in reversed(Status)]
    assert numbers(asked) == numbers(asked, "?status=open") == newest_first[1:]
    assert numbers(asked, "?status=all") == newest_first


@pytest.mark.parametrize("status", Status)
def test_each_status_that_is_shown_can_be_asked_for(
    asked: Http, some: dict[str, str], status: Status
) -> None:
    assert numbers(asked, f"?status={status}") == [some[status]]
    assert numbers(asked, f"?status={status}", x.CLARA) == [some[status]]
    assert numbers(asked, f"?status={status}", x.GUS) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?application=atlas", ["Escalated", "In Progress", "Unassigned"]),
        ("?application=bora", []),
        ("?application=bora&status=all", ["Closed"]),
        ("?severity=critical&status=all", ["Closed"]),
        ("?severity=low&status=Escalated&application=atlas", ["Escalated"]),
        ("?severity=urgent&status=all", []),
        ("?application=unheard-of&status=all", []),
    ],
)
def test_filters_are_put_together(
    asked: Http, some: dict[str, str], query: str, expected: list[str]
) -> None:
    assert numbers(asked, query) == [some[status] for status in expected]


def test_a_line_of_the_list_is_the_head_in_short(asked: Http, some: dict[str, str]) -> None:
    (line,) = asked.get(x.CLARA, "/cases?status=Escalated").json()["cases"]
    head = asked.seen(x.CLARA, some["Escalated"])
    assert line == {field: head[field] for field in line}
    assert line["application"] == {"key": "atlas", "name": "Atlas"}


def walked(
    http: Http, by: Actor, query: str, between: Callable[[], None] = lambda: None
) -> list[list[str]]:
    """All pages, with something that happens between each two."""
    pages, cursor = [], ""
    while True:
        listed = http.get(by, f"/cases?{query}{cursor}").json()
        pages.append([case["number"] for case in listed["cases"]])
        if listed["next"] is None:
            return pages
        assert len(pages) < 20, "it never ends"
        cursor = f"&cursor={listed['next']}"
        between()


@pytest.mark.parametrize(("by", "count"), [(x.CLARA, 50), (x.ANNA, 51)])
def test_pages_of_25_have_each_case_once_while_others_write(
    http: Http, by: Actor, count: int
) -> None:
    cases = [http.raised(x.CLARA) for _ in range(50)]
    extra = [http.raised(x.GINA) for _ in range(count - 50)]
    http.shown()

    def others_write() -> None:
        """New cases, and old ones that are changed: those move to the front."""
        http.raised(x.CLARA)
        http.done(x.CLARA, cases[-1]["id"], "post", text="More.")
        http.done(x.ANNA, cases[0]["id"], "note", text="Hm.")
        http.shown()

    pages = walked(http, by, "status=all", others_write)
    sizes = [len(page) for page in pages]
    assert sizes[0] == 25
    assert all(size == 25 for size in sizes[:-1])
    found = [number for page in pages for number in page]
    assert len(set(found)) == len(found), "none twice"
    # The desk's list goes by a change that Clara knows nothing of; hers does not.
    moved = {cases[0]["number"]} if by is x.ANNA else set()
    assert {case["number"] for case in cases + extra} - moved == set(found) - moved
    newest_first = sorted(set(found), reverse=True)
    assert [n for n in found if n != cases[-1]["number"]] == [
        n for n in newest_first if n != cases[-1]["number"]
    ]


def test_a_full_last_page_has_no_next(http: Http) -> None:
    for _ in range(25):
        http.raised(x.CLARA)
    http.shown()
    listed = http.get(x.CLARA, "/cases").json()
    assert (len(listed["cases"]), listed["total"], listed["next"]) == (25, 25, None)
    http.raised(x.CLARA)
    http.shown()
    assert [len(page) for page in walked(http, x.CLARA, "status=open")] == [25, 1]
    assert http.get(x.CLARA, "/cases").json()["total"] == 26


def test_cases_that_changed_at_the_same_instant_are_walked_once_each(http: Http) -> None:
    for _ in range(30):
        http.raised(x.CLARA)
    http.shown()
    with psycopg.connect(http.desk.settings.database_url) as conn:
        conn.execute("UPDATE read.cases SET modified_at = now(), public_modified_at = now()")
    for by in (x.CLARA, x.ANNA):
        pages = walked(http, by, "status=open")
        assert [len(page) for page in pages] == [25, 5]
        assert len({number for page in pages for number in page}) == 30
