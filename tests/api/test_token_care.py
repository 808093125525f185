"""Tokens over HTTP: who makes them for whom, how they are rotated, and how they end."""

from typing import Any

import psycopg
import pytest
from httpx2 import Response

from api.auth import make_token
from domain.runtime.store import Store
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http
from tests.domain.runtime.test_store import on

CRM = {"person": str(x.CRM.id), "label": "CRM", "scopes": ["cases:read"]}


def made(http: Http, by: Actor, **body: object) -> dict[str, Any]:
    answer = http.post(by, "/tokens", {"label": "mine", **body})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def works(http: Http, token: str) -> bool:
    return http.get(None, "/me", authorization=f"Bearer {token}").status_code == 200


def problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_a_secret_is_shown_once_and_then_only_its_beginning_and_end(http: Http) -> None:
    token = made(http, x.CLARA, label="laptop", expires_in_days=30)
    assert works(http, token["token"])
    listed = http.get(x.CLARA, "/tokens")
    assert token["token"] not in listed.text
    (own,) = [one for one in listed.json() if one["id"] == token["id"]]
    secret = token["token"]
    assert own["hint"] == f"{secret[:6]}…{secret[-4:]}"
    assert (own["label"], own["kind"], own["revoked_at"]) == ("laptop", "token", None)
    assert own["used_at"] is not None


def test_a_rotated_token_lives_beside_its_successor_for_a_day_and_a_third_is_refused(
    http: Http,
) -> None:
    old = made(http, x.SUE, **CRM)
    new = http.post(x.SUE, f"/tokens/{old['id']}/rotate", {}).json()
    assert works(http, old["token"])
    assert works(http, new["token"])
    for one in (old, new):
        refused = http.post(x.SUE, f"/tokens/{one['id']}/rotate", {})
        assert problem(refused) == (409, "two-tokens-live")
    tokens = {one["id"]: one for one in http.get(x.SUE, f"/tokens?person={x.CRM.id}").json()}
    assert tokens[new["id"]]["replaces"] == old["id"]
    assert tokens[new["id"]]["scopes"] == ["cases:read"]
    with psycopg.connect(http.desk.settings.database_url) as conn:
        row = conn.execute(
            "SELECT expires_at < now() + interval '24 hours 1 minute' FROM desk.tokens"
            " WHERE id = %s",
            (old["id"],),
        ).fetchone()
    assert row == (True,)
    assert http.ask(x.SUE, "DELETE", f"/tokens/{old['id']}").status_code == 204
    assert not works(http, old["token"])
    assert http.post(x.SUE, f"/tokens/{new['id']}/rotate", {}).status_code == 201


@pytest.mark.parametrize(
    ("by", "person", "status"),
    [
        (x.SUE, x.CRM, 201),
        (x.SUE, x.BOT, 201),
        (x.ADA, x.CRM, 201),
        (x.SUE, x.ANNA, 404),  # it would be that person's word
        (x.SUE, x.CLARA, 404),
        (x.ADA, x.CLARA, 404),
        (x.ADA, x.BOT, 404),
        (x.GUS, x.CRM, 404),
        (x.CLARA, x.CRM, 404),
        (x.ANNA, x.BOT, 404),
        (x.AUDREY, x.BOT, 404),
    ],
)
def test_who_makes_a_token_for_whom(asked: Http, by: Actor, person: Actor, status: int) -> None:
    body = {**CRM, "person": str(person.id)}
    answer = asked.post(by, "/tokens", body)
    assert answer.status_code == status
    if status == 404:
        missing = asked.post(by, "/tokens", {**CRM, "person": str(x.named("nobody"))})
        assert missing.content == answer.content


def test_somebody_else_s_token_is_ended_like_one_that_is_not_there(http: Http) -> None:
    token = made(http, x.CLARA)
    missing = http.ask(x.ADA, "DELETE", f"/tokens/{x.named('nothing')}")
    foreign = http.ask(x.ADA, "DELETE", f"/tokens/{token['id']}")
    assert problem(foreign) == (404, "token-unknown")
    assert foreign.content == missing.content
    assert works(http, token["token"])
    assert http.ask(x.SUE, "DELETE", f"/tokens/{token['id']}").status_code == 204
    assert not works(http, token["token"])


def test_a_service_account_s_token_without_scopes_may_do_nothing(http: Http) -> None:
    secrets: list[str] = []

    async def work(store: Store) -> None:
        async with store.pool.connection() as conn:
            _id, secret = await make_token(
                conn, x.id_of(x.CRM), scopes=(), label="t", made_by="t", expires_at=None
            )
            secrets.append(secret)

    on(http.desk, work)
    bearer = f"Bearer {secrets[0]}"
    assert problem(http.get(None, "/cases", authorization=bearer)) == (403, "scope-missing")
    assert problem(http.get(None, "/tokens", authorization=bearer)) == (403, "no-scope-for-that")
    assert http.get(None, "/me", authorization=bearer).json()["scopes"] == []
