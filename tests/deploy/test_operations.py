"""docs/operations.md is true: its settings, secrets, commands and log events are this release's."""

import re
import subprocess
from base64 import b64decode
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic.fields import FieldInfo

from domain.runtime.settings import PREFIX, Settings
from tests.deploy.described import (
    OPERATIONS,
    PROGRAMS,
    ROOT,
    commands,
    program,
    settings,
    variables,
)
from tests.deploy.test_compose import COMPOSE

TEXT = OPERATIONS.read_text()
FOR_MAKE_UP = {"CASEBOOK_PG_BINDIR"}


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the section's table, without its head."""
    table = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def block(mark: str) -> str:
    """The commands behind a mark."""
    return TEXT.split(f"<!-- {mark} -->\n```sh\n")[1].split("```")[0]


def test_every_setting_is_described_once() -> None:
    described = [name.strip("`") for name, _, _ in rows("Settings")]
    assert sorted(described) == sorted(settings())
    assert variables(TEXT) <= settings() | FOR_MAKE_UP


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items())
def test_the_default_of_a_setting_is_the_one_described(name: str, field: FieldInfo) -> None:
    (default,) = [told for row, _, told in rows("Settings") if row == f"`{PREFIX}{name.upper()}`"]
    if field.is_required():
        assert default == "required"
    elif field.default_factory is None and field.default is not None:
        assert default == f"`{field.default}`"
    else:
        assert default not in {"", "required"}


def test_every_command_that_is_named_exists() -> None:
    named = re.findall(r"(?:^|`|-- |api |migrate )casebook ((?:[a-z]+ ?)+)", TEXT, re.MULTILINE)
    known = commands()
    assert named
    for words in named:
        assert any(f"{words} ".startswith(f"{command} ") for command in known), words


def test_every_file_and_folder_that_is_named_is_there() -> None:
    named = re.findall(r"(?:-f|-k) (deploy/[\w./-]+)|`(deploy/[\w./-]+|tests/[\w./-]+)`", TEXT)
    assert named
    for path in {one or other for one, other in named}:
        assert (ROOT / path).exists(), path


def test_every_log_event_that_is_named_is_written_somewhere() -> None:
    code = "\n".join(
        file.read_text()
        for folder in ("domain", "projections", "api", "consumers")
        for file in (ROOT / folder).rglob("*.py")
    )
    named = [name.strip("`") for name, *_ in rows("What to watch")]
    assert named
    assert [name for name in named if f'"{name}"' not in code] == []


def lines(program: str) -> list[str]:
    """Every line of the handbook that begins with a program, whole."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).replace("\\\n", "")
    return [line for line in blocks.splitlines() if line.startswith(f"{program} ")]


NOWHERE = """
{apiVersion: v1, kind: Config, current-context: x, clusters: [{name: x, cluster: {server: "http://127.0.0.1:1"}}],
 contexts: [{name: x, context: {cluster: x, user: x}}], users: [{name: x, user: {}}]}
"""


@pytest.mark.parametrize("line", lines("kubectl") + lines("docker compose"))
def test_a_command_for_a_cluster_or_for_docker_is_understood_up_to_the_server(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "config").write_text(NOWHERE)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    (tmp_path / "casebook.dump").touch()
    done = subprocess.run(
        ["bash", "-c", line.replace("docker compose", "docker-compose", 1)],
        cwd=tmp_path,
        env={
            "PATH": f"{PROGRAMS}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "KUBECONFIG": str(tmp_path / "config"),
            "DOCKER_HOST": "tcp://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stderr, done.stderr


def test_the_secrets_for_compose_are_made_as_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/compose.yaml").write_text(COMPOSE.read_text())
    script = ["bash", "-eu", "-o", "pipefail", "-c", block("secrets")]
    subprocess.run(script, cwd=tmp_path, check=True, timeout=60)
    made = {file.name: file.read_text().strip() for file in (tmp_path / "deploy/secrets").iterdir()}
    named = re.findall(r"^  (\w+): \{file: \./secrets/\1\}$", COMPOSE.read_text(), re.MULTILINE)
    assert set(made) == set(named)
    assert len(b64decode(made["casebook_master_key"], validate=True)) == 32
    for role, secret in (("casebook_owner", "owner"), ("casebook", "service")):
        name = "casebook_owner_url" if role == "casebook_owner" else "casebook_database_url"
        url = urlsplit(made[name])
        password = made[f"postgres_{secret}_password"]
        assert (url.username, url.password, url.hostname) == (role, password, "postgres")
        given = {"database_url": made[name], "master_key": made["casebook_master_key"]}
        assert Settings.model_validate(given).for_reading == made[name]
    composed = ("docker-compose", "-f", "deploy/compose.yaml", "config", "--quiet")
    assert program(*composed, cwd=tmp_path).returncode == 0
