import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.deploy.running import Running, new_folder, within


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Running]:
    running = Running(folder, **settings)
    try:
        assert within(60, lambda: "Casebook is ready" in running.said), running.said
        yield running
    finally:
        running.end()


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as path:
        yield path


@pytest.fixture
def up(folder: Path) -> Iterator[Running]:
    with started(folder) as running:
        yield running


@pytest.fixture(scope="module")
def survivor() -> Iterator[Running]:
    """One that is never ended on purpose: for the tests after which it runs as before."""
    with new_folder() as path, started(path, CASEBOOK_WORKERS="2") as running:
        yield running


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(10)


def test_a_killed_api_is_started_again_without_the_old_one_s_workers(
    survivor: Running,
) -> None:
    before = survivor.apis()
    assert len(before) >= 3  # a parent and two workers
    kill(before[0])
    assert within(30, lambda: survivor.is_ready() and not any(old.is_running() for old in before))
    assert "api ended" in survivor.said


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_killed_postgres_is_started_again_and_reached(survivor: Running, time: str) -> None:
    before, ended = survivor.postmaster(), survivor.said.count("PostgreSQL ended")
    kill(before)
    assert within(30, lambda: survivor.is_ready() and not before.is_running())
    assert survivor.postmaster() != before
    assert survivor.said.count("PostgreSQL ended") == ended + 1, time


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(up: Running, signum: signal.Signals) -> None:
    assert up.signal(signum) == 0
    assert up.left() == []
    log = (up.folder / "var/pg/log").read_text()
    assert "database system is shut down" in log
    assert "api_stopped" in up.said
    assert "did not end in time" not in up.said


def test_a_killed_supervisor_leaves_nothing_behind(up: Running) -> None:
    up.signal(signal.SIGKILL)
    assert within(20, lambda: not up.left())


@pytest.mark.parametrize("sign", ["data.new", "data", "data/postmaster.pid", "../master.key"])
def test_a_start_that_is_killed_leaves_nothing_behind(folder: Path, sign: str) -> None:
    running = Running(folder)
    assert within(30, (folder / "var/pg" / sign).exists), running.said
    running.end()


def test_what_was_made_in_the_first_start_is_used_in_the_second(folder: Path) -> None:
    first = Running(folder)
    assert within(60, first.is_ready), first.said
    key = (folder / "var/master.key").read_text()
    assert first.signal(signal.SIGTERM) == 0
    second = Running(folder)
    assert within(60, second.is_ready), second.said
    assert second.signal(signal.SIGTERM) == 0
    assert "Made a master key" in first.said
    assert "Made a master key" not in second.said
    assert "The database is up to date." in second.said
    assert (folder / "var/master.key").read_text() == key


def test_the_master_key_is_its_owner_s_alone(survivor: Running) -> None:
    assert stat.S_IMODE((survivor.folder / "var/master.key").stat().st_mode) == 0o600


def test_a_port_in_use_is_one_sentence_and_starts_nothing(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = Running(folder, CASEBOOK_PORT=str(port))
        assert running.process.wait(30) == 2
        running.reader.join(5)
    expected = f"Port {port} is in use. Choose another: CASEBOOK_PORT={port + 1} make up\n"
    assert running.said == expected
    assert not (folder / "var").exists()
