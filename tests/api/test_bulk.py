"""One command for many cases: each is done, or refused, by itself."""

from typing import Any
from uuid import uuid4

import pytest

from domain.values import Actor
from tests import examples as x
from tests.api.http import Http


def bulk(
    http: Http, by: Actor, ids: list[str], command: dict[str, Any], **headers: str
) -> list[dict[str, Any]]:
    answer = http.post(by, "/cases/bulk", {"ids": ids, "command": command}, **headers)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [one["id"] for one in results] == ids
    return results


def test_each_case_has_its_own_result_as_it_would_have_alone(http: Http) -> None:
    clara, gina, closed = http.raised(), http.raised(x.GINA), http.raised()
    http.done(x.ANNA, closed["id"], "close", reason="Done.")
    ids = [clara["number"], gina["id"], closed["id"], str(uuid4())]
    results = bulk(http, x.CLARA, ids, {"escalate": {"comment": "We lose orders."}})
    assert [one["status"] for one in results] == [200, 404, 409, 404]
    assert results[0]["answer"]["status"] == "Escalated"
    assert results[0]["answer"]["allowed"]["request-close"] is None
    assert results[1]["problem"] == results[3]["problem"]
    assert results[2]["problem"]["type"] == "/problems/case-closed"
    alone = http.do(x.CLARA, closed["id"], "escalate", comment="We lose orders.").json()
    assert results[2]["problem"] == alone


def test_a_hundred_cases_are_escalated_in_one_request(http: Http) -> None:
    ids = [http.raised()["id"] for _ in range(100)]
    results = bulk(http, x.ANNA, ids, {"change-severity": {"severity": "critical"}})
    assert {one["status"] for one in results} == {200}
    refused = http.post(x.ANNA, "/cases/bulk", {"ids": [*ids, ids[0]], "command": {"take": {}}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/ids")


def test_a_case_that_is_named_twice_is_written_to_once(http: Http) -> None:
    case = http.raised()
    bulk(http, x.CLARA, [case["id"], case["number"]], {"post": {"text": "Any news?"}})
    assert len(http.events(x.CLARA, case["id"])) == 2


def test_the_whole_request_may_be_sent_again(http: Http) -> None:
    ids = [http.raised()["id"] for _ in range(2)]
    post = {"post": {"text": "Any news?"}}
    first = bulk(http, x.CLARA, ids, post, idempotency_key="k")
    again = bulk(http, x.CLARA, ids, post, idempotency_key="k")
    assert [one["answer"]["position"] for one in again] == [
        one["answer"]["position"] for one in first
    ]
    other = bulk(http, x.CLARA, ids, {"post": {"text": "Other."}}, idempotency_key="k")
    assert {one["problem"]["type"] for one in other} == {"/problems/command-id-taken"}


@pytest.mark.parametrize(
    ("command", "pointer"),
    [
        ({}, "#/command"),
        ({"take": {}, "watch": {}}, "#/command"),
        ({"create": {}}, "#/command/create"),
        ({"erase": {"reason": "So."}}, "#/command/erase"),
        ({"escalate": {}}, "#/command/escalate/comment"),
        ({"request-close": {"resolved_by": "me"}}, "#/command/request-close/resolved_by"),
        ({"request_close": {"resolved_by": "own"}}, "#/command/request_close"),
    ],
)
def test_what_is_not_one_command_says_where(
    asked: Http, command: dict[str, Any], pointer: str
) -> None:
    refused = asked.post(x.CLARA, "/cases/bulk", {"ids": ["1"], "command": command})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_version_belongs_to_one_case(asked: Http) -> None:
    body = {"ids": ["1"], "command": {"take": {}}}
    refused = asked.post(x.ANNA, "/cases/bulk", body, if_match='"1"')
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/header-refused")
