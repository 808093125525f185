"""The casebook command as people use it who have a token and no database."""

import asyncio
import json
import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from api.cli import app
from deploy.local.postgres import SERVICE, EmbeddedPostgres
from domain import commands as c
from domain.values import Actor
from tests import examples as x
from tests.bench.http import serving
from tests.deploy.running import CASEBOOK
from tests.desks import Desk, a_desk, settings_for
from tests.journeys.test_command_line import Said
from tests.projections.following import projected

NOTHING: Mapping[str, str | None] = MappingProxyType({})
CREATE = ("create", "--application", "atlas", "--type", "product-issue", "--subject", "It is slow")


@dataclass(frozen=True)
class Laptop:
    """Somebody's machine: a home of its own, and no database."""

    home: Path
    port: int
    desk: Desk
    who: Actor = x.CLARA

    @property
    def env(self) -> dict[str, str]:
        ours = {name: v for name, v in os.environ.items() if not name.startswith("CASEBOOK_")}
        return {
            **ours,
            "XDG_CONFIG_HOME": str(self.home),
            "CASEBOOK_URL": f"http://127.0.0.1:{self.port}",
            "CASEBOOK_TOKEN": self.desk.token(self.who),
        }

    def casebook(
        self, *words: str, text: str = "", env: Mapping[str, str | None] = NOTHING
    ) -> Said:
        given = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        done = subprocess.run(
            [CASEBOOK, *words], cwd=self.home, env=given, input=text,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def at_a_terminal(self, *words: str) -> str:
        """What a person sees, eighty columns wide."""
        seen, inner = pty.openpty()
        env = {**self.env, "COLUMNS": "120", "TERM": "xterm-256color", "TZ": "Europe/Berlin"}
        process = subprocess.Popen(
            [CASEBOOK, *words], cwd=self.home, env=env, stdin=inner, stdout=inner, stderr=inner
        )
        os.close(inner)
        read = b""
        while True:
            try:
                part = os.read(seen, 65_536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            read += part
        process.wait(60)
        os.close(seen)
        return read.decode()


@pytest.fixture(scope="module")
def laptop(
    postgres: EmbeddedPostgres,
    databases: Callable[[str], Iterator[str]],
    migrated: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Laptop]:
    for name in databases(migrated):
        url = postgres.url(name, SERVICE)
        desk = asyncio.run(a_desk(settings_for(url)))
        with serving("casebook", 1, url) as port:
            yield Laptop(tmp_path_factory.mktemp("laptop"), port, desk)


def raised(laptop: Laptop) -> dict[str, Any]:
    made = laptop.casebook(*CREATE, "--description", "-", "--json", text="Since Sunday.")
    assert made.status == 0, made.err
    told: dict[str, Any] = made.json
    return told


def test_there_is_a_command_for_each_that_the_api_has_with_its_fields_as_options() -> None:
    """In this process: each by itself would take a second to start."""
    run = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    for kind in get_args(c.CaseCommand):
        if kind not in {c.Erase, c.Forget}:
            told = plain(run.invoke(app, [kind.path(), "--help"]).output)
            assert (kind.__doc__ or "").partition(".")[0] in told
            for field in kind.model_fields:
                assert f"--{field.replace('_', '-')}" in told, (kind, field)


def test_a_login_is_kept_for_oneself_alone(laptop: Laptop) -> None:
    url, token = laptop.env["CASEBOOK_URL"], laptop.env["CASEBOOK_TOKEN"]
    bare: dict[str, str | None] = {"CASEBOOK_URL": None, "CASEBOOK_TOKEN": None}
    without = laptop.casebook("whoami", env=bare)
    assert (without.status, without.err) == (3, "You are not signed in: casebook login.\n")
    signed = laptop.casebook("login", "--url", url, "--token", "-", text=token + "\n", env=bare)
    assert (signed.status, "You are Clara, customer" in signed.out) == (0, True)
    file = laptop.home / "casebook" / "login.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in signed.out + signed.err
    assert "Clara, customer of Acme" in laptop.casebook("whoami", env=bare).out
    well = laptop.casebook("doctor", env=bare)
    assert (well.status, "knows you as Clara" in well.out) == (0, True), well.out
    assert laptop.casebook("logout", env=bare).status == 0
    assert not file.exists()
    refused = laptop.casebook("login", "--url", url, "--token", "cb_wrong", env=bare)
    assert (refused.status, refused.err) == (3, "A valid bearer token is required.\n")


def test_a_case_is_raised_worked_on_and_shown(laptop: Laptop) -> None:
    case = raised(laptop)
    anna = replace(laptop, who=x.ANNA)
    number = case["number"]
    taken = anna.casebook("take", number)
    assert (taken.status, taken.out) == (0, f"Case {number} is In Progress, at version 2.\n")
    assert anna.casebook("note", number, "--text", "A loop.").status == 0
    said = laptop.casebook("escalate", number, "--comment", "We lose orders.", "--reason", "delay")
    assert f"Case {number} is Escalated" in said.out
    projected(laptop.desk.settings)
    listed = laptop.casebook("cases", "--status", "Escalated")
    (line,) = [one for one in listed.out.splitlines() if one.startswith(number)]
    assert line.split("\t")[:4] == [number, "Escalated", "Standard", "It is slow"]
    assert laptop.casebook("cases", "--json").json["cases"][0]["number"] == number
    shown = laptop.casebook("case", number).out
    assert "escalated it (delay): We lose orders." in shown
    assert "A loop." not in shown
    assert "A loop." in anna.casebook("case", number).out
    assert anna.casebook("events", "--limit", "5").out.count("\n") == 5
    followed = anna.casebook("follow", "--after", "2", "--count", "3", "--json").out.splitlines()
    assert [int(json.loads(one)["sequence"]) for one in followed] == [3, 4, 5]
    (escalated,) = anna.casebook(
        "follow", "--after", "0", "--count", "1", "--type", "case.created"
    ).out.splitlines()
    assert "case.created" in escalated
    changed = laptop.casebook("changes")
    assert number in changed.out
    assert "Go on with --after" in changed.err


def test_the_exit_status_says_whose_turn_it_is(laptop: Laptop) -> None:
    number = raised(laptop)["number"]
    for words, status, said in (
        (("take", number), 3, "You may not take as customer."),
        (("case", "99999999"), 2, "There is no such case."),
        (("post", number), 2, "--text is required"),
        (("escalate", number, "--comment", ""), 2, "comment: String should have at least 1"),
        (("watch", number, "--if-version", "9"), 4, "The case has changed"),
        (("resume", number), 3, "You may not resume"),
        (("rate", number, "--score", "9"), 2, "score:"),
    ):
        ended = laptop.casebook(*words)
        assert (ended.status, said in ended.err) == (status, True), (words, ended)
        assert ended.out == ""
    away = laptop.casebook("cases", env={"CASEBOOK_URL": "http://127.0.0.1:9"})
    assert (away.status, "cannot be reached" in away.err) == (1, True)


def test_the_same_key_does_it_once(laptop: Laptop) -> None:
    number = raised(laptop)["number"]
    for again in (False, True):
        said = laptop.casebook("post", number, "--text", "Any news?", "--key", f"k{number}")
        assert ("It had been done before." in said.out) is again


def test_many_cases_at_once(laptop: Laptop) -> None:
    numbers = [raised(laptop)["number"] for _ in range(2)]
    fields = json.dumps({"comment": "We lose orders."})
    said = laptop.casebook("bulk", "escalate", *numbers, "99999999", "--fields", fields)
    assert said.out.splitlines() == [
        f"{numbers[0]}  Escalated",
        f"{numbers[1]}  Escalated",
        "99999999  There is no such case.",
    ]


def test_at_a_terminal_there_are_tables_colours_and_one_s_own_time(laptop: Laptop) -> None:
    number = raised(laptop)["number"]
    projected(laptop.desk.settings)
    seen = laptop.at_a_terminal("cases")
    assert re.search(
        r"number\s+status\s+severity\s+subject\s+account\s+contact\s+modified", plain(seen)
    )
    assert number in seen
    assert "\x1b[33mUnassigned" in seen
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d CES?T", plain(seen))


def plain(seen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", seen)


def test_names_of_commands_are_completed(laptop: Laptop) -> None:
    asked = {"_CASEBOOK_COMPLETE": "complete_bash", "COMP_WORDS": "casebook esc", "COMP_CWORD": "1"}
    assert laptop.casebook(env=asked).out.split() == ["escalate"]


def test_files_go_into_a_case_and_come_back(laptop: Laptop) -> None:
    number = raised(laptop)["number"]
    content = os.urandom(200_000)
    (laptop.home / "größe 1.bin").write_bytes(content)
    (laptop.home / "notes.txt").write_text("Words.")
    sent = laptop.casebook("attach", number, "größe 1.bin", "notes.txt", "--text", "See there.")
    assert (sent.status, sent.out) == (
        0,
        f"größe 1.bin, notes.txt belongs to case {number}.\n",
    )
    projected(laptop.desk.settings)
    listed = laptop.casebook("files", number)
    names = [line.split("\t")[0] for line in listed.out.splitlines()]
    assert (names, listed.err) == (["notes.txt", "größe 1.bin"], "2 files.\n")
    assert "notes.txt\t6\ttext/plain\tnot scanned\tClara\t" in listed.out
    fetched = laptop.casebook("download", number, "größe 1.bin", "--to", "back.bin")
    assert (fetched.status, fetched.out) == (0, "back.bin: 200,000 bytes.\n")
    assert (laptop.home / "back.bin").read_bytes() == content
    again = laptop.casebook("download", number, "größe 1.bin", "--to", "back.bin")
    assert (again.status, again.err) == (2, "back.bin cannot be written: File exists.\n")
    missing = laptop.casebook("download", number, "nothing")
    assert (missing.status, missing.err) == (2, f"Case {number} has no file nothing.\n")
    (laptop.home / "empty").touch()
    empty = laptop.casebook("attach", number, "empty")
    assert (empty.status, empty.err) == (2, "The file is empty: nothing of it has arrived.\n")


def test_cases_are_found_by_words(laptop: Laptop) -> None:
    number = raised(laptop)["number"]
    projected(laptop.desk.settings)
    found = laptop.casebook("cases", "is:open", "slow", "--sort", "-number")
    assert found.out.splitlines()[0].split("\t")[0] == number
    slip = laptop.casebook("cases", "slwo")
    assert "Nothing has 'slwo': these have slow.\n" in slip.err
    wrong = laptop.casebook("cases", "severity:hgih")
    assert wrong.status == 2
    assert "there is no severity 'hgih'; there are: Critical, Urgent" in wrong.err
