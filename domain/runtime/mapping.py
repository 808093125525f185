"""What a foreign system's words mean here: a TOML file, read once and checked in full."""

import re
import tomllib
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, StringConstraints, ValidationError

from domain.calendar import Zone
from domain.configuration import Account
from domain.values import (
    Awaited,
    EmailAddress,
    EscalationReason,
    Key,
    Label,
    ResolutionType,
    ResolvedBy,
    Severity,
    Value,
    Word,
)

Column = Annotated[str, StringConstraints(min_length=1)]

_COLUMN: Final = re.compile(r"\{([^{}]+)\}")


class Columns(Value):
    """The headings of the columns in which a row says what happened."""

    case: Column
    activity: Column
    who: Column
    time: Column
    text: Column | None = None
    """What was written; where a cell is empty, the activity's name stands for it."""


class AccountOf(Account):
    """Whose cases they are; `id` names an account that is there already."""

    id: UUID | None = None


class Contact(Value):
    """The cases' contact: this person, unless a case's first row names another in `column`."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    email: EmailAddress | None = None
    column: Column | None = None


class Chosen(Value):
    """A word of the catalogue."""

    key: Key
    name: Label

    @property
    def word(self) -> Word:
        """As an event holds it."""
        return Word(key=self.key, name=self.name)


class Says(Value):
    """What an activity says; `resumes`: if the case was waiting, it waits no longer."""

    resumes: bool = False


class SaysPlainly(Says):
    """What takes nothing but the row's own words."""

    event: Literal[
        "posted",
        "note",
        "unassigned",
        "resumed",
        "deescalated",
        "resolution-rejected",
        "resolution-answered",
        "close-request-withdrawn",
        "close-request-declined",
        "closed",
        "reopened",
    ]


class SaysAssigned(Says):
    """The person named in `column` has the case; None: whoever did it."""

    event: Literal["assigned"]
    column: Column | None = None
    team: Chosen | None = None


class SaysAwaiting(Says):
    event: Literal["awaiting"]
    awaited: Awaited = Awaited.CUSTOMER


class SaysSeverity(Says):
    event: Literal["severity-changed"]
    severity: Severity


class SaysEscalated(Says):
    event: Literal["escalated"]
    reason: EscalationReason = EscalationReason.OTHER


class SaysResolved(Says):
    event: Literal["resolved"]
    type: ResolutionType = ResolutionType.PROVIDED
    root_cause: Label = "Not recorded"


class SaysCloseRequested(Says):
    event: Literal["close-requested"]
    resolved_by: ResolvedBy = ResolvedBy.PROVIDED


Meaning: TypeAlias = Annotated[
    SaysPlainly
    | SaysAssigned
    | SaysAwaiting
    | SaysSeverity
    | SaysEscalated
    | SaysResolved
    | SaysCloseRequested,
    Field(discriminator="event"),
]
NOTE: Final = SaysPlainly(event="note")


class ForeignMapping(Value):
    """How a foreign system's rows are read, and what they say."""

    source: Annotated[Key, Field(max_length=60)]
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    columns: Columns
    time_format: str | None = None
    """As for `strptime`; None: RFC 3339."""
    time_zone: Zone = "UTC"
    """Of times that name none."""
    account: AccountOf
    contact: Contact
    application: Chosen
    type: Chosen
    severity: Severity = Severity.STANDARD
    subject: str = "Imported case {case}"
    """Of the case's first row, as is `description`: {…} is the cell below that heading."""
    description: str = "Imported from {source}."
    activities: dict[str, Meaning] = Field(default_factory=dict)

    def meaning(self, activity: str) -> Meaning:
        """What an activity says: an internal note where the mapping does not tell."""
        return self.activities.get(activity, NOTE)

    def columns_lacking(self, heading: Container[str]) -> list[str]:
        """The columns that are named here and not there."""
        return [name for name in dict.fromkeys(self._named()) if name not in heading]

    def people_columns(self) -> list[str]:
        """The columns whose cells are names of people."""
        named = [says.column for says in self.activities.values() if isinstance(says, SaysAssigned)]
        return [name for name in (self.columns.who, self.contact.column, *named) if name]

    def filled(self, template: str, cells: Mapping[str, str]) -> str:
        """A template with a row's cells in it."""
        known = {"source": self.source, **cells}
        return _COLUMN.sub(lambda found: known[found[1]], template).strip()

    def _named(self) -> Iterator[str]:
        columns = self.columns
        yield from (columns.case, columns.activity, columns.time)
        yield from (columns.text,) if columns.text else ()
        yield from self.people_columns()
        for template in (self.subject, self.description):
            yield from (name for name in _COLUMN.findall(template) if name != "source")


class MappingUnreadable(Exception):
    """The mapping {file} is not right: {why}."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__((self.__doc__ or "").format(file=file.name, why=why))


def read_mapping(file: Path) -> ForeignMapping:
    """The mapping in a TOML file.

    Raises:
        MappingUnreadable: what is wrong first, in one sentence.
    """
    try:
        return ForeignMapping.model_validate(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise MappingUnreadable(file, error.strerror or "it cannot be read") from None
    except ValidationError as error:
        raise MappingUnreadable(file, _first(error)) from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise MappingUnreadable(file, str(error).rstrip(".")) from None


def _first(error: ValidationError) -> str:
    first: Any = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "it"
    what = first["msg"].removeprefix("Value error, ")
    return f"{place}: {what[0].lower()}{what[1:]}"
