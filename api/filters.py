"""Which cases a list or a file is asked for, as the query of an address says it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import Field, StringConstraints, ValidationError

from api.cursors import RELEVANCE
from api.deps import READING, Asking
from domain.values import Awaited, Instant, Key, Reference, Severity, Status, Value
from projections import listing
from projections.listing import Wanted
from projections.query import MOST_LETTERS, Query

Wants = TypeVar("Wants", bound="Filtered")

# What only the desk may ask for: where its people stand, and its own words.
FOR_THE_DESK: Final = frozenset({"account", "assignee", "team", "tag"})
NEWEST: Final = "-modified"
CHECKED: Final = (
    *("escalated", "close_requested", "resolution_proposed"),
    *("reopenable", "customers_word"),
)
# Only closed cases can be reopened, or were closed in whatever way.
OF_CLOSED: Final = ("reopenable", "customers_word")
SORTED_BY: Final = f"^({RELEVANCE}|-?({'|'.join(listing.SORTS)}))$"


class FilterForTheDesk(Exception):
    """Only the desk can ask for cases by {filter}."""

    def __init__(self, name: str) -> None:
        super().__init__((self.__doc__ or "").format(filter=name))


def _several(description: str) -> Any:  # noqa: ANN401  pydantic's own
    return Field(default=(), max_length=50, description=f"{description} Repeat it for any of them.")


class Filtered(Value):
    """Which cases are asked for, and how sorted: all of these together."""

    status: Annotated[
        tuple[Literal["open", "all"] | Status, ...],
        _several("`open` (the default), `all`, or as it is shown: In Progress is not escalated."),
    ]
    application: Annotated[tuple[Key, ...], _several("The key of an application.")]
    type: Annotated[tuple[Key, ...], _several("The key of a type.")]
    severity: Annotated[tuple[Severity, ...], _several("A severity.")]
    number: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")], ...],
        _several("A case number; it is found whatever the status, unless one is given."),
    ]
    contact: Annotated[tuple[UUID | Literal["me"], ...], _several("The contact, or `me`.")]
    customer_reference: Annotated[
        Reference | None, Field(description="The customer's own number, in full.")
    ] = None
    external_id: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}:.{1,80}$")] | None,
        Field(description="A foreign system and the number there: `jira:OPS-1`."),
    ] = None
    created_after: Annotated[Instant | None, Field(description="Created then or later.")] = None
    created_before: Annotated[Instant | None, Field(description="Created before that.")] = None
    min_age_days: Annotated[
        int | None, Field(ge=0, le=36_500, description="Created so many days ago, or before.")
    ] = None
    max_age_days: Annotated[
        int | None, Field(ge=0, le=36_500, description="Created within so many days.")
    ] = None
    escalated: Annotated[bool | None, Field(description="Whether it is escalated.")] = None
    awaiting: Annotated[
        tuple[Awaited | Literal["any", "none"], ...],
        _several("What it waits for; `any`: for something, `none`: for nothing."),
    ]
    close_requested: Annotated[bool | None, Field(description="Whether closing is requested.")] = (
        None
    )
    resolution_proposed: Annotated[
        bool | None, Field(description="Whether a resolution is proposed.")
    ] = None
    reopenable: Annotated[
        bool | None, Field(description="Whether it is closed and can still be reopened.")
    ] = None
    customers_word: Annotated[
        bool | None, Field(description="Whether it was closed with the customer's word.")
    ] = None
    account: Annotated[tuple[UUID, ...], _several("The account. For the desk.")]
    assignee: Annotated[
        tuple[UUID | Literal["me", "nobody"], ...],
        _several("Who has it: a person, `me`, `nobody`. For the desk."),
    ]
    team: Annotated[tuple[Key, ...], _several("The team. For the desk.")]
    tag: Annotated[tuple[str, ...], _several("A tag. For the desk.")]
    q: Annotated[
        str | None,
        Field(
            max_length=MOST_LETTERS,
            description="Words that a case must tell of, the last one also in part; "
            '"a phrase", -without; or a case number. Filters may be typed too: is:open, '
            'severity:critical, type:"cloud down", assignee:me, created:>2026-11-01 …',
        ),
    ] = None
    sort: Annotated[
        str | None,
        Field(
            pattern=SORTED_BY,
            description="The column; with - before it, from its end. `relevance` (the default with "
            "`q`): what matches best first. Else `-modified`.",
        ),
    ] = None


# As FastAPI would describe them. It would also read them, field by field, for each request anew,
# which takes longer than the server needs for the rows.
def described(kind: type[Filtered]) -> dict[str, Any]:
    """The parameters that a list of this kind takes, as the description of the API has them."""
    schemas = kind.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    own = [
        {"name": name, "in": "query", "description": schema["description"], "schema": schema}
        for name, schema in schemas.items()
    ]
    return {**READING, "parameters": [*READING["parameters"], *own]}


@lru_cache(maxsize=2_000)
def read(kind: type[Wants], query: bytes) -> Wants:
    """What the query of an address asks for.

    Raises:
        RequestValidationError: something in it is not known, or not as it must be.
    """
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        field = kind.model_fields.get(name)
        if field is not None and field.default == ():
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return kind.model_validate(given)
    except ValidationError as wrong:
        errors: list[Any] = wrong.errors(include_url=False, include_input=False)
        located = [{**error, "loc": ("query", *error["loc"])} for error in errors]
        raise RequestValidationError(located) from None


def conditions_of(asked: Filtered, by: Asking, query: Query | None = None) -> dict[str, Any]:
    """The conditions of `projections.listing` that the filters come to.

    `query` is what words were typed: here they tell only whether a case is named by its number.
    """
    given = {name: value for name, value in asked if name in asked.model_fields_set}
    for name in FOR_THE_DESK & given.keys():
        if by.by.is_customer or (name == "tag" and not by.by.sees_internal):
            raise FilterForTheDesk(name)
    found: dict[str, Any] = _statuses(asked, query)
    for name in ("application", "type", "severity", "team", "tag", "account"):
        if given.get(name):
            found[name] = [*given[name]]
    for name in CHECKED:
        if given.get(name) is not None:
            found[name] = given[name]
    for name in ("customer_reference", "created_after", "created_before"):
        if given.get(name) is not None:
            found[name] = given[name]
    if asked.number:
        found["number"] = [number.zfill(8) for number in asked.number]
    if asked.external_id:
        found["external_id"] = orjson.dumps(dict([asked.external_id.split(":", 1)])).decode()
    if asked.contact:
        found["contact"] = _people(asked.contact, by)
    return found | _assigned(asked, by) | _awaited(asked) | _aged(asked)


def wanted_of(asked: Filtered, by: Asking, query: Query | None = None) -> Wanted:
    """The cases that are asked for, as this viewer would have them sorted by a column.

    Those that match `query`, if there is one.
    """
    sort = asked.sort if asked.sort and asked.sort != RELEVANCE else NEWEST
    words = {"words": query.matching(by.by)} if query else {}
    return Wanted(
        conditions=conditions_of(asked, by, query) | words,
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        publicly=not by.by.sees_internal,
    )


def _statuses(asked: Filtered, query: Query | None) -> dict[str, Any]:
    if query and not asked.status and (number := query.number or query.number_begins):
        begins = query.number_begins
        return {"open_or_numbered": f"{begins}%" if begins else number.zfill(8)}
    of_closed = any(getattr(asked, name) is not None for name in OF_CLOSED)
    statuses = set(asked.status) or ({"all"} if asked.number or of_closed else {"open"})
    if "all" in statuses or {"open", Status.CLOSED} <= statuses:
        return {}
    if "open" in statuses:
        return {"open": True}
    shown = {"status": [str(status) for status in statuses]}
    return shown if Status.CLOSED in statuses else {"open": True, **shown}


def _assigned(asked: Filtered, by: Asking) -> dict[str, Any]:
    if not asked.assignee:
        return {}
    people = _people((one for one in asked.assignee if one != "nobody"), by)
    if "nobody" not in asked.assignee:
        return {"assignee": people}
    return {"assignee_or_nobody": people} if people else {"nobody": True}


def _awaited(asked: Filtered) -> dict[str, Any]:
    if not asked.awaiting:
        return {}
    if {"any", "none"} <= set(asked.awaiting):
        return {}
    if "any" in asked.awaiting:
        return {"awaits": True}
    some = [one for one in asked.awaiting if one != "none"]
    if "none" not in asked.awaiting:
        return {"awaiting": some}
    return {"awaiting_or_nothing": some} if some else {"awaits_nothing": True}


def _aged(asked: Filtered) -> dict[str, Any]:
    now, found = datetime.now(UTC), {}
    if asked.min_age_days is not None:
        found["aged"] = now - timedelta(days=asked.min_age_days)
    if asked.max_age_days is not None:
        found["fresh"] = now - timedelta(days=asked.max_age_days)
    return found


def _people(named: Iterable[UUID | str], by: Asking) -> list[UUID | str]:
    return [by.by.person if one == "me" else one for one in named]
