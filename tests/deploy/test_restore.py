"""The restore drill of docs/operations.md, word for word, onto a second server."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from domain.runtime.database import connect
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from projections.follower import READ_MODELS
from tests.conftest import Database
from tests.deploy.described import PROGRAMS, ROOT
from tests.deploy.running import new_folder, within
from tests.deploy.test_operations import block
from tests.desks import MASTER_KEY, Desk, settings_for
from tests.domain.runtime.test_store import raised
from tests.projections.following import head, positions, projected, rows

ROLES = ROOT / "deploy/postgres-roles.sh"


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


def shell(folder: Path, script: str, typed: str = "", **given: str) -> Said:
    """What a person at a terminal is told, who has Casebook's programs and these settings."""
    ours = {name: v for name, v in os.environ.items() if not name.startswith("CASEBOOK_")}
    path = os.pathsep.join([given.pop("PROGRAMS", ""), str(PROGRAMS), ours["PATH"]])
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**ours, "CASEBOOK_MASTER_KEY": MASTER_KEY, **given, "PATH": path},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def urls(database: Database) -> dict[str, str]:
    return {"CASEBOOK_DATABASE_URL": database.url, "CASEBOOK_OWNER_URL": database.owner_url}


def epochs(url: str) -> list[tuple[int, int]]:
    """Each epoch of the log and the position that it began after; the last one holds."""
    with psycopg.connect(url) as conn:
        known = conn.execute("SELECT epoch, after FROM log.epochs ORDER BY epoch").fetchall()
        (now,) = conn.execute("SELECT epoch FROM log.identity").fetchone() or (0,)
    assert now == known[-1][0]
    return known


def a_case(settings: Settings) -> int:
    """Raises one, and gives its number."""

    async def work() -> int:
        async with asyncio.timeout(60), open_store(settings, "casebook test") as store:
            return int((await raised(store)).case.number)

    return asyncio.run(work())


def doctor(folder: Path, settings: Settings) -> Said:
    return shell(folder, block("drill: check"), CASEBOOK_DATABASE_URL=settings.database_url)


