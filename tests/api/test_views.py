"""Lists that somebody keeps, and those that each role has: with counts of what is in them."""

from typing import Any
from uuid import uuid4

import pytest

from domain.values import Actor
from tests import examples as x
from tests.api.http import Http


@pytest.fixture(scope="module")
def desk(asked: Http) -> Http:
    """A case in each of the states that a shipped view is about."""
    taken, escalated, waiting, requested, closed, worded = (
        asked.raised(x.CLARA, subject=subject)["number"]
        for subject in ("Taken", "Escalated", "Waiting", "Requested", "Closed", "Worded")
    )
    asked.raised(x.CLARA, subject="Fresh")
    asked.raised(x.GINA, subject="Foreign")
    for case in (taken, escalated, waiting, requested, closed, worded):
        asked.done(x.ANNA, case, "take")
    asked.done(x.CLARA, escalated, "escalate", comment="So.")
    asked.done(x.ANNA, waiting, "await", awaited="customer")
    asked.done(x.CLARA, requested, "request-close", resolved_by="own")
    asked.done(x.ANNA, closed, "close", reason="Silence.")
    asked.done(x.CLARA, worded, "request-close", resolved_by="own")
    asked.done(x.ANNA, worded, "close")
    asked.shown()
    return asked


def views(http: Http, by: Actor) -> dict[str, dict[str, Any]]:
    answer = http.get(by, "/views")
    assert answer.status_code == 200, answer.text
    return {view["name"]: view for view in answer.json()}


def kept(http: Http, by: Actor, **view: object) -> dict[str, Any]:
    answer = http.post(by, "/views", {"name": "Mine", **view})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        (
            x.ANNA,
            {
                "My open cases": 4,
                "Unassigned": 2,
                "Escalated": 1,
                "Awaiting me": 3,
                "Close requested": 1,
                "Can still be reopened": 2,
                "Closed without the customer's word": 1,
            },
        ),
        (
            x.CLARA,
            {
                "My open cases": 5,
                "Escalated": 1,
                "Awaiting me": 1,
                "Resolution proposed": 0,
                "Can still be reopened": 2,
            },
        ),
        (
            x.ADA,
            {
                "My open cases": 0,
                "Escalated": 1,
                "Awaiting me": 0,
                "Resolution proposed": 0,
                "Can still be reopened": 2,
                "Open cases of the company": 5,
            },
        ),
        (x.GINA, {"My open cases": 1, "Escalated": 0, "Can still be reopened": 0}),
        (x.AUDREY, {"Unassigned": 2, "Escalated": 1, "Can still be reopened": 2}),
    ],
)
def test_each_role_has_its_views_from_the_start(
    desk: Http, by: Actor, counts: dict[str, int]
) -> None:
    found = views(desk, by)
    assert {name: found[name]["count"] for name in counts} == counts
    for view in (found[name] for name in counts):
        listed = desk.get(by, f"/cases?{view['query']}").json()
        assert (view["count"], view["count_is_exact"]) == (listed["total"], True), view
        assert (view["yours"], view["shared"], view["problem"]) == (False, False, None)


def test_a_list_is_kept_with_its_filter_columns_and_order(desk: Http) -> None:
    query = "severity=standard&q=taken type:%22product issue%22&sort=-created"
    view = kept(desk, x.ANNA, query=query, columns=["number", "tags"])
    assert view["count"] == 1
    assert views(desk, x.ANNA)["Mine"] == view
    assert "Mine" not in views(desk, x.ALAN)
    changed = {"name": "Ours", "query": "q=größe", "columns": []}
    answer = desk.ask(x.ANNA, "PUT", f"/views/{view['id']}", changed)
    assert answer.status_code == 200, answer.text
    assert views(desk, x.ANNA)["Ours"]["query"] == "q=größe"
    assert desk.ask(x.ANNA, "DELETE", f"/views/{view['id']}").status_code == 204
    assert "Ours" not in views(desk, x.ANNA)


