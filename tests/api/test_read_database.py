"""Reads from a standby: it lags, is told nothing by NOTIFY, and may not LISTEN."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from httpx2 import Response
from psycopg.conninfo import conninfo_to_dict

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from domain.runtime.settings import Settings
from tests import examples as x
from tests.api.http import Http, serving
from tests.deploy.running import new_folder, within
from tests.deploy.test_restore import shell
from tests.desks import Desk

PAUSED = "SELECT pg_get_wal_replay_pause_state()"


@pytest.fixture
def standby(desk: Desk, postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A standby of the run's server, fed by it."""
    with new_folder() as folder:
        copy = EmbeddedPostgres(folder / "pg", fsync="off", max_connections="200")
        copied = "pg_basebackup --checkpoint=fast --write-recovery-conf --username=postgres"
        given = {"PGHOST": str(postgres.sockets), "PROGRAMS": str(postgres._programs())}
        assert shell(tmp_path, f"{copied} --pgdata={copy.data}", **given).status == 0
        copy._give(copy.home, copy.data, *copy.data.rglob("*"))
        copy.start()
        yield copy
        copy.stop()


@pytest.fixture
def http(desk: Desk, standby: EmbeddedPostgres) -> Iterator[Http]:
    name = str(conninfo_to_dict(desk.settings.database_url)["dbname"])
    given = desk.settings.model_dump() | {"read_url": standby.url(name, SERVICE)}
    with serving(Desk(Settings.model_validate(given), desk.tokens)) as http:
        yield http


def test_a_read_that_waits_waits_for_a_standby_that_lags(
    http: Http, standby: EmbeddedPostgres
) -> None:
    case = http.raised()
    http.shown()
    with psycopg.connect(standby.url("postgres"), autocommit=True) as there:
        there.execute("SELECT pg_wal_replay_pause()")
        assert within(10, lambda: there.execute(PAUSED).fetchone() == ("paused",))
        written = http.done(x.CLARA, case["id"], "post", text="Hello.")
        http.shown()

        def shown(at_least: int) -> Response:
            path = f"/cases/{case['id']}"
            return http.get(x.CLARA, path, at_least=str(at_least))

        late = shown(written["position"])
        assert (late.status_code, late.json()["type"]) == (503, "/problems/not-yet-there")
        assert shown(written["position"] + 1).status_code == 400
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(shown, written["position"])
            there.execute("SELECT pg_wal_replay_resume()")
            answer = waiting.result(20)
    assert (answer.status_code, answer.json()["version"]) == (200, written["version"])
