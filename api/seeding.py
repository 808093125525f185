"""`casebook seed`: a desk with cases that a stranger would take for real, or very many of them."""

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from api.operating import AsJson, on_the_log
from api.terminal import refuse, say
from domain.errors import Refusal
from domain.runtime.seed.bulk import may_sow, prepare, sow
from domain.runtime.seed.desk import ACCOUNTS, PEOPLE
from domain.runtime.seed.planting import Planted, plant
from domain.runtime.settings import settings

SIGN_IN = ("jonas.weber@nordwind.example", "ines@desk.example", "ruth@desk.example")


def seed(
    cases: Annotated[int, typer.Option(min=0, max=10_000_000, help="So many more cases.")] = 0,
    number: Annotated[int, typer.Option("--seed", help="Which ones: the same for the same.")] = 1,
    *,
    as_json: AsJson = False,
) -> None:
    """Set up a desk with three accounts, twelve people and sixty cases. Nobody is mailed."""
    if cases:
        _more(cases, number, as_json=as_json)
        return
    planted = on_the_log(plant)
    answer = {
        "accounts": len(ACCOUNTS),
        "people": len(PEOPLE),
        "cases": planted.cases,
        "commands": planted.commands,
        "sign_in": [_token(email) for email in SIGN_IN],
    }
    say(answer, _words(planted), as_json=as_json)


def _more(cases: int, number: int, *, as_json: bool) -> None:
    if not may_sow(settings()):
        refuse("Only the owner of the log may copy into it: set CASEBOOK_OWNER_URL.")
    began = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("cases", total=cases)
        setting = on_the_log(lambda store: prepare(store, settings(), cases, number))
        try:
            sown = sow(settings(), setting, lambda lot: shown.advance(task, lot))
        except Refusal as refused:
            refuse(str(refused))
    speed = sown.events / (time.monotonic() - began)
    words = f"{sown.cases:,} cases with {sown.events:,} events, {speed:,.0f} events a second."
    say({"cases": sown.cases, "events": sown.events}, words, as_json=as_json)


def _words(planted: Planted) -> str:
    if not planted.commands:
        there = f"The {planted.cases} cases are here already: nothing was written."
    else:
        there = f"{len(ACCOUNTS)} accounts, {len(PEOPLE)} people and {planted.cases} cases."
    people = sorted(PEOPLE.values(), key=lambda person: (person.role, person.name))
    names = [f"  {person.role:16} {person.name:18} {person.email}" for person in people]
    tokens = [f"  {_token(email)}" for email in SIGN_IN]
    return "\n".join([there, *names, "Act as one of them, such as:", *tokens])


def _token(email: str) -> str:
    return f"casebook token {email}"
