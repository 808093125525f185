"""One PostgreSQL for the run, one migrated template, one database for each test that asks."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import hypothesis
import psycopg
import pytest

from deploy.local.kafka import KafkaUnavailable
from deploy.local.postgres import OWNER, SERVICE, EmbeddedPostgres
from domain.runtime.database import migrate
from tests.api.http import Http, serving
from tests.brokers import Running
from tests.desks import FILES, Desk, a_desk, settings_for

TEST_ALL = bool(os.environ.get("CASEBOOK_TEST_ALL"))

hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if TEST_ALL else "laptop")


@dataclass(frozen=True)
class Database:
    """A migrated, empty database of one test alone."""

    owner_url: str
    url: str
    """As the service's role: may read the log and append to it."""


def require(program: str, *others: str) -> str:
    """The path of the first program found; without any the test is skipped, and fails in CI."""
    for path in filter(None, map(shutil.which, (program, *others))):
        return path
    reason = f"{program} is not installed"
    if TEST_ALL:
        pytest.fail(reason)
    pytest.skip(reason)


def _server_folder() -> Path:
    """In memory where there is room: a new database is 4 to 20 times faster there.

    Docker's /dev/shm has only 64 MB.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder made in it is the server's, mode 0700
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    base = memory if roomy else Path(tempfile.gettempdir())
    for left in base.glob("casebook-tests-*"):  # after a kill -9 of pytest
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    return base / f"casebook-tests-{os.getpid()}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The run's server: it survives no crash, and needs not to."""
    home = _server_folder()
    server = EmbeddedPostgres(
        home, fsync="off", full_page_writes="off", synchronous_commit="off", max_connections="200"
    )
    server.start()
    server.prepare()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(FILES, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Iterator[Callable[[str], Iterator[str]]]:
    """Makes a database from a template, for a `yield from`; it is dropped later."""
    numbers = count(1)
    done: list[str] = []
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as conn:

        def make(template: str) -> Iterator[str]:
            name = f"test_{next(numbers)}"
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())
            # Not at the end of its own test: a drop waits 100 ms while a connection is closing.
            while done:
                conn.execute(f"DROP DATABASE IF EXISTS {done.pop()} WITH (FORCE)".encode())
            yield name
            done.append(name)

        yield make


@pytest.fixture(scope="session")
def migrated(postgres: EmbeddedPostgres) -> str:
    """The name of the template that has the schema."""
    migrate(postgres.url(SERVICE))
    return SERVICE


@pytest.fixture
def database(
    postgres: EmbeddedPostgres, databases: Callable[[str], Iterator[str]], migrated: str
) -> Iterator[Database]:
    for name in databases(migrated):
        yield Database(owner_url=postgres.url(name, OWNER), url=postgres.url(name, SERVICE))


@pytest.fixture
def another_database(
    postgres: EmbeddedPostgres, databases: Callable[[str], Iterator[str]], migrated: str
) -> Iterator[Database]:
    """A second one, for what is compared."""
    for name in databases(migrated):
        yield Database(owner_url=postgres.url(name, OWNER), url=postgres.url(name, SERVICE))


@pytest.fixture
def empty_database(
    postgres: EmbeddedPostgres, databases: Callable[[str], Iterator[str]]
) -> Iterator[Database]:
    """A database that no migration has seen."""
    for name in databases("template0"):
        yield Database(owner_url=postgres.url(name, OWNER), url=postgres.url(name, SERVICE))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The run's Kafka; without Java its tests are skipped, and fail in CI.

    Who kills it starts it again.
    """
    try:
        running = Running(tmp_path_factory.mktemp("kafka"))
    except KafkaUnavailable as reason:
        if TEST_ALL:
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    yield running
    running.kill()


@pytest.fixture
def kafka(broker: Running) -> str:
    """Its address; a test has topics of its own there."""
    return broker.address


@pytest.fixture
def desk(database: Database) -> Desk:
    """A database in which the examples' desk is set up."""
    return asyncio.run(a_desk(settings_for(database.url)))


@pytest.fixture
def http(desk: Desk) -> Iterator[Http]:
    with serving(desk) as http:
        yield http


@pytest.fixture(scope="module")
def asked(
    postgres: EmbeddedPostgres, databases: Callable[[str], Iterator[str]], migrated: str
) -> Iterator[Http]:
    """One API for all tests of a module that do not mind what others left behind."""
    for name in databases(migrated):
        desk: Desk = asyncio.run(a_desk(settings_for(postgres.url(name, SERVICE))))
        with serving(desk) as http:
            yield http
