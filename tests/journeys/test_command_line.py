"""The casebook command as a person uses it: what it says, and its exit status."""

import json
import os
import subprocess
from base64 import b64encode
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain import commands as c
from domain.runtime.store import Store
from tests import examples as x
from tests.deploy.running import CASEBOOK
from tests.desks import MASTER_KEY, Desk
from tests.domain.runtime.test_store import asked, on, raised
from tests.projections.following import head, projected, rows

ROWS = (
    "case,activity,resource,time\nA 1,Closed,Value 1,2012-01-02T03:04:05Z\nA 1,Hm,Value 1,never\n"
)
MAPPING = """
source = "old"
[columns]
case = "case"
activity = "activity"
who = "resource"
time = "time"
[account]
name = "Old customers"
[contact]
name = "Somebody"
[application]
key = "old"
name = "Old"
[type]
key = "product-issue"
name = "Product Issue"
[activities]
"Closed" = { event = "closed" }
"""


CLARA = str(x.id_of(x.CLARA))
NO_TEXT = os.fsdecode(b"\xff")  # as a terminal sends what is not UTF-8


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  any JSON
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    folder: Path
    url: str | None
    key: str = MASTER_KEY

    def casebook(self, *words: str) -> Said:
        ours = {name: v for name, v in os.environ.items() if not name.startswith("CASEBOOK_")}
        named = {"CASEBOOK_DATABASE_URL": self.url, "CASEBOOK_MASTER_KEY": self.key}
        done = subprocess.run(
            [CASEBOOK, *words],
            cwd=self.folder,
            env={**ours, **{name: v for name, v in named.items() if self.url and v}},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def terminal(desk: Desk, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, desk.settings.database_url)


def a_case(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case = await raised(store)
        await asked(store, case, c.Take(), x.ANNA)
        await asked(store, case, c.Note(text="A loop."), x.ANNA)
        await asked(store, case, c.Close(reason="Done."), x.ANNA)

    on(desk, work)


def test_an_account_a_person_and_a_token_are_made(terminal: Terminal) -> None:
    account = terminal.casebook("accounts", "add", "Initech", "--zone", "Europe/Paris", "--json")
    person = terminal.casebook(
        "people", "add", "Ines", "--role", "customer", "--account", "initech", "--email", "i@in.it"
    )
    assert (account.status, person.status) == (0, 0), account.err + person.err
    assert person.out.startswith("Ines: ")
    made = terminal.casebook("token", "i@in.it", "--json").json
    assert made["token"].startswith("cb_")
    with psycopg.connect(terminal.url or "") as conn:
        kept = conn.execute("SELECT hint, digest FROM desk.tokens ORDER BY made_at DESC").fetchone()
    assert kept is not None
    assert made["token"] not in str(kept)


def test_a_case_is_replayed_as_sentences_and_as_it_was(terminal: Terminal, desk: Desk) -> None:
    a_case(desk)
    told = terminal.casebook("replay", "1")
    assert told.status == 0
    for said in (
        "Clara raised case 00000001 (Standard): It is slow",
        "Anna took it",
        "Anna noted for the desk: A loop.",
        "Anna closed it (agent): Done.",
        "Case 00000001 Closed · Standard · Atlas · It is slow",
    ):
        assert said in told.out
    then = terminal.casebook("replay", "00000001", "--version", "2").out
    assert "In Progress" in then
    assert "closed it" not in then
    events = terminal.casebook("replay", "1", "--json").json["events"]
    assert [event["version"] for event in events] == [1, 2, 3, 4]
    assert [event["position"] for event in events] == sorted(e["position"] for e in events)
    before = terminal.casebook("replay", "1", "--at", "2020-01-01")
    assert before.status == 2
    assert before.err.startswith("Case 1 did not exist then: it begins on ")


def test_the_log_is_told_in_its_order(terminal: Terminal, desk: Desk) -> None:
    a_case(desk)
    lines = terminal.casebook("tail", "--after", "0", "--no-follow").out.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].endswith(tuple("UTC"))
    told = terminal.casebook("tail", "--after", "16", "--no-follow", "--json").out.splitlines()
    assert json.loads(told[0])["position"] == 17


def test_a_case_and_a_person_are_erased(terminal: Terminal, desk: Desk) -> None:
    a_case(desk)
    projected(desk.settings)
    kept = terminal.casebook("erase", "case", "1", "--reason", "At Acme's wish.")
    assert (kept.status, "It is slow" in terminal.casebook("replay", "1").out) == (1, True)
    gone = terminal.casebook("erase", "case", "1", "--reason", "At Acme's wish.", "--yes")
    assert (gone.status, gone.out) == (0, "Case 1 is erased.\n")
    told = terminal.casebook("replay", "1").out
    assert "It is slow" not in told
    assert "erased it: At Acme's wish." in told
    clara = str(x.id_of(x.CLARA))
    erase = ("erase", "person", clara, "--reason", "She left.", "--yes")
    behind = terminal.casebook(*erase)
    assert (behind.status, "has not reached position" in behind.err) == (2, True), "one case more?"
    projected(desk.settings)
    with psycopg.connect(terminal.url or "", autocommit=True) as conn:
        conn.execute(
            "INSERT INTO desk.views (owner, shared, account, name, query, columns)"
            " SELECT id, true, %s, 'Mine', '', '{}' FROM unnest(%s::uuid[]) AS of (id)",
            [x.ACME, [clara, str(x.id_of(x.ADA))]],
        )
        assert terminal.casebook(*erase).status == 0
        left = conn.execute("SELECT owner FROM desk.views").fetchall()
    assert left == [(x.id_of(x.ADA),)], "the lists that she kept"
    assert "Clara" not in terminal.casebook("replay", "1").out


def test_a_foreign_history_is_imported_once(terminal: Terminal) -> None:
    (terminal.folder / "old.csv").write_text(ROWS)
    (terminal.folder / "old.toml").write_text(MAPPING)
    words = ("import", "old.csv", "--mapping", "old.toml")
    assert "1 would become events" in terminal.casebook(*words, "--dry-run").out
    told = terminal.casebook(*words)
    assert told.status == 0
    assert "1 became events" in told.out
    assert "line 3: " in told.out
    assert terminal.casebook(*words, "--json").json["repeats"] == 1


def test_the_doctor_tells_well_from_wrong(terminal: Terminal, desk: Desk) -> None:
    projected(desk.settings)
    well = terminal.casebook("doctor")
    assert (well.status, "wrong" in well.out) == (1, True), "nobody follows the log here"
    assert "Nobody follows the log." in well.out
    assert "The service can write the log by log.append alone." in well.out
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("UPDATE read.models SET failed_at = now(), failure = 'It broke'")
    findings = terminal.casebook("doctor", "--json").json["findings"]
    assert any("stopped" in one["what"] and one["mend"] for one in findings)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "99999"), "There is no case 99999.\n"),
        (("replay", "abc"), "There is no case abc.\n"),
        (("token", "nobody@in.it"), "There is no person nobody@in.it: casebook people add.\n"),
        (("accounts", "add", "X", "--zone", "Mars"), "zone: is no time zone"),
        (("people", "add", "X", "--role", "customer"), "Customers belong to an account"),
        (("people", "add", "X", "--role", "operator"), "Nobody can be given the role"),
        (("erase", "case", "7", "--reason", "x", "--yes"), "There is no case 7.\n"),
        (("erase", "case", CLARA, "--reason", "x", "--yes"), f"There is no case {CLARA}.\n"),
        (("erase", "case", "7", "--reason", "", "--yes"), "reason: String should have at least"),
        (("erase", "person", CLARA, "--reason", "y" * 2_001, "--yes"), "reason: String should"),
        (("people", "add", NO_TEXT, "--role", "agent"), "name: Input should be a valid string"),
        (("people", "add", "X", "--role", "agent", "--email", "x"), "email: is no e-mail address"),
        (("token", CLARA, "--label", NO_TEXT), "label: must be one line"),
        (("accounts", "add", "a\x07b"), "name: must be one line"),
        (
            ("erase", "person", "x@y.z", "--reason", "x", "--yes"),
            "There is no person x@y.z: casebook people add.\n",
        ),
        (("import", "none.csv", "--mapping", "none.toml"), "none.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_one_sentence_and_exit_status_2(
    terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    told = terminal.casebook(*words)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith(said) or said in told.err.splitlines()[0]
    assert len(told.err.splitlines()) == 1
    assert not told.err.endswith("..\n")


@pytest.mark.parametrize(
    "words", [("replay", "1"), ("tail", "--no-follow"), ("accounts", "add", "X"), ("token", CLARA)]
)
def test_under_another_master_key_nothing_is_read_and_above_all_nothing_written(
    terminal: Terminal, desk: Desk, words: tuple[str, ...]
) -> None:
    a_case(desk)
    before = head(desk.settings)
    other = b64encode(bytes(32)).decode()
    told = replace(terminal, key=other).casebook(*words)
    assert (told.status, told.out) == (2, "")
    assert told.err.endswith(" was wrapped by another master key.\n")
    assert head(desk.settings) == before


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path, None).casebook("replay", "1")
    assert (nowhere.status, nowhere.out) == (2, "")
    assert nowhere.err == "CASEBOOK_DATABASE_URL is not set, and no database runs here: make up.\n"
    away = Terminal(tmp_path, "postgresql://casebook@127.0.0.1:1/x").casebook("replay", "1")
    assert (away.status, away.out) == (1, "")
    assert away.err == "The database does not answer: casebook doctor says why.\n"


