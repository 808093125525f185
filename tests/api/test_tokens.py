"""A bearer token: whose it is, how long it is good, and what is kept of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from api.auth import FRESH_SECONDS, make_token
from domain.runtime.store import Store
from domain.values import Role
from tests import examples as x
from tests.api.http import Http
from tests.deploy.running import within
from tests.desks import Desk
from tests.domain.runtime.test_store import on


@pytest.fixture
def tokens(desk: Desk) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(desk.settings.database_url, autocommit=True) as conn:
        yield conn


def made(desk: Desk, expires_at: datetime | None) -> str:
    found: list[str] = []

    async def work(store: Store) -> None:
        async with store.pool.connection() as conn:
            _id, secret = await make_token(
                conn,
                x.id_of(x.CLARA),
                scopes=(),
                label="test",
                made_by="test",
                expires_at=expires_at,
            )
            found.append(secret)

    on(desk, work)
    return found[0]


def status(http: Http, token: str) -> int:
    return http.get(None, "/cases", authorization=f"Bearer {token}").status_code


def test_a_token_is_good_until_it_expires(http: Http) -> None:
    now = datetime.now(UTC)
    assert status(http, made(http.desk, now + timedelta(minutes=1))) == 200
    assert status(http, made(http.desk, now)) == 401
    soon = made(http.desk, datetime.now(UTC) + timedelta(seconds=0.6))
    assert status(http, soon) == 200
    assert within(10, lambda: status(http, soon) == 401)


def test_a_revoked_token_is_good_for_five_more_seconds_at_most(
    http: Http, tokens: Connection[TupleRow]
) -> None:
    assert FRESH_SECONDS <= 5
    used, unused = http.desk.token(x.CLARA), http.desk.token(x.ADA)
    assert status(http, used) == 200
    tokens.execute("UPDATE desk.tokens SET revoked_at = now()")
    assert status(http, unused) == 401
    assert within(FRESH_SECONDS + 2, lambda: status(http, used) == 401)


@pytest.mark.parametrize("person", [x.CHRIS, x.AXEL])
def test_whoever_is_inactive_is_refused(http: Http, person: Any) -> None:  # noqa: ANN401  an actor
    assert http.get(person, "/cases").status_code == 401


def test_a_role_is_what_the_person_has_now(http: Http) -> None:
    case = http.raised(x.ADA)["id"]
    carl = x.PEOPLE[x.id_of(x.CARL)]
    path = f"/people/{x.id_of(x.CARL)}"
    assert http.get(x.CARL, f"/cases/{case}/events").status_code == 404
    admin = carl.model_copy(update={"role": Role.CUSTOMER_ADMIN}).model_dump(mode="json")
    assert http.ask(x.SUE, "PUT", path, admin).status_code == 200
    assert http.get(x.CARL, f"/cases/{case}/events").status_code == 200
    gone = carl.model_copy(update={"active": False}).model_dump(mode="json")
    assert http.ask(x.SUE, "PUT", path, gone).status_code == 200
    assert http.get(x.CARL, f"/cases/{case}/events").status_code == 401


def test_of_a_token_only_its_digest_is_kept_and_when_it_was_used(
    http: Http, tokens: Connection[TupleRow]
) -> None:
    secret = http.desk.token(x.CLARA)
    assert status(http, secret) == 200
    rows = tokens.execute("SELECT t::text, used_at FROM desk.tokens t").fetchall()
    assert not any(secret in row[0] for row in rows)
    assert [row[1] for row in rows if row[1]], "one was used"
    assert len([row for row in rows if row[1]]) == 1
