"""Whether a process lives, whether it is ready, what it can do, and what it logs."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import psycopg
import pytest
import structlog
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from domain import commands as c
from domain.runtime import logs
from tests import examples as x
from tests.api.http import API, CREATE, Http
from tests.conftest import Database
from tests.deploy.running import within

SECRET = "hunter2hunter2"


def ready(http: Http) -> tuple[int, dict[str, str]]:
    answer = http.client.get("/readyz")
    return answer.status_code, answer.json()


def test_a_ready_process_says_so(http: Http) -> None:
    assert http.client.get("/livez").json() == {"status": "alive"}
    assert ready(http) == (200, {"status": "ready"})


@contextmanager
def closed_to_the_service(database: Database) -> Iterator[None]:
    """The database takes no connections, and has none."""
    name = str(conninfo_to_dict(database.url)["dbname"])
    elsewhere = make_conninfo(database.owner_url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        terminated(owner, name)
        yield
        owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def terminated(owner: Connection[TupleRow], name: str) -> None:
    owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = %s AND pid <> pg_backend_pid()",
        [name],
    )


def test_without_its_database_a_process_lives_and_is_not_ready(
    http: Http, database: Database
) -> None:
    http.raised()
    with closed_to_the_service(database):
        status, told = ready(http)
        assert (status, told["because"]) == (503, "The database does not answer.")
        assert http.client.get("/livez").status_code == 200
        away = http.get(x.CLARA, "/cases")
        assert (away.status_code, away.json()["type"]) == (503, "/problems/database-away")
        assert int(away.headers["retry-after"]) >= 1
        assert away.headers["content-type"] == "application/problem+json"
    assert within(20, lambda: ready(http)[0] == 200)
    assert http.raised()["version"] == 1


def test_the_release_before_serves_on_while_a_newer_one_is_rolled_out(
    http: Http, database: Database
) -> None:
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("INSERT INTO casebook_migrations VALUES ('9999_to_come', 'x')")
    assert ready(http) == (200, {"status": "ready"})
    assert http.raised()["version"] == 1


def test_a_read_model_that_stopped_is_named_and_takes_no_process_away(http: Http) -> None:
    case = http.raised()
    http.shown()
    with psycopg.connect(http.desk.settings.database_url) as conn:
        conn.execute(
            "UPDATE read.models SET failed_at = now(), failure = 'KeyError: x' WHERE name = 'cases'"
        )
    status, told = ready(http)
    assert (status, told["status"]) == (200, "ready")
    assert "'cases' stopped at position" in told["because"]
    assert http.get(x.CLARA, f"/cases/{case['id']}").status_code == 200
    assert http.done(x.CLARA, case["id"], "post", text="Hello.")["version"] == 2


def test_a_log_that_cannot_be_written_is_told_and_written_later(
    http: Http, database: Database
) -> None:
    """As on a server that became a standby: a command waits, and is carried out once."""
    path = f"/cases/{http.raised()['id']}/post"
    name = str(conninfo_to_dict(database.url)["dbname"])
    answers: list[int] = []

    def posted() -> bool:
        post = {"text": "Hello."}
        answers.append(http.post(x.CLARA, path, post, idempotency_key="k").status_code)
        return answers[-1] == 200

    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        terminated(owner, name)
        waiting = threading.Thread(target=within, args=(40, posted))
        waiting.start()
        assert within(10, lambda: ready(http) == (503, not_written()))
        # That it was used could not be noted of this token.
        assert http.get(x.ADA, "/cases").status_code == 503
        owner.execute("SET default_transaction_read_only = off")
        owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
        terminated(owner, name)
        waiting.join(60)
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200
    assert within(10, lambda: ready(http)[0] == 200)
    assert len(http.events(x.SUE, path.split("/")[2])) == 2


def not_written() -> dict[str, str]:
    return {"status": "not ready", "because": "The log cannot be written."}


def test_the_description_has_each_route_and_how_to_sign_in(asked: Http) -> None:
    answer = asked.client.get("/openapi.json")
    described = json.loads(answer.content)
    assert described["openapi"].startswith("3.")
    scheme = described["components"]["securitySchemes"]["token"]
    assert scheme == {"type": "http", "scheme": "bearer"}
    paths = described["paths"]
    commands = [k for k in get_args(c.CaseCommand) if k not in {c.Create, c.Erase, c.Forget}]
    for command in commands:
        post = paths[f"{API}/cases/{{case}}/{command.path()}"]["post"]
        assert post["security"] == [{"token": []}]
        reference = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert reference == f"#/components/schemas/{command.__name__}"
        headers = {one["name"] for one in post["parameters"] if one["in"] == "header"}
        assert headers == {"Idempotency-Key", "If-Match", "On-Behalf-Of", "Request-Id"}
    documents = ("accounts/{account}", "people/{person}", "calendars/{calendar}")
    for path in (*documents, "catalogue", "service-levels"):
        assert set(paths[f"{API}/{path}"]) == {"get", "put"}
    assert set(paths[f"{API}/cases"]) == {"get", "post"}
    assert {f"{API}/cases/{{case}}", f"{API}/cases/{{case}}/events"} <= set(paths)
    for methods in paths.values():
        for described_as in methods.values():
            assert described_as["description"], "each says what it is for"


def test_every_reference_of_the_description_leads_somewhere(asked: Http) -> None:
    answer = asked.client.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    named = {part.partition('"')[0] for part in answer.text.split("#/components/schemas/")[1:]}
    assert named <= set(schemas)


@pytest.fixture
def logged(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What a process of ours would have logged, in the format given."""
    root = logging.getLogger()
    before, level, configuration = root.handlers, root.level, structlog.get_config()
    logs.configure(request.param)
    said = io.StringIO()
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(said)
    yield said
    root.handlers, root.level = before, level
    structlog.configure(**configuration)


@pytest.mark.parametrize("logged", ["console", "json"], indirect=True)
def test_a_failure_is_logged_without_what_was_sent(
    logged: io.StringIO, http: Http, database: Database
) -> None:
    case = http.raised(subject=SECRET)["id"]
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("DROP TABLE log.unchanged CASCADE")
    failed = http.do(x.CLARA, case, "post", text=SECRET)
    assert (failed.status_code, failed.json()["type"]) == (500, "/problems/unexpected-error")
    assert SECRET not in failed.text
    said = logged.getvalue()
    assert "request_failed" in said
    assert "UndefinedTable" in said
    for secret in (SECRET, http.desk.token(x.CLARA), http.desk.settings.master_key_bytes.hex()):
        assert secret not in said
    assert CREATE["description"] not in said
