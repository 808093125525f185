"""What is typed into the search box, as words to be found and as filters of the list."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.deps import Asking
from api.filters import Wants
from api.typed import Filter, typed
from domain.configuration import CATALOGUE, Catalogue, document_stream
from domain.values import Awaited, Status
from projections import directory
from projections.query import MOST_WORDS, Query
from projections.words import tokens_of

Parameters: TypeAlias = Mapping[str, Any]
Chosen: TypeAlias = Iterable[tuple[str, str]]
"""Keys and names, of which one is meant by either."""

MOST_MEANT: Final = 50  # accounts or people that a name may mean
# What `is:` says, and `-is:`.
IS: Final[Mapping[str, tuple[Parameters, Parameters]]] = MappingProxyType({
    "open": ({"status": ["open"]}, {"status": [Status.CLOSED]}),
    "closed": ({"status": [Status.CLOSED]}, {"status": ["open"]}),
    "unassigned": (
        {"status": [Status.UNASSIGNED]},
        {"status": [s for s in Status if s is not Status.UNASSIGNED]},
    ),
    "escalated": ({"escalated": True}, {"escalated": False}),
    "close-requested": ({"close_requested": True}, {"close_requested": False}),
    "resolution-proposed": ({"resolution_proposed": True}, {"resolution_proposed": False}),
})  # fmt: skip


class _NotUnderstood(Exception):
    pass


async def understood(asked: Wants, by: Asking) -> tuple[Wants, Query | None]:
    """What is asked for with what `q` says besides, and the words that are left of it.

    Filters that are typed are added to those of the address: any of both will do.

    Raises:
        RequestValidationError: a filter says what there is not, or there are too many words.
    """
    if asked.q is None:
        return asked, None
    if sum(1 for _ in tokens_of(asked.q)) > MOST_WORDS:
        raise _refused([f"more than {MOST_WORDS} words are more than anybody remembers"])
    found = typed(asked.q, NAMES)
    given = {name: value for name, value in asked if name in asked.model_fields_set}
    wrong = []
    for one in found.filters:
        try:
            said = await _said(one, by)
            type(asked).model_validate(said)
        except (_NotUnderstood, ValidationError) as error:
            why = str(error) if isinstance(error, _NotUnderstood) else "there is no such value"
            wrong.append(f"{one}: {why}")
        else:
            for name, value in said.items():
                several = isinstance(value, list)
                given[name] = [*given.get(name, ()), *value] if several else value
    if wrong:
        raise _refused(wrong)
    query = Query(found.terms, by.by.sees_internal) if found.terms else None
    return type(asked).model_validate(given), query


async def _said(one: Filter, by: Asking) -> Parameters:
    if not one.value:
        raise _NotUnderstood("what?")
    if one.name == "is":
        if one.value.lower() not in IS:
            raise _none_such("state", one.value, IS)
        return IS[one.value.lower()][one.excluded]
    if one.excluded:
        raise _NotUnderstood("only words can be left out so, and what is: says")
    return await FILTERS[one.name](one.value, by)


async def _status(value: str, _by: Asking) -> Parameters:
    known = [(status, status) for status in Status]
    return {"status": [_chosen("status", value, [("open", "open"), ("all", "all"), *known])]}


async def _severity(value: str, by: Asking) -> Parameters:
    known = ((word.key, word.name) for word in (await _catalogue(by)).severities)
    return {"severity": [_chosen("severity", value, known)]}


async def _type(value: str, by: Asking) -> Parameters:
    known = ((word.key, word.name) for word in (await _catalogue(by)).types)
    return {"type": [_chosen("type", value, known)]}


async def _application(value: str, by: Asking) -> Parameters:
    known = ((word.key, word.name) for word in (await _catalogue(by)).applications)
    return {"application": [_chosen("application", value, known)]}


async def _team(value: str, by: Asking) -> Parameters:
    known = ((word.key, word.name) for word in (await _catalogue(by)).teams)
    return {"team": [_chosen("team", value, known)]}


async def _tag(value: str, _by: Asking) -> Parameters:
    return {"tag": [value.lower()]}


async def _awaiting(value: str, _by: Asking) -> Parameters:
    known = [(awaited, awaited) for awaited in Awaited]
    return {"awaiting": [_chosen("thing that a case waits for", value, [("any", "any"), *known])]}


async def _account(value: str, by: Asking) -> Parameters:
    return {"account": await _named("account", value, by)}


async def _contact(value: str, by: Asking) -> Parameters:
    return {"contact": ["me"] if value == "me" else await _named("person", value, by)}


async def _assignee(value: str, by: Asking) -> Parameters:
    if value in {"me", "nobody"}:
        return {"assignee": [value]}
    return {"assignee": await _named("person", value, by)}


async def _number(value: str, _by: Asking) -> Parameters:
    return {"number": [value.removeprefix("#")]}


async def _reference(value: str, _by: Asking) -> Parameters:
    return {"customer_reference": value}


async def _external(value: str, _by: Asking) -> Parameters:
    return {"external_id": value}


async def _created(value: str, _by: Asking) -> Parameters:
    """Whole days of UTC: on one, before or after it, or from one to another."""
    first, dots, last = value.partition("..")
    sign = next((sign for sign in (">=", "<=", ">", "<") if first.startswith(sign)), "")
    begins = _day(first.removeprefix(sign))
    ends = begins + timedelta(days=1)
    if dots:
        return {"created_after": begins, "created_before": _day(last) + timedelta(days=1)}
    return {
        "": {"created_after": begins, "created_before": ends},
        ">": {"created_after": ends},
        ">=": {"created_after": begins},
        "<": {"created_before": begins},
        "<=": {"created_before": ends},
    }[sign]


FILTERS: Final[Mapping[str, Callable[[str, Asking], Awaitable[Parameters]]]] = MappingProxyType({
    "status": _status,
    "severity": _severity,
    "type": _type,
    "application": _application,
    "team": _team,
    "tag": _tag,
    "awaiting": _awaiting,
    "account": _account,
    "contact": _contact,
    "assignee": _assignee,
    "number": _number,
    "reference": _reference,
    "external": _external,
    "created": _created,
})  # fmt: skip
NAMES: Final = frozenset({"is", *FILTERS})


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
        day + timedelta(days=1)  # there is a day after it
        return datetime.combine(day, time(), UTC)
    except (ValueError, OverflowError):
        raise _NotUnderstood(f"'{text}' is no day, as 2026-11-01 is") from None


def _chosen(what: str, value: str, known: Chosen) -> str:
    there = list(known)
    for key, name in there:
        if value.casefold() in {key.casefold(), name.casefold()}:
            return key
    raise _none_such(what, value, (name for _, name in there))


def _none_such(what: str, value: str, known: Iterable[str]) -> _NotUnderstood:
    names = ", ".join(list(dict.fromkeys(known))[:MOST_MEANT])
    return _NotUnderstood(f"there is no {what} '{value}'; there are: {names or 'none'}")


async def _named(kind: str, value: str, by: Asking) -> list[UUID]:
    """The accounts or people of this name or address, or those whose name begins so."""
    conditions = directory.visible_to(by.by, kind)
    if conditions is None:
        raise _NotUnderstood(f"there is no {kind} '{value}'")
    asked = {**conditions, "starting": value.lower()}
    async with by.given.reads.connection() as conn:
        found = await directory.listed(conn, kind, asked, most=MOST_MEANT)
    whole = [line.id for line in found if value.lower() in {line.name.lower(), line.email}]
    if not found:
        raise _NotUnderstood(f"there is no {kind} '{value}'")
    return whole or [line.id for line in found]


async def _catalogue(by: Asking) -> Catalogue:
    found = await by.given.documents.one(document_stream(CATALOGUE), Catalogue)
    return found[0] if found else Catalogue()


def _refused(wrong: Iterable[str]) -> RequestValidationError:
    return RequestValidationError([{"loc": ("query", "q"), "msg": why} for why in wrong])
