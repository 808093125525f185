"""deploy/compose.yaml: read by Docker Compose itself, and held to what this release has."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.described import ROOT, program, runs, settings, variables

COMPOSE = ROOT / "deploy/compose.yaml"
TEXT = COMPOSE.read_text()
OURS = ("migrate", "api", "projections", "consumers")
KEPT = "/var/lib/casebook"  # files of cases


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """Everything, as Compose understands it."""
    told = program("docker-compose", "-f", COMPOSE, "--profile", "kafka", "config")
    assert (told.returncode, told.stderr) == (0, "")
    read: dict[str, Any] = yaml.safe_load(told.stdout)
    return read


def test_docker_compose_config_accepts_it() -> None:
    told = program("docker-compose", "-f", COMPOSE, "config", "--quiet")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true", "readonly: true"),
        ("depends_on:\n      migrate:", "depends_on:\n      nobody:"),
        ("secrets: [casebook_database_url, casebook_master_key]", "secrets: [none]"),
    ],
)
def test_docker_compose_config_would_not(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in TEXT
    planted = tmp_path / "compose.yaml"
    planted.write_text(TEXT.replace(right, wrong))
    here = ("--project-directory", COMPOSE.parent, "-f", planted)
    assert program("docker-compose", *here, "config", "--quiet").returncode != 0


def test_yamllint_finds_nothing() -> None:
    told = program("yamllint", "--strict", "-c", ROOT / "deploy/.yamllint", ROOT / "deploy")
    assert (told.returncode, told.stdout) == (0, "")


def test_the_processes_are_those_that_exist(described: dict[str, Any]) -> None:
    services = described["services"]
    assert set(services) == {"postgres", "kafka", *OURS}
    assert all(runs(services[name]["command"]) for name in OURS)
    assert variables(TEXT) - {"CASEBOOK_BUILD"} <= settings()
    modules = {services[name]["command"][-1] for name in OURS}
    made = {file.parent.name for file in ROOT.glob("*/__main__.py") if file.parent != ROOT}
    assert made - {"tests"} <= modules, "a process that nobody starts"


@pytest.mark.parametrize("name", OURS)
def test_a_process_can_change_nothing_but_its_tmp_and_files(
    described: dict[str, Any], name: str
) -> None:
    service = described["services"][name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108  the container's own
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    files = [] if name == "migrate" else [(KEPT, "files")]
    found = [(one["target"], one["source"]) for one in service.get("volumes", ())]
    assert found == files
    assert service["environment"].get("CASEBOOK_FILES") == (f"file://{KEPT}" if files else None)


@pytest.mark.parametrize("name", OURS)
def test_what_is_secret_stands_in_files_of_those_who_need_it(
    described: dict[str, Any], name: str
) -> None:
    service = described["services"][name]
    given = {secret["source"] for secret in service["secrets"]}
    assert {secret.upper() for secret in given} <= settings()
    needs_owner = service["command"][0] == "casebook"
    assert ("casebook_owner_url" in given) is needs_owner
    assert ("casebook_master_key" in given) is not needs_owner
    assert service["environment"]["CASEBOOK_SECRETS"] == "/run/secrets"


def test_no_secret_stands_in_the_file(described: dict[str, Any]) -> None:
    assert all(set(secret) == {"name", "file"} for secret in described["secrets"].values())
    for service in described["services"].values():
        for name in service["environment"].keys() - {"CASEBOOK_PUBLIC_URL"}:
            assert not any(word in name for word in ("PASSWORD", "KEY", "URL")) or "_FILE" in name


def test_everything_waits_for_what_it_needs(described: dict[str, Any]) -> None:
    services = described["services"]
    for name in ("api", "projections", "consumers"):
        (needed,) = services[name]["depends_on"].items()
        assert needed[0] == "migrate"
        assert needed[1]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["kafka"]["profiles"] == ["kafka"]


def test_an_acknowledged_command_is_on_the_disk(described: dict[str, Any]) -> None:
    postgres = described["services"]["postgres"]
    assert "synchronous_commit=on" in postgres["command"]
    assert not any("fsync" in word for word in postgres["command"])
    (data,) = [volume for volume in postgres["volumes"] if volume["type"] == "volume"]
    assert data["source"] in described["volumes"]


def test_the_api_is_reached_at_its_port_and_on_this_machine_alone(
    described: dict[str, Any],
) -> None:
    (port,) = described["services"]["api"]["ports"]
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", 8000)
    published = {name for name, service in described["services"].items() if "ports" in service}
    assert published == {"api"}
