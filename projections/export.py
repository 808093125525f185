"""Which cases are there for a viewer: all of them at once, as lines of a file."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import IO, Final, Literal, LiteralString, NamedTuple, TypeAlias

from psycopg import IsolationLevel
from psycopg.sql import SQL, Composed
from psycopg.sql import Literal as Quoted

from domain.runtime.database import connect
from projections.listing import SORTS, Seen, Wanted, where

Format: TypeAlias = Literal["csv", "ndjson"]
CRLF: Final = b"\r\n"  # RFC 4180


class Column(NamedTuple):
    """A column of the file: its title, what stands in it, the same as customers see it.

    A text, or NULL. `publicly` None: the column is for the desk.
    """

    title: str
    of: LiteralString
    publicly: LiteralString | None


def _column(title: str, of: LiteralString) -> Column:
    return Column(title, of, of)


def _instant(title: str, of: LiteralString, publicly: LiteralString | None = None) -> Column:
    return Column(title, *(_utc(name) for name in (of, publicly or of)))


def _utc(of: LiteralString) -> LiteralString:
    return "to_char(" + of + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


# Those of the list in its order, and then the others.
COLUMNS: Final[Mapping[str, Column]] = MappingProxyType({
    "type": _column("Type", "c.type ->> 'name'"),
    "number": _column("Case Id", "c.number"),
    "application": _column("Application", "c.application_name"),
    "severity": _column("Severity", "c.severity_name"),
    "account": _column("Account Name", "c.account_name"),
    "subject": _column("Subject", "c.subject"),
    "status": _column("Status", "c.status"),
    "contact": _column("Contact Name", "c.contact_name"),
    "created": _instant("Created Date", "c.created_at"),
    "modified": _instant("Last Modified", "c.modified_at", "c.public_modified_at"),
    "badges": _column("Badges", "array_to_string(c.badges, ', ')"),
    "assignee": _column("Assignee", "c.assignee_name"),
    "team": _column("Team", "c.team ->> 'name'"),
    "category": _column("Category", "c.category ->> 'name'"),
    "product_version": _column("Product Version", "c.product_version ->> 'name'"),
    "component": _column("Component", "c.component ->> 'name'"),
    "customer_reference": _column("Customer Reference", "c.customer_reference"),
    "external_ids": _column("External Ids", """(
        SELECT string_agg(e.key || ':' || e.value, ', ' ORDER BY e.key)
          FROM jsonb_each_text(c.external_ids) e)"""),
    "tags": Column("Tags", "array_to_string(c.tags, ', ')", None),
    "escalated": _instant("Escalated", "c.escalated_at"),
    "awaiting_until": _instant("Awaiting Until", "c.awaiting_until"),
    "closed": _instant("Closed Date", "c.closed_at"),
    "reopen_until": _instant("Can Be Reopened Before", "c.reopen_until"),
    "description": _column("Description", "c.description"),
})  # fmt: skip
SHOWN: Final = tuple(COLUMNS)[:10]

# A spreadsheet takes a cell that begins like this for a formula, and carries it out; so are the
# same signs in their full width.
# Source: OWASP, CSV Injection.
CELL: Final = SQL("""
CASE WHEN strpos(E'=+-@\\t\\r\\n\\uFF1D\\uFF0B\\uFF0D\\uFF20', nullif(left({of}, 1), '')) > 0
     THEN '''' || ({of}) ELSE ({of}) END
""")
# JSON has neither of the two characters, so that each line comes as it is.
OPTIONS: Final[Mapping[Format, LiteralString]] = {
    "csv": "FORMAT csv, FORCE_QUOTE *",
    "ndjson": "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'",
}
COPY: Final = SQL("""
COPY (SELECT {columns} FROM read.cases c WHERE {where} ORDER BY {by} {direction}, c.id {direction})
  TO STDOUT ({options})
""")
THROUGH: Final = "SELECT min(position) FROM read.models WHERE name = ANY(%(models)s)"
# Longer than any list may take: a million lines are no mistake.
NOT_FOREVER: Final = "SET LOCAL statement_timeout = '1min'"


class Written(NamedTuple):
    """How many cases are in a file, and the position up to which it tells."""

    rows: int
    position: int


def write(
    file: IO[bytes],
    url: str,
    wanted: Wanted,
    seen: Seen,
    columns: Sequence[str],
    form: Format,
    models: Collection[str],
) -> Written:
    """Writes all cases that are wanted, in the order of the list, at the speed of the database.

    For a thread: a loop that takes a million rows would answer nobody else.
    """
    condition, values = seen
    sort = SORTS[wanted.sort]
    statement = COPY.format(
        columns=(_cells if form == "csv" else _object)(columns, publicly=wanted.publicly),
        where=where(condition, tuple(wanted.conditions)),
        by=SQL((wanted.publicly and sort.publicly) or sort.by),
        direction=SQL("DESC" if wanted.descending else "ASC"),
        options=SQL(OPTIONS[form]),
    )
    if form == "csv":
        file.write(",".join(f'"{COLUMNS[name].title}"' for name in columns).encode() + CRLF)
    with connect(url, "casebook export") as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.execute(NOT_FOREVER)
        (position,) = conn.execute(THROUGH, {"models": list(models)}).fetchone() or (0,)
        rows = 0
        with (
            conn.cursor() as cursor,
            cursor.copy(statement, {**values, **wanted.conditions}) as copy,
        ):
            for rows, line in enumerate(copy, 1):  # noqa: B007  their number is told
                file.write(line if form == "ndjson" else bytes(line)[:-1] + CRLF)
    return Written(rows, position or 0)


def allowed(name: str, *, publicly: bool) -> bool:
    """Whether a column is there for who is shown the cases so."""
    return name in COLUMNS and not (publicly and COLUMNS[name].publicly is None)


def _of(name: str, *, publicly: bool) -> SQL:
    column = COLUMNS[name]
    return SQL((column.publicly if publicly else column.of) or "NULL")


def _cells(columns: Sequence[str], *, publicly: bool) -> Composed:
    cells = (CELL.format(of=_of(name, publicly=publicly)) for name in columns)
    return SQL(", ").join(cells)


def _object(columns: Sequence[str], *, publicly: bool) -> Composed:
    pairs = (SQL("{}, {}").format(Quoted(name), _of(name, publicly=publicly)) for name in columns)
    return SQL("json_build_object({})").format(SQL(", ").join(pairs))
