"""A foreign history becomes ours: what each row makes happen, and that a second time adds nothing.

Anna and Alan worked on a desk that knew no rules; Clara was its customer.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from domain import commands as c
from domain import events as e
from domain.configuration import Account, Person, claim_stream, document_stream
from domain.errors import CalendarUnknown
from domain.recorded import Cause
from domain.runtime.codec import Codec
from domain.runtime.foreign import read_history
from domain.runtime.importing import Report
from domain.runtime.keys import Keyring
from domain.runtime.mapping import AccountOf
from domain.runtime.newcomers import Import, import_id
from domain.runtime.opening import open_store
from domain.values import Role, Status
from tests.conftest import Database
from tests.desks import a_desk, settings_for
from tests.domain.runtime.appended import run
from tests.domain.runtime.imported import (
    BUILD,
    OLD_DESK,
    OPERATOR,
    Log,
    import_file,
    import_into,
    log_in,
    log_of,
    opened,
    written,
)
from tests.examples import ACME, CLARA, CREATE

T1, T2, T3, T4 = (f"2012-01-0{day}T10:00:00Z" for day in (2, 3, 4, 5))
EVERYTHING = (
    f"1,take,Anna,{T1},Printer on fire",
    f"1,wait,Anna,{T2},",
    f"1,solve,Anna,{T3},Water.",
    f"1,close,Alan,{T4},",
    f"1,close,Alan,{T4},",  # twice, and read the same
    f"2,solve,Alan,{T1},",  # before anybody took it
    f"2,take,Alan,{T2},",
    f"2,close,Alan,{T3},Done.",
    f"2,take,Anna,{T4},Not done.",  # worked on after it was closed
    f"3,close,Alan,{T2},",  # closed at once
    f"3,frobnicate,Anna,{T3},",  # the mapping does not tell
    f"3,write,Clara,{T1},Hello?",  # out of order
    "3,write,Clara,soon,",
    f"3,write,Clara,{T1},Hello?,!",
)

STORIES = [
    ["Created", "Assigned", "Awaiting", "Resumed", "Resolved", "Closed", "Closed"],
    ["Created", "Resolved", "Assigned", "Closed", "Reopened", "Assigned"],
    ["Created", "Posted", "Closed", "Posted"],
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, *EVERYTHING)


def happened(log: Log, external_id: str) -> list[str]:
    """A case's events by name."""
    return [type(recorded.event).__name__ for recorded in log.cases[external_id]]


# What becomes of a file ------------------------------------------------------------------------
def test_events_repeats_and_refusals_are_all_rows(database: Database, file: Path) -> None:
    report = import_file(database, file)
    assert (report.events, report.repeats, report.rows) == (12, 0, len(EVERYTHING))
    assert [refused.line for refused in report.refusals] == [14, 15]
    assert (report.cases, report.people) == (3, 3)


def test_a_second_run_adds_nothing(database: Database, file: Path) -> None:
    import_file(database, file)
    before = log_of(database)
    report = import_file(database, file.rename(file.with_name("again.csv")))
    assert (report.events, report.repeats, report.rows) == (0, 12, len(EVERYTHING))
    assert log_of(database) == before


def test_a_dry_run_counts_the_same_and_writes_nothing(database: Database, file: Path) -> None:
    dry = import_file(database, file, dry_run=True)
    assert log_of(database).history == []
    assert import_file(database, file) == dry
    assert import_file(database, file, dry_run=True) == import_file(database, file)


def test_a_file_that_has_grown_adds_what_is_new(database: Database, file: Path) -> None:
    import_file(database, file)
    before = log_of(database)
    grown = written(
        file.parent,
        f"1,close,Alan,{T4},",  # a third time
        *EVERYTHING,
        f"3,open again,Zoe,{T4},Still not.",
        f"4,take,Zoe,{T1},",
    )
    report = import_file(database, grown)
    assert (report.events, report.repeats, report.cases, report.people) == (3, 12, 4, 4)
    after = log_of(database)
    assert after.history[: len(before.history)] == before.history
    assert happened(after, "1")[-3:] == ["Closed", "Closed", "Closed"]
    assert (happened(after, "3")[-1], after.case("3").status) == ("Reopened", Status.UNASSIGNED)


def test_an_earlier_row_that_comes_later_never_turns_time_back(
    database: Database, file: Path
) -> None:
    import_file(database, file)
    import_file(database, written(file.parent, f"1,write,Anna,{T1},Late news"))
    history = log_of(database).cases["1"]
    assert [type(r.event) for r in history][-1] is e.Posted
    assert history[-1].at == history[-2].at == datetime.fromisoformat(T4)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", [3, 5, 9])
def test_an_import_that_was_interrupted_is_completed_by_the_next(
    database: Database, file: Path, after: int
) -> None:
    def stop(done: int, _rows: int) -> None:
        if done == after:
            raise Stopped

    with pytest.raises(Stopped):
        import_file(database, file, progress=stop)
    report = import_file(database, file)
    assert report.events + report.repeats == 12
    log = log_of(database)
    assert [happened(log, case) for case in "123"] == STORIES


