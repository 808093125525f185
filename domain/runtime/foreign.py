"""The rows of a foreign history: read, checked one by one, gathered by case in their order."""

import csv
import gzip
import io
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import IO, Final, NamedTuple
from zoneinfo import ZoneInfo

from domain.runtime.mapping import ForeignMapping, SaysAssigned
from domain.values import MOST_WORDS

_GZIP: Final = b"\x1f\x8b"
_LONGEST_CASE_ID: Final = 80
_LONGEST_NAME: Final = 200
_NOT_UTF_8: Final = re.compile("[\udc80-\udcff]")  # as `surrogateescape` leaves it
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Row:
    """What happened, as the foreign system says it.

    `occurrence` counts the rows of the file that read the same, 1, 2, 3 …
    """

    line: int
    case: str
    activity: str
    who: str
    at: datetime
    text: str
    cells: Mapping[str, str]
    occurrence: int

    def named(self, column: str | None) -> str:
        """The person in a column; empty where nobody is named."""
        return _one_line(self.cells[column]) if column else ""

    @property
    def words(self) -> str:
        """What was written, or the name of what was done."""
        return self.text or self.activity


class Refused(NamedTuple):
    """A row that nothing was made of: the line on which it begins, and why in a sentence."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ForeignHistory:
    """All of a file: the rows of each case in the order of their times, oldest case first."""

    cases: Mapping[str, Sequence[Row]]
    refused: Sequence[Refused]

    @property
    def rows(self) -> int:
        """How many rows the file has, good or bad."""
        return len(self.refused) + sum(map(len, self.cases.values()))


class FileUnreadable(Exception):
    """{file} cannot be imported: {why}."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__((self.__doc__ or "").format(file=file.name, why=why))


class _Unfit(Exception):
    """Why a row is refused."""


def read_history(file: Path, mapping: ForeignMapping, now: datetime) -> ForeignHistory:
    """The rows of a CSV file (RFC 4180, also .gz). What lies after `now` has not happened.

    All of it is held in memory: a file need not be sorted, and a case is one story.

    Raises:
        FileUnreadable: it is no such file, or lacks a column that the mapping names.
    """
    refused: list[Refused] = []
    cases: defaultdict[str, list[Row]] = defaultdict(list)
    seen: Counter[tuple[str, ...]] = Counter()
    try:
        with file.open("rb") as raw, _unpacked(raw) as lines:
            heading, rows = _table(file, mapping, lines)
            for line, cells in rows:
                try:
                    row = _row(line, cells, heading, mapping, now, seen)
                    cases[row.case].append(row)
                except _Unfit as why:
                    refused.append(Refused(line, str(why)))
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise FileUnreadable(file, said) from None
    for story in cases.values():
        story.sort(key=attrgetter("at", "line"))
    return ForeignHistory(dict(sorted(cases.items(), key=lambda item: item[1][0].at)), refused)


def _unpacked(raw: IO[bytes]) -> io.TextIOWrapper:
    packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    # Bad bytes must not end the reading: they come through marked, and cost their row alone.
    content = gzip.GzipFile(fileobj=raw) if packed else raw
    return io.TextIOWrapper(content, "utf-8-sig", errors="surrogateescape", newline="")


def _table(
    file: Path, mapping: ForeignMapping, lines: IO[str]
) -> tuple[list[str], Iterator[tuple[int, list[str] | csv.Error]]]:
    rows = _numbered(lines, mapping.delimiter)
    _, heading = next(rows, (1, []))
    if isinstance(heading, csv.Error) or not heading:
        raise FileUnreadable(file, "its first line holds no headings")
    heading = [name.strip() for name in heading]
    if lacking := mapping.columns_lacking(heading):
        has = ", ".join(heading)
        raise FileUnreadable(file, f"it has no column {lacking[0]!r}, only {has}")
    if twice := [name for name, count in Counter(heading).items() if count > 1]:
        raise FileUnreadable(file, f"it has more than one column {twice[0]!r}")
    return heading, rows


def _numbered(lines: IO[str], delimiter: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """The rows that are not blank, each with the line on which it begins."""
    # Strict: else a quotation mark that is never closed would swallow the rest without a word.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, error
        else:
            if cells:
                yield line, cells


def _row(
    line: int,
    cells: list[str] | csv.Error,
    heading: Sequence[str],
    mapping: ForeignMapping,
    now: datetime,
    seen: Counter[tuple[str, ...]],
) -> Row:
    if isinstance(cells, csv.Error):
        raise _Unfit(f"The row is no CSV: {cells}.")
    _refuse_unreadable(cells, len(heading))
    named = dict(zip(heading, (cell.strip() for cell in cells), strict=True))
    for column in mapping.people_columns():
        if len(named[column]) > _LONGEST_NAME:
            raise _Unfit(f"The name in {column!r} has more than {_LONGEST_NAME} characters.")
    columns = mapping.columns
    at = _instant(named[columns.time], mapping)
    if at > now:
        raise _Unfit(f"The time lies ahead: {named[columns.time]}.")
    case = _one_line(_required(named, columns.case, "case id"))
    if len(case) > _LONGEST_CASE_ID:
        raise _Unfit(f"The case id has more than {_LONGEST_CASE_ID} characters.")
    activity = _required(named, columns.activity, "activity")
    who = _one_line(named[columns.who])
    says = mapping.meaning(activity)
    if isinstance(says, SaysAssigned) and not (says.team or named[says.column or columns.who]):
        raise _Unfit("The row does not name who has the case.")
    text = named[columns.text] if columns.text else ""
    key = tuple(named.values())
    seen[key] += 1
    return Row(line, case, activity, who, at, text, named, seen[key])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _refuse_unreadable(cells: Sequence[str], width: int) -> None:
    if len(cells) != width:
        raise _Unfit(f"The row has {len(cells)} columns instead of {width}.")
    whole = "".join(cells)
    if _NOT_UTF_8.search(whole):
        raise _Unfit("The row is not UTF-8.")
    if _CONTROL.search(whole):
        raise _Unfit("The row holds control characters.")
    longest = max(map(len, cells))
    if longest > MOST_WORDS:
        raise _Unfit(f"A text has {longest:,} characters, and at most {MOST_WORDS:,} are kept.")


def _required(named: Mapping[str, str], column: str, what: str) -> str:
    if not named[column]:
        raise _Unfit(f"The row has no {what}.")
    return named[column]


def _instant(text: str, mapping: ForeignMapping) -> datetime:
    if not text:
        raise _Unfit("The row has no time.")
    try:
        if mapping.time_format:
            at = datetime.strptime(text, mapping.time_format)  # noqa: DTZ007  the next lines see to it
        else:
            at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(mapping.time_zone))
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Unfit(f"The time cannot be read: {text[:40]}.") from None
