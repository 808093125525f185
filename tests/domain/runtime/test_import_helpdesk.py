"""Four years of a real help desk: 21,348 rows in 4,580 cases, which no rule ever held back."""

import csv
import gzip
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from deploy.local.postgres import OWNER, SERVICE, EmbeddedPostgres
from domain import events as e
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.importing import Report
from domain.runtime.mapping import read_mapping
from domain.values import Status
from tests.conftest import Database
from tests.domain.runtime.appended import rows
from tests.domain.runtime.imported import (
    HELPDESK,
    ROOT,
    Log,
    helpdesk,
    import_file,
    log_of,
)

ROWS: Final = 21_348
CASES: Final = 4_580
PEOPLE: Final = 22
# Resolved before anybody took it, closed, and taken up again when its window was over.
CASE_2436: Final = [
    "1 2013-10-11 07:08 Value 14: Created",
    "2 2013-10-11 07:08 Value 14: Posted",
    "3 2013-10-11 08:03 Value 1: Resolved",
    "4 2013-10-26 08:04 Value 3: Closed",
    "5 2013-11-28 11:53 Value 2: Reopened",
    "6 2013-11-28 11:53 Value 2: Assigned",
]
NEW_YEAR_2012: Final = datetime(2012, 1, 1, tzinfo=UTC)
# What comes with a row, and is none.
BESIDE: Final = (e.Created, e.Resumed, e.Reopened)
EVENT_OF: Final = {
    "Take in charge ticket": e.Assigned,
    "Wait": e.Awaiting,
    "Resolve ticket": e.Resolved,
    "Closed": e.Closed,
}


@dataclass(frozen=True)
class Imported:
    database: Database
    report: Report
    log: Log


@pytest.fixture(scope="module")
def desk(
    postgres: EmbeddedPostgres, databases: Callable[[str], Iterator[str]], migrated: str
) -> Iterator[Imported]:
    """The whole history, imported once for all tests of this file."""
    file = helpdesk()
    for name in databases(migrated):
        database = Database(postgres.url(name, OWNER), postgres.url(name, SERVICE))
        report = import_file(database, file, read_mapping(HELPDESK))
        yield Imported(database, report, log_of(database))