def test_each_case_tells_its_rows_in_their_order(database: Database, file: Path) -> None:
    import_file(database, file)
    log = log_of(database)
    assert [happened(log, case) for case in "123"] == STORIES
    assert [log.case(case).status for case in "123"] == [
        Status.CLOSED,
        Status.IN_PROGRESS,
        Status.CLOSED,
    ]


def test_two_imports_at_once_write_each_row_once(database: Database, file: Path) -> None:
    async def both() -> Sequence[Report]:
        async with opened(database) as first, opened(database) as second:
            return await asyncio.gather(*(import_into(store, file) for store in (first, second)))

    reports = run(both())
    assert sum(report.events for report in reports) == 12
    assert {report.rows for report in reports} == {len(EVERYTHING)}
    log = log_of(database)
    assert [happened(log, case) for case in "123"] == STORIES


def test_two_files_at_once_that_tell_of_the_same_cases_meet_in_them(
    database: Database, tmp_path: Path
) -> None:
    cases = range(40)
    first = written(tmp_path, *(f"{n},take,Anna,{T1}," for n in cases), name="first.csv")
    second = written(tmp_path, *(f"{n},close,Alan,{T2}," for n in cases), name="second.csv")

    async def both() -> Sequence[Report]:
        async with opened(database) as one, opened(database) as other:
            return await asyncio.gather(import_into(one, first), import_into(other, second))

    assert [(r.events, r.refusals) for r in run(both())] == [(40, ()), (40, ())]
    log = log_of(database)
    assert len(log.cases) == len(cases)
    assert {len(of_case) for of_case in log.cases.values()} <= {3, 4}  # 4: closed, then taken


def test_progress_tells_how_many_rows_are_done_of_how_many(database: Database, file: Path) -> None:
    told: list[tuple[int, int]] = []
    import_file(database, file, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 14) for done in range(2, 15)]


# Times, people, and what the log must know of them ---------------------------------------------
def test_times_and_people_are_the_foreign_ones_and_the_cause_is_the_file(
    database: Database, file: Path
) -> None:
    import_file(database, file)
    log = log_of(database)
    names = log.names()
    assert [(f"{r.at:%d}", names[r.by.id], r.by.role) for r in log.cases["3"]] == [
        ("02", "Clara", Role.CUSTOMER),
        ("02", "Clara", Role.CUSTOMER),
        ("03", "Alan", Role.AGENT),
        ("04", "Anna", Role.AGENT),
    ]
    assert {recorded.cause for recorded in log.history} == {Cause("import", "old.csv")}
    assert {recorded.build for recorded in log.history} == {BUILD}


def test_an_operator_adds_the_account_and_the_people_as_of_the_first_row(
    database: Database, file: Path
) -> None:
    import_file(database, file)
    documents = log_of(database).documents
    assert sorted(log_of(database).names().values()) == ["Alan", "Anna", "Clara", "Old customers"]
    assert {(r.by, r.at, r.version) for r in documents} == {
        (OPERATOR, datetime.fromisoformat(T1), 1)
    }


def test_the_account_and_the_people_that_the_log_has_stay_as_they_are(
    database: Database, file: Path
) -> None:
    named = OLD_DESK.model_copy(update={"account": AccountOf(id=ACME, name="Not Acme")})

    async def main() -> None:
        async with opened(database) as store:
            document = Account(name="Acme", zone="America/Sao_Paulo")
            cause = Cause("command line")
            await store.handle(ACME, c.SetAccount(document=document), by=OPERATOR, cause=cause)
            await import_into(store, file, named)

    run(main())
    log = log_of(database)
    assert sorted(log.names().values()) == ["Acme", "Alan", "Anna", "Clara"]
    assert log.case("1").account == ACME
    closing = log.case("1").life.closed
    assert closing is not None
    assert closing.window.zone == "America/Sao_Paulo"
    versions = log.cases["1"][0].documents
    assert versions == {f"account:{ACME}": 1, "calendar:standard": 0, "catalogue": 0}


def test_people_act_in_the_role_that_the_log_knows(database: Database, file: Path) -> None:
    async def main() -> None:
        async with opened(database) as store:
            await import_into(store, file)
            anna = next(
                id_ for id_, name in (await log_in(store)).names().items() if name == "Anna"
            )
            assert isinstance(anna, UUID)
            promoted = c.SetPerson(document=Person(name="Anna", role=Role.SUPPORT_ADMIN))
            cause = Cause("command line")
            await store.handle(anna, promoted, by=OPERATOR, cause=cause)
            await import_into(store, written(file.parent, f"1,write,Anna,{T4},More"))

    run(main())
    log = log_of(database)
    assert log.cases["1"][-1].by.role is Role.SUPPORT_ADMIN
    assert sorted(log.names().values()) == ["Alan", "Anna", "Clara", "Old customers"]


