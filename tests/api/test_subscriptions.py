"""Webhooks over HTTP: who sets them, who is told of them, and what is told of them."""

from base64 import b64decode
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from api.auth import Scope
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http
from tests.api.test_scopes import with_token

NEW = {"url": "https://hooks.acme.com/casebook", "description": "Acme's CRM"}
OPERATIONS: list[tuple[str, str, object]] = [
    ("GET", "", None),
    ("PUT", "", NEW),
    ("POST", "/enable", None),
    ("POST", "/disable", None),
    ("POST", "/secret/rotate", None),
    ("POST", "/rewind", {"position": 0}),
    ("POST", "/test", None),
    ("GET", "/attempts", None),
    ("GET", "/parked", None),
    ("POST", f"/parked/{x.CASE}/retry", None),
    ("POST", f"/parked/{x.CASE}/skip", {"position": 1, "reason": "So."}),
]


def made(http: Http, by: Actor, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    answer = http.post(by, "/subscriptions", {**NEW, **fields})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(http: Http, by: Actor, **fields: Any) -> tuple[int, str]:  # noqa: ANN401  any JSON
    answer = http.post(by, "/subscriptions", {**NEW, **fields})
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.fixture(scope="module")
def of_ada(asked: Http) -> dict[str, Any]:
    return made(asked, x.ADA)


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
@pytest.mark.parametrize("by", [x.GUS, x.CLARA, x.ANNA])
def test_somebody_elses_is_answered_by_every_operation_like_one_that_is_not_there(
    asked: Http, of_ada: dict[str, Any], method: str, path: str, body: object, by: Actor
) -> None:
    theirs = asked.ask(by, method, f"/subscriptions/{of_ada['id']}{path}", body)
    missing = asked.ask(by, method, f"/subscriptions/{uuid4()}{path}", body)
    case = asked.ask(by, method, f"/subscriptions/{x.ACME}{path}", body)  # a document, but none
    assert theirs.status_code == missing.status_code == case.status_code == 404
    assert theirs.content == missing.content == case.content
    assert asked.get(x.ADA, f"/subscriptions/{of_ada['id']}").json()["state"] == "active"


def test_every_operation_on_a_subscription_is_asked_above(asked: Http) -> None:
    found = {
        (method.upper(), path.removeprefix("/api/v1/subscriptions/{subscription}"))
        for path, methods in asked.client.get("/openapi.json").json()["paths"].items()
        for method in methods
        if "{subscription}" in path
    }
    asked_for = {(m, p.replace(str(x.CASE), "{stream}")) for m, p, _ in OPERATIONS}
    assert found == asked_for


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
def test_auditors_read_all_and_change_nothing(
    asked: Http, of_ada: dict[str, Any], method: str, path: str, body: object
) -> None:
    answer = asked.ask(x.AUDREY, method, f"/subscriptions/{of_ada['id']}{path}", body)
    assert answer.status_code == (200 if method == "GET" else 403)


def test_each_is_listed_for_whoever_looks_after_it(asked: Http, of_ada: dict[str, Any]) -> None:
    def listed() -> dict[Actor, set[str]]:
        some = (x.ADA, x.GUS, x.SUE, x.AUDREY, x.CRM, x.BOT)
        return {by: {one["id"] for one in asked.get(by, "/subscriptions").json()} for by in some}

    before = listed()
    of_crm, of_gus = made(asked, x.SUE, owner=str(x.CRM.id)), made(asked, x.GUS)
    of_bot = made(asked, x.SUE, owner=str(x.BOT.id), internal=True)
    seen = listed()
    everything = {one["id"] for one in (of_ada, of_crm, of_gus, of_bot)}
    assert {of_ada["id"], of_crm["id"]} <= seen[x.ADA]
    assert not {of_gus["id"], of_bot["id"]} & seen[x.ADA]
    assert everything <= seen[x.SUE] == seen[x.AUDREY]
    assert seen[x.CRM] - before[x.CRM] == {of_crm["id"]}
    assert seen[x.BOT] - before[x.BOT] == {of_bot["id"]}
    for by in (x.CLARA, x.ANNA):
        assert asked.get(by, "/subscriptions").status_code == 403
        assert refused(asked, by) == (403, "role-may-not")


def test_no_word_of_what_is_refused_tells_who_is_there(asked: Http) -> None:
    strangers = [str(x.id_of(x.GUS)), str(uuid4())]
    for field, kind in (("owner", "owner-may-not"), ("account", "account-unknown")):
        named = [*strangers, str(x.GLOBEX)]
        answers = {asked.post(x.ADA, "/subscriptions", {**NEW, field: one}).text for one in named}
        assert len(answers) == 1
        assert kind in answers.pop()


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"types": ["case.created", "case.exploded"]}, 422, "type-unknown"),
        ({"url": "http://hooks.acme.com"}, 422, "invalid-request"),
        ({"url": "https://u:p@hooks.acme.com"}, 422, "invalid-request"),
        ({"internal": True}, 422, "internal-for-the-desk"),
        ({"secret": "whsec_mine"}, 422, "invalid-request"),
        ({"types": ["x"] * 101}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_a_sentence(
    asked: Http, fields: dict[str, Any], status: int, kind: str
) -> None:
    assert refused(asked, x.ADA, **fields) == (status, kind)


def test_the_secret_is_shown_once_and_stands_nowhere(asked: Http) -> None:
    new = made(asked, x.ADA)
    secret = new["secret"]
    assert secret.startswith("whsec_")
    assert len(secret) >= len("whsec_") + 32
    path = f"/subscriptions/{new['id']}"
    rotated = asked.post(x.ADA, f"{path}/secret/rotate", {}).json()["secret"]
    assert rotated != secret
    for answer in (asked.get(x.ADA, path), asked.get(x.SUE, "/subscriptions")):
        assert "whsec_" not in answer.text
    with psycopg.connect(asked.desk.settings.database_url) as conn:
        rows = conn.execute("SELECT wrapped FROM desk.subscription_secrets").fetchall()
    assert all(b64decode(secret.removeprefix("whsec_")) not in bytes(row[0]) for row in rows)


def test_repeated_under_its_key_it_is_the_same_subscription_and_no_secret(asked: Http) -> None:
    first = asked.post(x.ADA, "/subscriptions", NEW, idempotency_key="once")
    again = asked.post(x.ADA, "/subscriptions", NEW, idempotency_key="once")
    assert again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "secret": None}
    other = asked.post(x.ADA, "/subscriptions", {**NEW, "description": "x"}, idempotency_key="once")
    assert other.json()["type"] == "/problems/command-id-taken"


