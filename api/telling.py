"""History at the command line: a case replayed, the log followed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.text import Text

from api.bodies import happened
from api.operating import AsJson, on_the_log, operator
from api.terminal import refuse
from domain.case import Case
from domain.configuration import Person
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.store import Store
from domain.sentences import sentence
from projections.cases import row_of

At = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"], help="UTC."),
]


def replay(
    case: Annotated[str, typer.Argument(help="The case's number or id.")],
    at: At = None,
    version: Annotated[int | None, typer.Option(min=1, help="As of this version.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell the history of a case, and show the case as it was at an instant or a version."""
    instant = at.replace(tzinfo=at.tzinfo or UTC) if at else None

    async def tell(store: Store) -> None:
        history = await _history(store, case)
        shown = [r for r in history if _by_then(r, instant, version)]
        now = case_of(shown)
        if now is None:
            refuse(
                f"Case {case} did not exist then: it begins on {history[0].at:%d %b %Y, %H:%M} UTC."
            )
        if as_json:
            _print_json(shown, now)
        else:
            _print(shown, now, await _names(store, shown))

    on_the_log(tell)


def tail(
    after: Annotated[int | None, typer.Option(min=0, help="From this position on.")] = None,
    *,
    follow: Annotated[bool, typer.Option(help="Wait for what comes.")] = True,
    as_json: AsJson = False,
) -> None:
    """Print what happens, in the order of the log, until Ctrl-C."""

    async def tell(store: Store) -> None:
        position = await store.head() if after is None else after
        while True:
            page = await store.page(position)
            names = await _names(store, page)
            for recorded in page:
                _print_line(recorded, names, as_json=as_json)
            position = page[-1].position if page else position
            if not page and not follow:
                return
            if not page:
                await asyncio.sleep(0.2)

    on_the_log(tell)


async def _history(store: Store, reference: str) -> list[Recorded]:
    try:
        history = await store.history(store.lookup.case_id(reference))
    except ValueError:
        history = []
    if case_of(history) is None:
        refuse(f"There is no case {reference}.")
    return history


def _by_then(recorded: Recorded, at: datetime | None, version: int | None) -> bool:
    return (at is None or recorded.at <= at) and (version is None or recorded.version <= version)


async def _names(store: Store, history: Sequence[Recorded]) -> Callable[[UUID | str], str]:
    """Names people; whoever has none is shown by their id."""
    people = {r.by.person for r in history} | {getattr(r.event, "assignee", None) for r in history}
    people |= {getattr(r.event, "person", None) for r in history}
    found = await store.lookup.documents.all(p for p in people if isinstance(p, UUID))
    names = {p: d.document.name for p, d in found.items() if isinstance(d.document, Person)}
    return lambda who: names.get(who, str(who)) if isinstance(who, UUID) else who


def _print(history: Sequence[Recorded], case: Case, names: Callable[[UUID | str], str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for r in history:
        console.print(
            Text.assemble(
                (f"{r.version:>4}  {r.at:%Y-%m-%d %H:%M:%S}  ", "dim"),
                (names(r.by.person), "bold"),
                f" {sentence(r, names)}",
                (f"  [{r.position}]" + ("  internal" if r.event.is_internal else ""), "dim"),
            )
        )
    row = row_of(case)
    shown = [row.status, *row.badges, row.severity_name, row.application_name, row.subject]
    console.print()
    console.print(Text.assemble((f"Case {case.number} ", "bold"), " · ".join(shown)))


def _print_line(recorded: Recorded, names: Callable[[UUID | str], str], *, as_json: bool) -> None:
    if as_json:
        print(_json({"stream": recorded.stream, **_shown(recorded)}), flush=True)
        return
    said = " ".join(f"{names(recorded.by.person)} {sentence(recorded, names)}".split())
    at = f"{recorded.at:%Y-%m-%d %H:%M:%S}"
    print(f"{recorded.position:>9}  {at}  {str(recorded.stream)[:8]}  {said}", flush=True)


def _print_json(history: Sequence[Recorded], case: Case) -> None:
    events = [happened(r, case, operator()).model_dump(mode="json") for r in history]
    print(_json({"case": row_of(case), "events": events}), flush=True)


def _shown(recorded: Recorded) -> dict[str, Any]:
    return happened(recorded, None, operator()).model_dump(mode="json")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