@pytest.fixture(scope="module")
def stories() -> Mapping[str, Sequence[Mapping[str, str]]]:
    """The rows of each case in the order of their times, read by other means."""
    found: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(helpdesk(), "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            found[row["case"]].append(row)
    return {case: sorted(story, key=lambda row: row["time"]) for case, story in found.items()}


def of_rows(history: Sequence[Recorded]) -> list[Recorded]:
    """The events that are a row each."""
    return [recorded for recorded in history if not isinstance(recorded.event, BESIDE)]


def status_after(story: Sequence[Mapping[str, str]]) -> Status:
    """What the help desk itself would have said."""
    states = [
        r["activity"]
        for r in story
        if r["activity"] in {"Closed", "Take in charge ticket", "Wait", "Resolve ticket"}
    ]
    if states and states[-1] == "Closed":
        return Status.CLOSED
    taken = any(row["activity"] == "Take in charge ticket" for row in story)
    return Status.IN_PROGRESS if taken else Status.UNASSIGNED


def test_every_row_is_an_event_a_repeat_or_a_refusal(desk: Imported) -> None:
    report = desk.report
    assert report.events + report.repeats + len(report.refusals) == ROWS
    assert (report.events, report.cases, len(desk.log.cases)) == (ROWS, CASES, CASES)
    assert report.people == PEOPLE + 1  # and whoever stands for the customers


def test_a_second_run_is_all_repeats_and_adds_nothing(desk: Imported) -> None:
    report = import_file(desk.database, helpdesk(), read_mapping(HELPDESK))
    assert (report.events, report.repeats) == (0, ROWS)
    last = rows(desk.database, "SELECT max(notification_id) FROM log.events")
    assert last == [(len(desk.log.history),)]


def test_each_row_stands_in_its_case_with_its_time_and_its_person(
    desk: Imported, stories: Mapping[str, Sequence[Mapping[str, str]]]
) -> None:
    names = desk.log.names()
    for case, story in stories.items():
        told = [
            (type(r.event), names[r.by.id], f"{r.at:%Y-%m-%dT%H:%M:%SZ}")
            for r in of_rows(desk.log.cases[case])
        ]
        assert told == [
            (EVENT_OF.get(row["activity"], e.Posted), row["resource"], row["time"]) for row in story
        ]


def test_each_case_replays_and_ends_as_its_rows_say(
    desk: Imported, stories: Mapping[str, Sequence[Mapping[str, str]]]
) -> None:
    for case, story in stories.items():
        assert desk.log.case(case).status is status_after(story), case


def test_as_of_2012_a_case_is_what_its_rows_said_by_then(
    desk: Imported, stories: Mapping[str, Sequence[Mapping[str, str]]]
) -> None:
    seen: Counter[str] = Counter()
    for case, story in stories.items():
        history = desk.log.cases[case]
        then = [recorded for recorded in history if recorded.at < NEW_YEAR_2012]
        assert then == history[: len(then)]
        before = [row for row in story if row["time"] < "2012"]
        found = case_of(then)
        assert (found and found.status) == (status_after(before) if before else None), case
        seen["there" if found else "not yet"] += 1
    assert seen["there"] > 500
    assert seen["not yet"] > 500


def test_within_every_stream_versions_count_and_time_never_runs_backwards(desk: Imported) -> None:
    last: dict[UUID, Recorded] = {}
    for recorded in desk.log.history:
        before = last.get(recorded.stream)
        assert recorded.version == (before.version + 1 if before else 1)
        assert before is None or recorded.at >= before.at
        last[recorded.stream] = recorded


def test_one_case_as_it_was(desk: Imported) -> None:
    names = desk.log.names()
    assert [
        f"{r.version} {r.at:%Y-%m-%d %H:%M} {names[r.by.id]}: {type(r.event).__name__}"
        for r in desk.log.cases["Case 2436"]
    ] == CASE_2436
    case = desk.log.case("Case 2436")
    assert (case.status, names[case.assignee or ""]) == (Status.IN_PROGRESS, "Value 2")
    closed = case_of(desk.log.cases["Case 2436"][:4])
    assert closed is not None
    assert closed.life.closed is not None
    assert closed.life.closed.customers_word
    # Sat 26 October is day 0; the clocks of Rome go back on the 27th.
    assert closed.life.closed.window.until == datetime(2013, 11, 14, 23, tzinfo=UTC)


INTERRUPTED: Final = """
import sys
from pathlib import Path
from domain.runtime.mapping import read_mapping
from tests.conftest import Database
from tests.domain.runtime.imported import import_file
url, file, mapping = sys.argv[1:]
progress = lambda done, rows: print(done, flush=True) if done % 500 == 0 else None
import_file(Database(url, url), Path(file), read_mapping(Path(mapping)), progress=progress)
"""


def test_an_import_that_was_killed_three_times_ends_as_one_that_was_not(
    desk: Imported, database: Database
) -> None:
    file = helpdesk()
    for enough in (1_000, 6_000, 14_000):
        command = [sys.executable, "-c", INTERRUPTED, database.url, str(file), str(HELPDESK)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as importing:
            assert importing.stdout is not None
            for done in importing.stdout:
                if int(done) >= enough:
                    importing.kill()
        assert importing.returncode == -9
    report = import_file(database, file, read_mapping(HELPDESK))
    assert 14_000 <= report.repeats < ROWS
    assert report.events + report.repeats == ROWS
    assert told(log_of(database)) == told(desk.log)


def told(log: Log) -> dict[str, list[Any]]:
    """What each case's history says, apart from what every log gives anew."""
    return {case: [_without_place(r) for r in history] for case, history in log.cases.items()}


def _without_place(recorded: Recorded) -> Recorded:
    event = recorded.event
    if isinstance(event, e.Created):
        event = event.model_copy(update={"number": ""})
    return replace(recorded, event=event, stream=UUID(int=0), position=0, recorded_at=None)
