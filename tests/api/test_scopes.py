"""What a token may be used for, and for whom a service account may act."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from httpx2 import Response

from api.auth import Scope
from domain.values import Actor
from tests import examples as x
from tests.api.http import CREATE, Http

CLARAS = str(x.id_of(x.CLARA))
READ, WRITE, NOTES = Scope.CASES_READ, Scope.CASES_WRITE, Scope.NOTES_READ
Ask = Callable[..., Response]


def with_token(http: Http, person: Actor, scopes: Sequence[Scope]) -> Ask:
    """Asks with a new token of these scopes."""
    maker = x.SUE if person in {x.CRM, x.BOT} else person
    body = {"person": str(person.id), "label": "test", "scopes": [*scopes]}
    made = http.post(maker, "/tokens", body)
    assert made.status_code == 201, made.text
    bearer = f"Bearer {made.json()['token']}"

    def ask(method: str, path: str, body: object = None, **headers: str) -> Response:
        return http.ask(None, method, path, body, authorization=bearer, **headers)

    return ask


@pytest.mark.parametrize(
    ("method", "path", "body", "needed"),
    [
        ("GET", "/cases", None, READ),
        ("GET", "/cases/changes", None, READ),
        ("GET", "/cases/1", None, READ),
        ("GET", "/cases/1/events", None, READ),
        ("GET", "/people", None, READ),
        ("GET", "/catalogue", None, READ),
        ("GET", f"/people/{CLARAS}", None, READ),
        ("POST", "/cases", CREATE, WRITE),
        ("POST", "/cases/1/post", {"text": "So."}, WRITE),
        ("POST", "/cases/bulk", {"ids": ["1"], "command": {"watch": {}}}, WRITE),
    ],
)
def test_a_token_with_scopes_does_what_they_say_and_no_more(
    asked: Http, method: str, path: str, body: object, needed: Scope
) -> None:
    others = with_token(asked, x.CLARA, [scope for scope in Scope if scope is not needed])
    refused = others(method, path, body)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/scope-missing")
    challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
    assert refused.headers["www-authenticate"] == challenge
    assert with_token(asked, x.CLARA, [needed])(method, path, body).status_code != 403
    assert with_token(asked, x.CLARA, [])(method, path, body).status_code != 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"/people/{CLARAS}", x.PEOPLE[x.id_of(x.CLARA)].model_dump(mode="json")),
        ("GET", "/tokens", None),
        ("POST", "/tokens", {"label": "more"}),
        ("POST", f"/people/{CLARAS}/invite", {}),
        ("POST", f"/people/{CLARAS}/deactivate", {}),
    ],
)
def test_no_scope_covers_tokens_people_and_what_the_desk_is_set_to(
    asked: Http, method: str, path: str, body: object
) -> None:
    refused = with_token(asked, x.SUE, [*Scope])(method, path, body)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-scope-for-that")


def test_a_service_account_needs_a_scope(asked: Http) -> None:
    refused = asked.post(x.SUE, "/tokens", {"person": str(x.CRM.id), "label": "none"})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/scopes-required")


def test_without_the_scope_for_notes_the_desk_s_service_is_shown_nothing_internal(
    http: Http,
) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "note", text="A bug of ours.")
    http.done(x.ANNA, case, "change-tags", add=["vpn"])
    http.shown()
    blind, seeing = (with_token(http, x.BOT, [READ, *more]) for more in ([], [NOTES]))
    (line,) = blind("GET", "/cases").json()["cases"]
    assert (line["version"], line["tags"]) == (1, None)
    assert [one["withheld"] for one in blind("GET", f"/cases/{case}/events").json()] == [
        False,
        True,
        True,
    ]
    assert blind("GET", "/cases?tag=vpn").status_code == 403
    (line,) = seeing("GET", "/cases?tag=vpn").json()["cases"]
    assert (line["version"], line["tags"]) == (3, ["vpn"])
    agent = with_token(http, x.ANNA, [READ])("GET", f"/cases/{case}").json()
    assert (agent["version"], agent["tags"]) == (1, None)


def test_a_service_account_acts_for_a_person_of_its_account_and_events_keep_both(
    http: Http,
) -> None:
    ask = with_token(http, x.CRM, [READ, WRITE])
    claras, adas = http.raised(x.CLARA), http.raised(x.ADA)
    http.shown()
    assert ask("GET", "/cases").json()["total"] == 2
    assert ask("GET", "/cases", on_behalf_of=CLARAS).json()["total"] == 1
    assert ask("GET", f"/cases/{adas['id']}", on_behalf_of=CLARAS).status_code == 404
    posted = ask("POST", f"/cases/{claras['id']}/post", {"text": "So."}, on_behalf_of=CLARAS)
    assert posted.status_code == 200
    last = http.events(x.ANNA, claras["id"])[-1]
    assert (last["by"]["id"], last["via"]) == (CLARAS, str(x.CRM.id))
    made = ask("POST", "/cases", CREATE, on_behalf_of=CLARAS)
    assert http.seen(x.ANNA, made.json()["id"])["contact"]["name"] == "Clara"


@pytest.mark.parametrize(
    ("service", "person"),
    [
        (x.CRM, x.GINA),
        (x.CRM, x.ANNA),
        (x.CRM, x.CHRIS),
        (x.CRM, x.CRM),
        (x.BOT, x.SUE),
        (x.BOT, x.AUDREY),
        (x.BOT, x.CLARA),
        (x.CLARA, x.ADA),
        (x.SUE, x.ANNA),
    ],
)
def test_for_nobody_else_and_that_is_told_like_somebody_who_is_not_there(
    asked: Http, service: Actor, person: Actor
) -> None:
    ask = with_token(asked, service, [READ])
    refused = ask("GET", "/cases", on_behalf_of=str(person.id))
    nobody = ask("GET", "/cases", on_behalf_of=str(x.named("nobody")))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-on-their-behalf")
    assert refused.content == nobody.content
    assert ask("GET", "/cases", on_behalf_of="Clara").status_code == 400


def test_the_desk_s_service_acts_for_an_agent(http: Http) -> None:
    case = http.raised()["id"]
    ask = with_token(http, x.BOT, [WRITE])
    taken = ask("POST", f"/cases/{case}/take", {}, on_behalf_of=str(x.id_of(x.ANNA)))
    assert taken.json()["status"] == "In Progress"
    assert http.seen(x.ALAN, case)["assignee"]["name"] == "Anna"


def test_me_says_whose_token_it_is_and_what_it_may_be_used_for(asked: Http) -> None:
    ask = with_token(asked, x.CRM, [READ, WRITE])
    told: dict[str, Any] = ask("GET", "/me", on_behalf_of=CLARAS).json()
    assert (told["name"], told["role"], told["account_name"]) == ("CRM", "customer", "Acme")
    assert (told["on_behalf_of"], told["scopes"]) == (CLARAS, ["cases:read", "cases:write"])
    own = asked.get(x.SUE, "/me").json()
    assert (own["name"], own["scopes"], own["account"]) == ("Sue", None, None)
    assert own["token_hint"].startswith("cb_")
