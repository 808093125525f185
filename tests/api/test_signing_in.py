"""Signing in: a link is good once, a password gives a session, and nothing tells who is known."""

import threading
from typing import Any

import psycopg
import pytest
from httpx2 import Response

from api.signing_in import NOBODYS
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http

PASSWORD = "four words make a sentence"
CLARAS = str(x.id_of(x.CLARA))


def link(http: Http, person: Actor = x.CLARA) -> str:
    made = http.post(x.SUE, f"/people/{x.id_of(person)}/invite", {})
    assert made.status_code == 201, made.text
    secret: str = made.json()["secret"]
    assert made.json()["link"].endswith(f"/welcome/{secret}")
    return secret


def set_password(http: Http, secret: str, password: str = PASSWORD) -> Response:
    return http.post(None, "/passwords", {"secret": secret, "password": password})


def sign_in(http: Http, email: str, password: str = PASSWORD) -> Response:
    return http.post(None, "/sessions", {"email": email, "password": password})


def problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


@pytest.fixture
def ready(http: Http) -> Http:
    """Clara has a password."""
    http.shown()
    assert set_password(http, link(http)).status_code == 204
    return http


def test_a_password_gives_a_session_that_does_what_the_person_may(ready: Http) -> None:
    session = sign_in(ready, "Clara@ACME.com")
    assert session.status_code == 201
    bearer = f"Bearer {session.json()['token']}"
    me = ready.get(None, "/me", authorization=bearer).json()
    assert (me["id"], me["token_kind"], me["scopes"]) == (CLARAS, "session", None)
    listed = ready.get(None, "/tokens", authorization=bearer).json()
    assert [one["kind"] for one in listed] == ["session", "token"]
    (own,) = [one for one in listed if one["id"] == me["token"]]
    gone = ready.ask(None, "DELETE", f"/tokens/{own['id']}", authorization=bearer)
    assert gone.status_code == 204
    assert ready.get(None, "/me", authorization=bearer).status_code == 401


def test_a_link_is_good_once(http: Http) -> None:
    secret = link(http)
    answers: list[Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(set_password(http, secret)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]


def test_a_newer_link_ends_the_older_one_and_a_day_ends_both(http: Http) -> None:
    old, new = link(http), link(http)
    assert problem(set_password(http, old)) == (404, "link-unknown")
    with psycopg.connect(http.desk.settings.database_url) as conn:
        conn.execute("UPDATE desk.invitations SET expires_at = now() WHERE expires_at > now()")
    assert problem(set_password(http, new)) == (404, "link-unknown")


def test_a_new_password_ends_the_sessions_and_not_the_tokens(ready: Http) -> None:
    session = sign_in(ready, "clara@acme.com").json()["token"]
    assert set_password(ready, link(ready), "another sentence of five words").status_code == 204
    assert ready.get(None, "/me", authorization=f"Bearer {session}").status_code == 401
    assert ready.get(x.CLARA, "/me").status_code == 200
    assert problem(sign_in(ready, "clara@acme.com")) == (401, "not-signed-in")


@pytest.mark.parametrize(
    ("password", "must"),
    [
        ("too short", "have 15 to 200 characters"),
        ("a" * 15, "have 6 different characters at least"),
        ("i love casebook so much", "not contain the name of this service"),
        ("clara is my name indeed", "not contain one's own address"),
    ],
)
def test_a_password_that_is_guessed_easily_leaves_the_link_good(
    http: Http, password: str, must: str
) -> None:
    secret = link(http)
    refused = set_password(http, secret, password)
    assert problem(refused) == (422, "password-refused")
    assert refused.json()["detail"] == f"The password must {must}."
    assert set_password(http, secret).status_code == 204


def test_whether_somebody_has_an_address_is_not_told(ready: Http) -> None:
    def told(answer: Response) -> Any:  # noqa: ANN401  what is compared
        return answer.status_code, answer.content

    wrong = {"password": "a wrong one of good length"}
    for _ in range(5):
        known, unknown = (
            sign_in(ready, email, **wrong) for email in ("clara@acme.com", "nobody@acme.com")
        )
        without = sign_in(ready, "ada@acme.com", **wrong)
        assert told(known) == told(unknown) == told(without)
        assert problem(known) == (401, "not-signed-in")
    paused = [sign_in(ready, email) for email in ("clara@acme.com", "nobody@acme.com")]
    assert [problem(one) for one in paused] == [(429, "sign-in-paused")] * 2
    assert all(0 < int(one.headers["retry-after"]) <= 15 for one in paused)
    with psycopg.connect(ready.desk.settings.database_url) as conn:
        conn.execute("UPDATE desk.sign_ins SET until = now()")
    assert sign_in(ready, "clara@acme.com").status_code == 201
    assert problem(sign_in(ready, "clara@acme.com", **wrong)) == (401, "not-signed-in")


def test_of_passwords_and_links_only_hashes_are_kept(ready: Http) -> None:
    secret = link(ready)
    with psycopg.connect(ready.desk.settings.database_url) as conn:
        kept = str(conn.execute("SELECT p::text FROM desk.passwords p").fetchall())
        kept += str(conn.execute("SELECT i::text FROM desk.invitations i").fetchall())
    work = "$argon2id$v=19$m=19456,t=2,p=1$"
    assert work in kept
    assert NOBODYS.startswith(work), "an unknown address would be told by the time it takes"
    assert PASSWORD not in kept
    assert secret not in kept


@pytest.mark.parametrize("by", [x.CLARA, x.ADA, x.ANNA, x.AUDREY])
def test_only_support_admins_invite(asked: Http, by: Actor) -> None:
    refused = asked.post(by, f"/people/{CLARAS}/invite", {})
    assert problem(refused) == (403, "role-may-not")


@pytest.mark.parametrize("person", [x.CHRIS, x.CRM])
def test_nobody_is_invited_who_cannot_sign_in(asked: Http, person: Actor) -> None:
    refused = asked.post(x.SUE, f"/people/{x.id_of(person)}/invite", {})
    assert problem(refused) == (404, "document-unknown")


def test_the_page_of_a_link_sets_the_password_without_a_script(http: Http) -> None:
    secret = link(http)
    page = http.client.get(f"/welcome/{secret}")
    assert '<form method="post">' in page.text
    assert "<script" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    refused = http.client.post(f"/welcome/{secret}", data={"password": "short"})
    assert (refused.status_code, "15 to 200 characters" in refused.text) == (422, True)
    http.shown()
    done = http.client.post(f"/welcome/{secret}", data={"password": PASSWORD})
    assert (done.status_code, "Your password is set" in done.text) == (200, True)
    again = http.client.post(f"/welcome/{secret}", data={"password": PASSWORD})
    assert (again.status_code, "not good any more" in again.text) == (404, True)
    assert sign_in(http, "clara@acme.com").status_code == 201
