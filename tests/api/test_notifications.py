"""What one was told, over HTTP: as far as one may still see it; what is read; preferences."""

import json
import threading
import time
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from domain.values import Actor
from tests import examples as x
from tests.api.http import Http
from tests.api.test_scopes import NOTES, READ, with_token
from tests.api.test_streaming import parsed
from tests.consumers.notifying import notified


def told(http: Http) -> None:
    """Everybody is told of everything, and the read models have it."""
    notified(http.desk)
    http.shown()


def listed(http: Http, by: Actor, query: str = "") -> dict[str, Any]:
    answer = http.get(by, f"/notifications{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kinds(http: Http, by: Actor) -> list[str]:
    return [one["kind"] for one in listed(http, by)["notifications"]]


def a_case(http: Http) -> str:
    """Raised by Clara, had by Anna, with a post of hers, a note of Alan's and an escalation."""
    case: str = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    http.done(x.ANNA, case, "post", text="Which version?")
    http.done(x.ALAN, case, "note", text="A bug of ours.")
    http.done(x.CLARA, case, "escalate", comment="We lose orders.")
    return case


def test_one_is_told_in_sentences_the_newest_first_and_what_is_unread(http: Http) -> None:
    case = a_case(http)
    told(http)
    found = listed(http, x.ANNA)
    assert [(o["kind"], o["by"]["name"]) for o in found["notifications"]] == [
        ("escalated", "Clara"),
        ("note", "Alan"),
    ]
    first = found["notifications"][0]
    assert first["sentence"] == "escalated it (other): We lose orders."
    assert (first["case"], first["relation"], first["read_at"]) == (case, "assignee", None)
    assert found["unread"] == 2
    assert kinds(http, x.CLARA) == ["post", "assigned"]


def test_pages_go_on_where_the_one_before_ended(http: Http) -> None:
    a_case(http)
    told(http)
    page = listed(http, x.ANNA, "?limit=1")
    rest = listed(http, x.ANNA, f"?limit=1&cursor={page['next']}")
    ids = [one["id"] for one in (*page["notifications"], *rest["notifications"])]
    assert ids == [one["id"] for one in listed(http, x.ANNA)["notifications"]]
    assert rest["next"] is None
    assert http.get(x.ANNA, "/notifications?cursor=nonsense").status_code == 400


def test_one_or_all_are_read_and_nobody_elses(http: Http) -> None:
    a_case(http)
    told(http)
    newest, older = listed(http, x.ANNA)["notifications"]
    path = f"/notifications/{older['id']}/read"
    assert http.post(x.ALAN, path, {}).status_code == 404
    assert http.post(x.ANNA, f"/notifications/{uuid4()}/read", {}).status_code == 404
    assert http.post(x.ANNA, path, {}).json() == {"unread": 1}
    assert http.post(x.ANNA, path, {}).json() == {"unread": 1}
    (left,) = listed(http, x.ANNA, "?only=unread")["notifications"]
    assert left["id"] == newest["id"]
    before = {"through": newest["position"] - 1}
    assert http.post(x.ANNA, "/notifications/read-all", before).json() == {"unread": 1}
    assert http.post(x.ANNA, "/notifications/read-all", {}).json() == {"unread": 0}
    assert listed(http, x.CLARA)["unread"] == 2


def test_what_was_made_internal_is_told_to_customers_no_longer(http: Http) -> None:
    case = a_case(http)
    told(http)
    (post,) = [one for one in listed(http, x.CLARA)["notifications"] if one["kind"] == "post"]
    entry = next(o for o in http.events(x.ANNA, case) if o["type"] == "case.posted")
    http.done(x.ANNA, case, "make-internal", entry=entry["data"]["entry"])
    told(http)
    assert kinds(http, x.CLARA) == ["assigned"]
    assert listed(http, x.CLARA)["unread"] == 1
    assert http.post(x.CLARA, f"/notifications/{post['id']}/read", {}).status_code == 404


def test_a_case_that_one_sees_no_longer_is_not_told_of(http: Http) -> None:
    case: str = http.raised(x.ADA, contact=str(x.id_of(x.CLARA)))["id"]
    http.done(x.ANNA, case, "post", text="Which version?")
    told(http)
    assert kinds(http, x.CLARA) == ["post", "created"]
    http.done(x.ANNA, case, "change-details", contact=str(x.id_of(x.CARL)))
    told(http)
    assert listed(http, x.CLARA) == {"notifications": [], "unread": 0, "next": None}


def test_a_token_without_the_scope_for_notes_is_told_of_none(http: Http) -> None:
    a_case(http)
    told(http)
    blind, seeing = (with_token(http, x.ANNA, [READ, *more]) for more in ([], [NOTES]))
    assert [o["kind"] for o in blind("GET", "/notifications").json()["notifications"]] == [
        "escalated"
    ]
    assert blind("GET", "/notifications").json()["unread"] == 1
    assert seeing("GET", "/notifications").json()["unread"] == 2
    assert blind("POST", "/notifications/read-all", {}).status_code == 403


def test_words_that_were_redacted_are_not_told(http: Http) -> None:
    case = a_case(http)
    http.done(x.SUE, case, "redact", version=3, reason="A secret.")
    told(http)
    (post,) = [one for one in listed(http, x.CLARA)["notifications"] if one["kind"] == "post"]
    assert post["sentence"] == "posted: [redacted]"


@pytest.mark.parametrize("reader", [x.ANNA, x.SUE, x.AUDREY])
def test_the_desk_and_auditors_read_who_was_told_of_a_case(http: Http, reader: Actor) -> None:
    case = a_case(http)
    http.done(x.CLARA, case, "change-recipients", add=["rob@acme.com"])
    told(http)
    page = http.get(reader, f"/cases/{case}/deliveries?limit=3").json()
    rest = http.get(reader, f"/cases/{case}/deliveries?cursor={page['next']}").json()
    found = [*page["deliveries"], *rest["deliveries"]]
    assert rest["next"] is None
    assert len({one["id"] for one in found}) == len(found)
    rob = next(one for one in found if one["recipient"] == "rob@acme.com")
    assert (rob["relation"], rob["channel"], rob["kind"]) == ("cc", "email", "added")
    assert (rob["state"], rob["attempts"], rob["name"]) == ("waiting", [], None)
    noted = next(one for one in found if one["kind"] == "note")
    assert noted["name"] == "Anna"


def test_customers_do_not_read_who_was_told(http: Http) -> None:
    case = a_case(http)
    told(http)
    assert http.get(x.CLARA, f"/cases/{case}/deliveries").status_code == 403
    assert http.get(x.GINA, f"/cases/{case}/deliveries").status_code == 404
    blind = with_token(http, x.ANNA, [READ])("GET", f"/cases/{case}/deliveries").json()
    assert "note" not in {one["kind"] for one in blind["deliveries"]}


def test_preferences_are_kept_and_a_wrong_one_is_said(asked: Http) -> None:
    shipped = {"off": [], "digest": "off", "own_acts": False}
    assert asked.get(x.CARL, "/me/preferences").json() == shipped
    rule = {"channel": "email", "kind": "post", "relation": None}
    wanted = {"off": [rule], "digest": "hourly", "own_acts": True}
    assert asked.ask(x.CARL, "PUT", "/me/preferences", wanted).json() == wanted
    assert asked.get(x.CARL, "/me/preferences").json() == wanted
    assert asked.get(x.CLARA, "/me/preferences").json() == shipped
    refused = asked.ask(x.CARL, "PUT", "/me/preferences", {"off": [{"channel": "pigeon"}]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/off/0/channel"


def messages(answer: Response) -> list[dict[str, Any]]:
    return [json.loads(one["data"]) for one in parsed(answer.text) if "data" in one]


def test_the_stream_begins_with_what_is_unread(http: Http) -> None:
    a_case(http)
    told(http)
    answer = http.get(x.ANNA, "/notifications/stream?most=1")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert messages(answer) == [listed(http, x.ANNA, "?only=unread&limit=10")]


def test_the_stream_tells_what_comes_and_what_is_read_elsewhere(http: Http) -> None:
    a_case(http)
    told(http)
    found: list[Response] = []

    def reads() -> None:
        found.append(http.get(x.ANNA, "/notifications/stream?most=3"))

    reader = threading.Thread(target=reads)
    reader.start()
    time.sleep(0.5)
    case: str = http.raised()["id"]
    http.done(x.CLARA, case, "post", text="@Anna, look.")
    told(http)
    time.sleep(1.0)
    http.post(x.ANNA, "/notifications/read-all", {})
    reader.join(20)
    first, second, third = messages(found[0])
    assert (first["unread"], second["unread"], third["unread"]) == (2, 3, 0)
    assert second["notifications"][0]["kind"] == "mention"
