"""The processes as the image runs them: nothing but /tmp can be written."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests import examples as x
from tests.api.http import API, CREATE
from tests.deploy.running import free_port, within
from tests.desks import MASTER_KEY, Desk
from tests.projections.following import head, positions

# Mounts that stand by themselves, such as /dev/shm, stay as they are: as in a container.
READ_ONLY = """
mount --make-rprivate / && mount --bind /tmp /tmp && mount -o remount,bind,ro / && exec "$@"
"""
ALONE = ("unshare", "--mount", "sh", "-c", READ_ONLY, "sh")


@pytest.fixture(scope="module", autouse=True)
def _may_mount() -> None:
    try:
        tried = subprocess.run([*ALONE, "touch", "/written"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if b"Read-only file system" not in tried.stderr:
        pytest.skip("this machine lets nobody mount")


@contextmanager
def running(desk: Desk, module: str, **given: str) -> Iterator[None]:
    """A process in the image's environment, in a folder that cannot be written."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CASEBOOK_DATABASE_URL": desk.settings.database_url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
        "CASEBOOK_LOG_FORMAT": "json",
        **given,
    }
    words = [*ALONE, sys.executable, "-P", "-m", module]
    process = subprocess.Popen(words, env=env, cwd="/", stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert not {"error", "critical"} & {json.loads(line)["level"] for line in said.splitlines()}


def test_the_api_and_the_projections_write_nowhere_but_to_tmp(desk: Desk) -> None:
    assert not Path("/written").exists()
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            return httpx2.get(f"{address}/readyz", timeout=2).status_code == 200
        except httpx2.TransportError:
            return False

    with (
        running(desk, "projections"),
        running(desk, "api", CASEBOOK_PORT=str(port), CASEBOOK_WORKERS="2"),
    ):
        assert within(60, is_ready)
        by = {"Authorization": f"Bearer {desk.token(x.CLARA)}"}
        answer = httpx2.post(f"{address}{API}/cases", json=CREATE, headers=by, timeout=20)
        assert answer.status_code == 201
        end = head(desk.settings)
        shown = {"cases": (end, None), "access": (end, None)}
        assert within(30, lambda: shown.items() <= positions(desk.settings).items())