def test_it_is_set_as_a_document_with_a_version(asked: Http) -> None:
    new = made(asked, x.ADA, types=["case.closed"])
    path = f"/subscriptions/{new['id']}"
    assert asked.get(x.ADA, path).headers["etag"] == '"1"'
    changed = asked.ask(x.ADA, "PUT", path, {**NEW, "types": ["case.created"]}, if_match='"1"')
    assert (changed.json()["types"], changed.json()["version"]) == (["case.created"], 2)
    stale = asked.ask(x.ADA, "PUT", path, NEW, if_match='"1"')
    assert stale.status_code == 412
    events = asked.get(x.AUDREY, "/events?type=subscription.set&limit=1000").json()["events"]
    versions = [one["version"] for one in events if one["subject"] == new["id"]]
    assert versions == [1, 2]


def test_disabled_and_enabled_it_keeps_its_place(asked: Http) -> None:
    new = made(asked, x.ADA)
    path = f"/subscriptions/{new['id']}"
    disabled = asked.post(x.ADA, f"{path}/disable", {}).json()
    assert disabled["state"] == "disabled"
    enabled = asked.post(x.ADA, f"{path}/enable", {}).json()
    assert (enabled["state"], enabled["position"]) == ("active", new["position"])


def test_a_service_account_needs_the_scope_for_it(asked: Http) -> None:
    others = [scope for scope in Scope if scope is not Scope.SUBSCRIPTIONS_WRITE]
    lacking = with_token(asked, x.CRM, others)("POST", "/subscriptions", NEW)
    assert lacking.json()["type"] == "/problems/scope-missing"
    ask = with_token(asked, x.CRM, [Scope.SUBSCRIPTIONS_WRITE])
    new = ask("POST", "/subscriptions", NEW)
    assert (new.status_code, new.json()["owner"]) == (201, str(x.CRM.id))
    blind = with_token(asked, x.BOT, [Scope.SUBSCRIPTIONS_WRITE])
    internal = blind("POST", "/subscriptions", {**NEW, "internal": True})
    assert internal.json()["type"] == "/problems/internal-for-the-desk"
    for_clara = ask("POST", "/subscriptions", NEW, on_behalf_of=str(x.CLARA.id))
    assert for_clara.json()["type"] == "/problems/role-may-not"
