"""The programs of docs/subscribers.md, as they stand there."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests import examples as x
from tests.api.http import CREATE
from tests.api.test_streaming import running
from tests.deploy.running import within
from tests.desks import Desk
from tests.projections.following import head

DOCUMENT = Path("docs/subscribers.md").read_text()


def program(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found, name
    return found[1]


def test_the_consumer_has_forty_lines() -> None:
    lines = [line for line in program("consumer").splitlines() if line.strip()]
    assert len(lines) <= 40


def test_the_consumer_misses_nothing_though_it_and_the_api_are_killed(
    desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "consumer.py").write_text(program("consumer"))
    out = tmp_path / "out"

    def told() -> list[str]:
        return [line for line in out.read_text().splitlines() if line.startswith("case.")]

    made: list[str] = []
    for n in range(3):
        with running(desk, 1) as here:
            env = {
                **os.environ,
                "CASEBOOK_URL": f"http://127.0.0.1:{here.port}",
                "CASEBOOK_TOKEN": desk.token(x.CRM),
            }
            with out.open("a") as file:
                consumer = subprocess.Popen(
                    [sys.executable, "consumer.py"], env=env, cwd=tmp_path, stdout=file
                )
                made += [here.post(x.CLARA, "/cases", CREATE)["id"] for _ in range(5)]
                wanted = len(made) if n == 2 else len(made) - 2
                assert within(20, lambda: len(set(told())) >= wanted), told()  # noqa: B023  asked at once
                (here.api.kill if n else consumer.kill)()
                consumer.send_signal(signal.SIGKILL)
                consumer.wait()
    assert sorted(set(told())) == sorted(f"case.created {case}" for case in made)
    assert int((tmp_path / "position.txt").read_text()) == head(desk.settings)
