"""The README's tour, word for word."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import TEST_ALL, require
from tests.deploy.running import Running, within

ROOT = Path(__file__).parent.parent.parent
HELPDESK = ROOT.parent / "shared/data/helpdesk/helpdesk.csv.gz"


def tour() -> str:
    """The commands of the tour: every block behind its heading, up to the next one."""
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Five minutes with curl")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def test_the_tour_of_the_readme_runs_word_for_word(folder: Path) -> None:
    if not HELPDESK.exists():
        (pytest.fail if TEST_ALL else pytest.skip)(f"{HELPDESK} is not there")
    require("curl")
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    running = Running(folder)
    try:
        assert within(60, running.is_ready), running.said
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", tour()],
            cwd=folder,
            env={
                **os.environ,
                "XDG_CONFIG_HOME": str(folder),
                "CASEBOOK_PORT": str(running.port),
                "HELPDESK": str(HELPDESK),
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    finally:
        running.end()
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    for said in (
        '"status":"In Progress"',
        '"type":"/problems/command-id-taken"',
        '"type":"/problems/case-closed"',
        '"type":"/problems/version-differs"',
        '"withheld":true',
        '"type":"/problems/case-unknown"',
        '"type":"/problems/no-scope-for-that"',
        '"scopes":["cases:read","cases:write","events:read"]',
        '"through":',
        "You are Anna, agent",
        " is In Progress, at version ",
        "A second one",
        "raised case 00000001 (Standard): It is slow",
        "raised case 00000001 (Standard): [redacted]",
        "21,348 became events",
        "21,348 are in the log already",
    ):
        assert said in done.stdout