def test_a_calendar_that_is_not_there_ends_the_import_before_it_begins(
    database: Database, file: Path
) -> None:
    account = AccountOf(name="Old customers", calendar="nowhere")
    with pytest.raises(CalendarUnknown):
        import_file(database, file, OLD_DESK.model_copy(update={"account": account}))
    assert log_of(database).history == []


def test_a_file_of_bad_rows_alone_writes_nothing(database: Database, tmp_path: Path) -> None:
    report = import_file(database, written(tmp_path, "1,take,Anna,soon,", "2,take"))
    assert (report.events, report.rows, report.cases, report.people) == (0, 2, 0, 0)
    assert log_of(database).history == []


def test_no_id_confirms_a_guessed_name_or_text(database: Database, file: Path) -> None:
    """Ids outlast erasure: whoever has only the log must not be able to make them."""
    import_file(database, file)
    log = log_of(database)
    ids = {r.command.id for r in log.history if r.command} | set(log.names())

    codec = Codec(Keyring(bytes(32)))
    people = (Import(source="old-desk", what="person", words=(n,)) for n in ("Anna", "Alan"))
    rows = (
        Import(source="old-desk", what="row", words=tuple(row.cells.values()))
        for story in read_history(file, OLD_DESK, datetime.now(UTC)).cases.values()
        for row in story
    )
    under_another_key = {import_id(codec, command)[0] for command in (*people, *rows)}
    assert not ids & under_another_key


# A case that is ours by now --------------------------------------------------------------------
def test_a_case_that_claims_the_foreign_id_already_is_gone_on_with(
    database: Database, file: Path
) -> None:
    async def main() -> None:
        desk = await a_desk(settings_for(database.url))
        async with open_store(desk.settings, "test import") as store:
            create = CREATE.model_copy(update={"external_ids": {"old-desk": "1"}})
            await store.handle(None, create, by=CLARA, cause=Cause("request"))
            of_acme = OLD_DESK.account.model_copy(update={"id": ACME})
            await import_into(store, file, OLD_DESK.model_copy(update={"account": of_acme}))

    run(main())
    log = log_of(database)
    assert happened(log, "1") == STORIES[0]
    history = log.cases["1"]
    assert history[0].cause.kind == "request"
    assert {recorded.at for recorded in history} == {history[0].at}


def test_rows_of_a_case_that_was_erased_or_merged_are_refused(
    database: Database, file: Path
) -> None:
    grown = [f"{case},write,Anna,{T4},More" for case in ("1", "2")]

    async def main() -> Report:
        async with opened(database) as store:
            await import_into(store, file)
            log = await log_in(store)
            erased, merged = log.case("1"), log.case("2")
            agent = next(r.by for r in log.cases["2"] if r.by.role is Role.AGENT)
            cause = Cause("command line")
            await store.handle(erased.id, c.Erase(reason="Law."), by=OPERATOR, cause=cause)
            import_four = written(file.parent, f"4,take,Anna,{T1},", name="four.csv")
            await import_into(store, import_four)
            into = (await log_in(store)).case("4").number
            await store.handle(merged.id, c.Merge(into=into), by=agent, cause=cause)
            return await import_into(store, written(file.parent, *EVERYTHING, *grown))

    report = run(main())
    assert (report.events, report.repeats, report.rows) == (0, 12, len(EVERYTHING) + 2)
    assert [reason for _, reason in report.refusals[-2:]] == [
        "The case was erased; nothing can be done with it any more.",
        "The case was merged into 00000004: go on there.",
    ]


def test_a_released_foreign_id_may_begin_a_new_case(database: Database, file: Path) -> None:
    async def main() -> None:
        async with opened(database) as store:
            await import_into(store, file)
            log = await log_in(store)
            agent = next(r.by for r in log.cases["2"] if r.by.role is Role.AGENT)
            released = c.ChangeDetails(external_ids={})
            cause = Cause("request")
            await store.handle(log.case("2").id, released, by=agent, cause=cause)
            grown = written(file.parent, *EVERYTHING, f"2,take,Anna,{T4},Elsewhere")
            assert (await import_into(store, grown)).events == 1

    run(main())
    assert happened(log_of(database), "2") == ["Created", "Assigned"]
    claims = [r for r in log_of(database).history if type(r.event).__name__.startswith("Ext")]
    assert [
        r.version
        for r in claims
        if r.stream == claim_stream(document_stream("account", "old customers"), "old-desk", "2")
    ] == [1, 2, 3]


def test_within_every_stream_time_never_runs_backwards(database: Database, file: Path) -> None:
    import_file(database, file)
    import_file(database, written(file.parent, *EVERYTHING, f"2,drop,Anna,{T1},"))
    last: dict[UUID, datetime] = {}
    for recorded in log_of(database).history:
        assert recorded.at >= last.get(recorded.stream, recorded.at)
        last[recorded.stream] = recorded.at
