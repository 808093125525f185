"""`casebook seed`, as an operator calls it."""

from dataclasses import replace
from pathlib import Path

from tests.conftest import Database
from tests.journeys.test_command_line import Terminal


def test_a_desk_is_seeded_once_and_three_of_its_people_get_tokens(
    database: Database, tmp_path: Path
) -> None:
    terminal = Terminal(tmp_path, database.url)
    told = terminal.casebook("seed")
    assert told.status == 0, told.err
    assert told.out.startswith("3 accounts, 12 people and 60 cases.\n")
    assert terminal.casebook("replay", "1").out.startswith("   1  ")
    for line in told.out.splitlines()[-3:]:
        assert terminal.casebook(*line.split()[1:]).out.startswith("cb_")
    assert "nothing was written" in terminal.casebook("seed").out
    again = terminal.casebook("seed", "--json").json
    assert (again["cases"], again["commands"], len(again["sign_in"])) == (60, 0, 3)


def test_more_cases_are_made_by_the_owner_alone(database: Database, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, database.url)
    refused = terminal.casebook("seed", "--cases", "5")
    assert (refused.status, "CASEBOOK_OWNER_URL" in refused.err) == (2, True)
    owner = replace(terminal, url=database.owner_url)
    more = owner.casebook("seed", "--cases", "40", "--json")
    assert (more.status, more.json["cases"]) == (0, 40), more.err
    assert "40 cases with " in owner.casebook("seed", "--cases", "40", "--seed", "2").out