def test_a_terminal_without_unicode_is_told_what_it_can_show(
    terminal: Terminal, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_case(desk)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    told = terminal.casebook("replay", "1")
    assert told.status == 0
    assert "Closed \\xb7 Standard" in told.out


def test_who_was_added_over_http_is_found_by_the_address(desk: Desk, terminal: Terminal) -> None:
    projected(desk.settings)
    secret = terminal.casebook("token", "CLARA@acme.com").out.strip()
    assert secret.startswith("cb_")
    refused = terminal.casebook("token", "crm@acme.com")
    assert (refused.status, "--scope" in refused.err) == (2, True)
    assert terminal.casebook("token", "crm@acme.com", "--scope", "cases:read").status == 0
    link = terminal.casebook("people", "invite", "clara@acme.com").out
    assert "/welcome/" in link


def test_it_says_its_release(tmp_path: Path) -> None:
    """Also where there is no database, and nothing is set."""
    said = Terminal(tmp_path, None).casebook("--version")
    assert (said.status, said.out) == (0, f"casebook {version('casebook')}\n")


def test_read_models_are_made_anew_and_verified(desk: Desk, terminal: Terminal) -> None:
    a_case(desk)
    projected(desk.settings)
    before = rows(desk.settings)
    well = terminal.casebook("verify")
    assert (well.status, well.out) == (
        0,
        "access, cases, activity, directory, search: every row is as the log tells it.\n",
    )
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("UPDATE read.cases SET subject = 'Wrong'")
    wrong = terminal.casebook("verify", "cases")
    assert (wrong.status, wrong.err) == (1, "")
    line, summary = wrong.out.splitlines()
    assert line.endswith(f"subject: live Wrong, replayed {x.CREATE.subject}")
    assert summary == "Otherwise than in the log: 1 in cases."
    (told,) = terminal.casebook("verify", "cases", "--json").json["differences"]
    assert (told["model"], told["column"], told["live"]) == ("cases", "subject", "Wrong")
    done = terminal.casebook("rebuild", "cases", "--json").json
    assert (done["models"], done["differed"]) == (["cases"], {"cases": 1})
    assert rows(desk.settings) == before
    anew = terminal.casebook("rebuild", "all", "--drop-old")
    assert f"made anew up to position {head(desk.settings)}" in anew.out
    assert anew.out.endswith(
        "Dropped of before: access, activity, cases, directory, "
        "search, search_open, search_texts, search_words.\n"
    )
    with psycopg.connect(desk.settings.database_url) as conn:
        recorded = conn.execute(
            "SELECT kind, by, differed, ended_at IS NOT NULL FROM desk.operations ORDER BY asked_at"
        ).fetchall()
    assert {by.partition(":")[0] for _, by, _, _ in recorded} == {"operator"}
    kinds = [(kind, differed) for kind, _, differed, ended in recorded if ended]
    assert kinds == [
        ("verify", {}),
        *[("verify", {"cases": 1})] * 2,
        ("rebuild", {"cases": 1}),
        ("rebuild", {}),
        ("drop-old", {}),
    ]
    for words in (("rebuild", "searches"), ("verify", "searches"), ("rebuild",)):
        refused = terminal.casebook(*words)
        assert (refused.status, "read model" in refused.err) == (2, True)
