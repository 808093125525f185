"""A foreign file: what is read, what is refused, and what a mapping may say."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.runtime.foreign import FileUnreadable, ForeignHistory, Refused, read_history
from domain.runtime.mapping import ForeignMapping, MappingUnreadable, read_mapping
from domain.values import MOST_WORDS
from tests.domain.runtime.imported import HEADING, HELPDESK, OLD_DESK, written

NOW = datetime(2026, 11, 16, 9, tzinfo=UTC)
GOOD = "7,take,Anna,2012-01-02T10:00:00Z,"


def read(file: Path, **changed: Any) -> ForeignHistory:  # noqa: ANN401  any field of the mapping
    return read_history(file, OLD_DESK.model_copy(update=changed), NOW)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,take,Anna,,", "The row has no time."),
        ("7,take,Anna,yesterday,", "The time cannot be read: yesterday."),
        ("7,take,Anna,2012-13-01T10:00:00Z,", "The time cannot be read: 2012-13-01T10:00:00Z."),
        ("7,take,Anna,2027-01-01T00:00:00Z,", "The time lies ahead: 2027-01-01T00:00:00Z."),
        (",take,Anna,2012-01-02T10:00:00Z,", "The row has no case id."),
        ("7, ,Anna,2012-01-02T10:00:00Z,", "The row has no activity."),
        ("7,take,,2012-01-02T10:00:00Z,", "The row does not name who has the case."),
        ("7,take,Anna", "The row has 3 columns instead of 5."),
        ("7,take,Anna,2012-01-02T10:00:00Z,,", "The row has 6 columns instead of 5."),
        ("7,take,Anna,2012-01-02T10:00:00Z,\x00", "The row holds control characters."),
        ("7,take,Anna,2012-01-02T10:00:00Z,\udcff", "The row is not UTF-8."),
        (f"{'7' * 81},take,Anna,2012-01-02T10:00:00Z,", "The case id has more than 80 characters."),
        (
            f"7,take,{'a' * 201},2012-01-02T10:00:00Z,",
            "The name in 'who' has more than 200 characters.",
        ),
        (
            f"7,take,Anna,2012-01-02T10:00:00Z,{'w' * (MOST_WORDS + 1)}",
            "A text has 32,001 characters, and at most 32,000 are kept.",
        ),
        ('7,"take"n,Anna,2012-01-02T10:00:00Z,', "The row is no CSV: ',' expected after '\"'."),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_a_reason_and_costs_no_other(
    tmp_path: Path, row: str, reason: str
) -> None:
    file = tmp_path / "old.csv"
    content = f"{HEADING}\n{GOOD}\n{row}\n{GOOD}"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    history = read(file)
    assert history.refused == [Refused(3, reason)]
    assert history.rows == 3


def test_a_quotation_mark_that_is_never_closed_is_told(tmp_path: Path) -> None:
    history = read(written(tmp_path, GOOD, '7,write,Anna,2012-01-02T10:00:00Z,"open', GOOD))
    assert history.refused == [Refused(3, "The row is no CSV: unexpected end of data.")]


def test_the_line_of_a_row_is_that_on_which_it_begins(tmp_path: Path) -> None:
    two_lines = '7,write,Anna,2012-01-02T10:00:00Z,"Two\nlines, ""quoted"""'
    history = read(written(tmp_path, two_lines, "", "7,take", GOOD))
    assert [(row.line, row.text) for row in history.cases["7"]] == [
        (2, 'Two\nlines, "quoted"'),
        (6, ""),
    ]
    assert history.refused == [Refused(5, "The row has 2 columns instead of 5.")]


def test_a_file_may_begin_with_a_byte_order_mark_end_lines_as_it_likes_and_be_packed(
    tmp_path: Path,
) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    content = f"\ufeff{HEADING}\r\n{GOOD}\r\n".encode()
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert read(plain) == read(packed)
    assert read(plain).rows == 1