@contextmanager
def followed(settings: Settings, folder: Path) -> Iterator[None]:
    """The follower of this database runs."""
    given = {
        "CASEBOOK_DATABASE_URL": settings.database_url,
        "CASEBOOK_MASTER_KEY": settings.master_key.get_secret_value(),
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "projections"], env={**os.environ, **given}, cwd=folder
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that knows nothing of Casebook but its roles, made as Compose makes them."""
    (tmp_path / "postgres_service_password").write_text("a pass'word")
    script = ROLES.read_text().replace("/run/secrets", str(tmp_path))
    with new_folder() as folder:
        server = EmbeddedPostgres(folder / "pg", fsync="off")
        server.start()
        try:
            with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
                conn.execute("CREATE DATABASE casebook")
            given = {"POSTGRES_USER": "postgres", "POSTGRES_DB": SERVICE}
            given |= {"PGHOST": str(server.sockets), "PROGRAMS": str(server._programs())}
            assert shell(folder, script, **given).status == 0
            yield server
        finally:
            server.stop()


def test_the_drill_of_the_handbook_works_word_for_word(
    desk: Desk, database: Database, elsewhere: EmbeddedPostgres, tmp_path: Path
) -> None:
    programs = str(elsewhere._programs())
    kept = a_case(desk.settings)
    projected(desk.settings)
    until, shown = head(desk.settings), rows(desk.settings)
    backup = shell(tmp_path, block("drill: backup"), PROGRAMS=programs, **urls(database))
    assert (backup.status, backup.err) == (0, "")
    lost = [a_case(desk.settings) for _ in range(3)]

    settings = settings_for(elsewhere.url(SERVICE, SERVICE))
    restore = shell(
        tmp_path,
        block("drill: restore"),
        PROGRAMS=programs,
        RESTORED_OWNER_URL=elsewhere.url(SERVICE),
        RESTORED_DATABASE_URL=settings.database_url,
    )
    assert (restore.status, restore.err) == (0, "")
    assert f"begins after position {until}; it was epoch 1." in restore.out
    assert epochs(settings.database_url) == [(1, 0), (2, until)]
    assert (head(settings), rows(settings)) == (until, shown)
    assert a_case(settings) > max(*lost, kept + 10_000)
    assert head(settings) == until + 1 < head(desk.settings)

    assert "Nobody follows the log." in doctor(tmp_path, settings).out
    with followed(settings, tmp_path):
        assert within(30, lambda: doctor(tmp_path, settings).status == 0)
    after = rows(settings)
    assert len(after["cases"]) == 2
    with connect(elsewhere.url(SERVICE), "test", autocommit=True) as owner:
        owner.execute("TRUNCATE read.models, read.cases, read.access")
    projected(settings)
    assert rows(settings) == after


def test_a_copy_of_the_files_goes_on_in_a_new_epoch_too(
    desk: Desk, database: Database, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """As the operator of a cluster restores it: a base backup, and the WAL up to its end."""
    a_case(desk.settings)
    until, programs = head(desk.settings), postgres._programs()
    with new_folder() as folder:
        copy = EmbeddedPostgres(folder / "pg", fsync="off")
        copied = f"pg_basebackup --checkpoint=fast --pgdata={copy.data} --username=postgres"
        given = {"PGHOST": str(postgres.sockets), "PROGRAMS": str(programs)}
        assert shell(tmp_path, copied, **given).status == 0
        lost = a_case(desk.settings)
        copy._give(copy.home, copy.data, *copy.data.rglob("*"))
        copy.start()
        try:
            name = str(conninfo_to_dict(database.url)["dbname"])
            settings = settings_for(copy.url(name, SERVICE))
            restored = Database(owner_url=copy.url(name), url=settings.database_url)
            said = shell(tmp_path, "casebook restored --yes", **urls(restored))
            assert said.status == 0, said.err
            assert epochs(settings.database_url) == [(1, 0), (2, until)]
            assert a_case(settings) > lost
            assert (head(settings), head(desk.settings)) == (until + 1, until + 1)
        finally:
            copy.stop()


def test_a_new_epoch_is_asked_for(database: Database, tmp_path: Path) -> None:
    for typed in ("n\n", ""):
        said = shell(tmp_path, "casebook restored", typed, **urls(database))
        assert said.status != 0
        assert "Was it, and go on?" in said.out
        assert epochs(database.url) == [(1, 0)]
    said = shell(tmp_path, "casebook restored", "y\n", **urls(database))
    assert (said.status, epochs(database.url)) == (0, [(1, 0), (2, 0)])


def test_only_the_owner_begins_an_epoch(database: Database, tmp_path: Path) -> None:
    as_service = {**urls(database), "CASEBOOK_OWNER_URL": database.url}
    said = shell(tmp_path, "casebook restored --yes", **as_service)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("casebook may not begin an epoch: set CASEBOOK_OWNER_URL ")
    assert epochs(database.url) == [(1, 0)]


def test_a_database_without_the_schema_is_told_what_it_needs(
    empty_database: Database, tmp_path: Path
) -> None:
    said = shell(tmp_path, "casebook restored --yes", **urls(empty_database))
    assert (said.status, said.err) == (2, "The database lacks a migration: casebook migrate.\n")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("DELETE FROM log.events WHERE notification_id = 2", "The log ends at {head} and has "),
        (
            "UPDATE log.events SET originator_version = 7 WHERE notification_id = {head}",
            "Stream {stream} lacks a version",
        ),
    ],
)
def test_a_log_that_is_not_whole_begins_no_epoch(
    desk: Desk, database: Database, tmp_path: Path, broken: str, why: str
) -> None:
    a_case(desk.settings)
    end = head(desk.settings)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE log.events DISABLE TRIGGER append_only")
        owner.execute(broken.format(head=end).encode())
        (stream,) = owner.execute(
            "SELECT originator_id FROM log.events WHERE notification_id = %s", [end]
        ).fetchone() or ("",)
    said = shell(tmp_path, "casebook restored --yes", **urls(database))
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(why.format(head=end, stream=stream))
    assert epochs(database.url) == [(1, 0)]


def test_numbers_that_may_have_been_given_are_passed_over(
    desk: Desk, database: Database, tmp_path: Path
) -> None:
    a_case(desk.settings)
    with psycopg.connect(database.owner_url) as owner:
        (given,) = owner.execute("SELECT last_value FROM log.case_numbers").fetchone() or (0,)
    said = shell(tmp_path, "casebook restored --yes --skip-numbers 5", **urls(database))
    assert f"Case numbers up to {given + 5:08} are not given again." in said.out
    assert a_case(desk.settings) == given + 6


def test_read_models_that_show_more_than_the_log_has_are_made_again(
    desk: Desk, database: Database, tmp_path: Path
) -> None:
    a_case(desk.settings)
    projected(desk.settings)
    end, shown = head(desk.settings), rows(desk.settings)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("UPDATE read.models SET position = position + 7 WHERE name = 'cases'")
        owner.execute("UPDATE read.cases SET subject = 'Of a case that was lost'")
    told = doctor(tmp_path, desk.settings)
    assert f"The read model 'cases' is at {end + 7}, beyond the head {end}." in told.out
    assert "->  casebook restored" in told.out
    said = shell(tmp_path, "casebook restored --yes", **urls(database))
    assert said.out.splitlines()[-1] == "Made again from the log: cases."
    there = {name: at for name, (at, _) in positions(desk.settings).items()}
    assert there == {**dict.fromkeys(READ_MODELS, end), "cases": 0}
    projected(desk.settings)
    assert rows(desk.settings) == shown


def test_which_epochs_there_were_cannot_be_changed(database: Database) -> None:
    for statement in ("UPDATE log.epochs SET after = 1", "DELETE FROM log.epochs"):
        with (
            psycopg.connect(database.owner_url) as owner,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            owner.execute(statement.encode())
    with (
        psycopg.connect(database.url) as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        service.execute("INSERT INTO log.epochs (epoch, after, by) VALUES (9, 9, 'x')")