def test_a_shared_view_is_the_accounts_or_the_desks_and_its_owners_to_change(desk: Http) -> None:
    ours = kept(desk, x.ADA, name="Acme", query="contact=me", shared=True)
    theirs = kept(desk, x.SUE, name="Desk", query="assignee=me", shared=True)
    assert (ours["count"], views(desk, x.CLARA)["Acme"]["count"]) == (0, 5), "me is who looks"
    assert views(desk, x.CLARA)["Acme"]["yours"] is False
    assert views(desk, x.ANNA)["Desk"]["count"] == 4
    for by, name in ((x.GINA, "Acme"), (x.ANNA, "Acme"), (x.CLARA, "Desk"), (x.GINA, "Desk")):
        assert name not in views(desk, by)
    for by, view in ((x.CLARA, ours), (x.GINA, ours), (x.ANNA, theirs), (x.SUE, ours)):
        missing = desk.ask(by, "PUT", f"/views/{uuid4()}", {"name": "Mine"})
        changed = desk.ask(by, "PUT", f"/views/{view['id']}", {"name": "Mine"})
        removed = desk.ask(by, "DELETE", f"/views/{view['id']}")
        assert (changed.status_code, changed.content) == (404, missing.content)
        assert removed.status_code == 404
    for by in (x.CLARA, x.ANNA, x.AUDREY):
        refused = desk.post(by, "/views", {"name": "All", "shared": True})
        assert (refused.status_code, refused.json()["title"]) == (403, "Role may not")


@pytest.mark.parametrize(
    ("view", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "Mine", "query": "severity=bad"}, 422),
        ({"name": "Mine", "query": "colour=red"}, 422),
        ({"name": "Mine", "query": "q=is:nil"}, 422),
        ({"name": "Mine", "query": "tag=vip"}, 403),
        ({"name": "Mine", "columns": ["tags"]}, 403),
        ({"name": "Mine", "columns": ["nothing"]}, 422),
        ({"name": "Mine", "query": "q=" + "a" * 2_000}, 422),
    ],
)
def test_what_could_not_be_read_as_a_list_is_not_kept(
    desk: Http, view: dict[str, object], status: int
) -> None:
    answer = desk.post(x.CLARA, "/views", view)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_view_that_can_no_longer_be_read_says_why(desk: Http) -> None:
    kept(desk, x.CARL, name="Of Carl", query="q=contact:carl")
    carl = x.PEOPLE[x.id_of(x.CARL)]
    renamed = carl.model_copy(update={"name": "Somebody", "email": "some@acme.com"})
    path = f"/people/{x.id_of(x.CARL)}"
    assert desk.ask(x.SUE, "PUT", path, renamed.model_dump(mode="json")).is_success
    desk.shown()
    view = views(desk, x.CARL)["Of Carl"]
    assert (view["count"], view["problem"]) == (
        None,
        "contact:carl: there is no person 'carl'",
    )
    assert desk.ask(x.SUE, "PUT", path, carl.model_dump(mode="json")).is_success


def test_nobody_keeps_more_than_fifty(desk: Http) -> None:
    for number in range(50):
        kept(desk, x.GUS, name=f"View {number}")
    answer = desk.post(x.GUS, "/views", {"name": "One more"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Too many views")


def test_the_application_chosen_last_and_the_columns_are_kept(desk: Http) -> None:
    assert desk.get(x.CLARA, "/me/list").json() == {"application": None, "columns": []}
    chosen = {"application": "atlas", "columns": ["subject", "number"]}
    for wanted in (chosen, {"application": None, "columns": ["number"]}, chosen):
        assert desk.ask(x.CLARA, "PUT", "/me/list", wanted).json() == wanted
        assert desk.get(x.CLARA, "/me/list").json() == wanted
    assert desk.get(x.ADA, "/me/list").json()["application"] is None
    assert desk.ask(x.CLARA, "PUT", "/me/list", {"columns": ["tags"]}).status_code == 403


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("reopenable=true", {"Closed", "Worded"}),
        ("reopenable=false&status=Closed", set()),
        ("reopenable=false&assignee=nobody", {"Fresh", "Foreign"}),
        ("customers_word=true", {"Worded"}),
        ("customers_word=false", {"Closed"}),
        ("customers_word=false&status=open", set()),
        ("awaiting=none&assignee=me", {"Taken", "Escalated", "Requested"}),
        (
            "awaiting=customer&awaiting=none&assignee=me",
            {"Taken", "Escalated", "Requested", "Waiting"},
        ),
        ("awaiting=any&awaiting=none&assignee=nobody", {"Fresh", "Foreign"}),
    ],
)
def test_the_filters_of_the_shipped_views(desk: Http, query: str, subjects: set[str]) -> None:
    found = desk.get(x.ANNA, f"/cases?{query}").json()["cases"]
    assert {case["subject"] for case in found} == subjects