def test_the_rows_of_a_case_stand_in_the_order_of_their_times_and_then_of_their_lines(
    tmp_path: Path,
) -> None:
    file = written(
        tmp_path,
        "7,late,Anna,2012-01-03T10:00:00Z,",
        "8,other,Anna,2012-01-01T10:00:00Z,",
        "7,first,Anna,2012-01-02T12:00:00+02:00,",
        "7,second,Anna,2012-01-02T10:00:00Z,",
    )
    cases = read(file).cases
    assert list(cases) == ["8", "7"]
    assert [row.activity for row in cases["7"]] == ["first", "second", "late"]


def test_rows_that_read_the_same_are_counted(tmp_path: Path) -> None:
    rows = read(written(tmp_path, GOOD, "8" + GOOD[1:], GOOD, GOOD)).cases
    assert [row.occurrence for row in rows["7"]] == [1, 2, 3]
    assert [row.occurrence for row in rows["8"]] == [1]


def test_times_may_have_a_format_and_a_zone_of_their_own_and_columns_another_delimiter(
    tmp_path: Path,
) -> None:
    file = written(tmp_path, "7;take;Anna;02.07.2012 10:00;", heading=HEADING.replace(",", ";"))
    history = read(file, delimiter=";", time_format="%d.%m.%Y %H:%M", time_zone="Europe/Berlin")
    assert history.cases["7"][0].at == datetime(2012, 7, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("heading", "why"),
    [
        ("", "its first line holds no headings"),
        ("case,activity,who,time", "it has no column 'text', only case, activity, who, time"),
        (HEADING + ",who", "it has more than one column 'who'"),
    ],
)
def test_a_file_without_its_columns_is_no_history(tmp_path: Path, heading: str, why: str) -> None:
    with pytest.raises(FileUnreadable) as told:
        read(written(tmp_path, heading=heading))
    assert str(told.value) == f"old.csv cannot be imported: {why}."


@pytest.mark.parametrize("kept", [5, 25, -9, -1])
def test_a_packed_file_that_breaks_off_is_no_history(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "old.csv.gz"
    file.write_bytes(gzip.compress(f"{HEADING}\n{GOOD}".encode())[:kept])
    with pytest.raises(FileUnreadable):
        read(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="No such file"):
        read(tmp_path / "nowhere.csv")


# The mapping -----------------------------------------------------------------------------------
def test_the_mapping_of_the_help_desk_names_its_columns() -> None:
    mapping = read_mapping(HELPDESK)
    assert mapping.columns_lacking(["case", "activity", "resource", "time"]) == []
    assert mapping.columns_lacking(["case"]) == ["activity", "time", "resource"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('source = "helpdesk"', "", "source: field required"),
        ('"closed"', '"shut"', "activities.Closed: input tag 'shut' found using 'event'"),
        ('"provided"', '"given"', "activities.Resolve ticket.resolved.type: input should be"),
        ("Europe/Rome", "Europe/Roma", "account.zone: is no time zone; an example: Europe/Berlin."),
        ("[contact]", "[contact", "Expected ']' at the end of a table declaration"),
        ("[contact]", "[kontact]", "contact: field required"),
    ],
)
def test_a_mapping_that_is_not_right_says_where(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(HELPDESK.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(MappingUnreadable) as told:
        read_mapping(file)
    assert str(told.value).startswith(f"The mapping own.toml is not right: {why}")


def test_a_template_takes_the_cells_of_its_columns_and_no_other_words() -> None:
    cells = {"case": "7", "Case ID": "eight", "text": "{case} {0} {who.x}"}
    assert OLD_DESK.filled("{source} {case} {Case ID}: {text}", cells) == (
        "old-desk 7 eight: {case} {0} {who.x}"
    )
    asks = ForeignMapping.model_validate(OLD_DESK.model_dump() | {"subject": "{topic}"})
    assert "topic" in asks.columns_lacking(HEADING.split(","))
