"""What the house promises, and no linter checks."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "projections", "api", "consumers", "deploy", "tests")
LONGEST = 300
VOCABULARY = "a vocabulary, one entry after the other, each read by its name"
LONGER = {
    "domain/commands.py": VOCABULARY,
    "domain/errors.py": VOCABULARY,
    "domain/events.py": VOCABULARY,
    "domain/values.py": VOCABULARY,
}
# In pieces, so that this file does not name them either.
HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("deb", "debian", "org"),
    )
)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def project() -> dict[str, list[str]]:
    """The names that pyproject.toml depends on, by lock file."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = told["dependency-groups"]
    runtime = told["project"]["dependencies"] + groups["build"]
    return {
        "requirements.lock": runtime,
        "requirements-dev.lock": runtime + groups["dev"],
        "requirements-uv.lock": groups["uv"],
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_claims_our_top_level_names(name: str) -> None:
    assert set(packages_distributions().get(name, ())) <= {"casebook"}


@pytest.mark.parametrize("lock", project())
def test_a_lock_names_every_dependency_with_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    for dependency in project()[lock]:
        name = re.split(r"\[", dependency)[0]
        assert re.search(rf"^{name}==\S+( ; .*)? \\$", text, re.MULTILINE), f"{name}: make lock"
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)  # no index, no other place to look
    for pinned in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in pinned


def test_no_file_names_a_package_registry() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {host}"
        for file in tracked()
        for host in HOSTS
        if host.encode() in file.read_bytes()
    ]
    assert found == []


def test_make_alone_explains_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:"))
    said = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    explained = [line.split()[1] for line in said.stdout.splitlines()]
    assert explained == targets.split()[1:]


@pytest.mark.parametrize(
    ("file", "refused"), [("domain/case.py", True), ("domain/runtime/store.py", False)]
)
@pytest.mark.parametrize(
    "line", ["import time", "import random", "NOW = datetime.now(UTC)", "NEW = uuid4()"]
)
def test_the_rules_have_no_clock(file: str, line: str, refused: bool) -> None:
    source = f"from datetime import UTC, datetime\nfrom uuid import uuid4\n{line}\n"
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select=TID251", f"--stdin-filename={file}", "-"],
        cwd=ROOT,
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("TID251" in checked.stdout) is refused


def test_every_exemption_has_a_reason() -> None:
    bare = r"# noqa(?!: \w+(?:, ?\w+)*\s+\W*\w)|# type: ignore(?!\[[\w, -]+\]\s+\W*\w)"
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in tracked("*.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(bare, line) and file != Path(__file__)
    ]
    assert found == []


def test_nothing_is_mocked() -> None:
    mocked = re.compile(r"^\s*(from|import) (unittest\.)?mock\b|mock\.patch", re.MULTILINE)
    found = [file for file in tracked("*.py") if mocked.search(file.read_text())]
    assert [file for file in found if file != Path(__file__)] == []


def test_a_file_answers_one_question() -> None:
    code = (file for file in tracked("*.py") if file.relative_to(ROOT).parts[0] != "tests")
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in code}
    assert {f: n for f, n in lengths.items() if n > LONGEST and f not in LONGER} == {}


def test_no_two_locks_of_the_database_have_the_same_key() -> None:
    found = [
        key
        for file in tracked("domain/*.py", "projections/*.py", "consumers/*.py")
        for key in re.findall(r"^ONE_[A-Z]+.*= (0x[0-9A-F]+)", file.read_text(), re.MULTILINE)
    ]
    assert len(found) >= 6
    assert len(found) == len(set(found)), found


def test_processes_are_looked_at_where_one_that_ends_meanwhile_is_no_failure() -> None:
    looking = {
        (str(file.relative_to(ROOT)), line.strip())
        for file in tracked("tests/*.py")
        for line in file.read_text().splitlines()
        if ".cmdline()" in line and file != ROOT / "tests/deploy/running.py"
    }
    looking -= {(file, line) for file, line in looking if "processes(lambda" in line}
    assert {file for file, _ in looking} <= {"tests/test_house.py"}


def test_nobody_waits_in_a_way_that_may_lose_that_they_are_cancelled() -> None:
    """asyncio.wait_for before Python 3.12: what is cancelled goes on for ever. asyncio.timeout."""
    for file in tracked("domain/*.py", "projections/*.py", "api/*.py", "consumers/*.py"):
        assert "wait_for(" not in file.read_text().replace("_wait_for(", ""), file
