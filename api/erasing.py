"""Erasing at the command line: keys are destroyed, and that it happened is recorded."""

from contextlib import suppress
from typing import Annotated, Final

import typer

from api.operating import CAUSE, AsJson, checked, known, on_the_log, operator
from api.terminal import refuse, say
from domain.commands import Erase, Forget
from domain.errors import CaseErased
from domain.fold import case_of
from domain.runtime.settings import settings
from domain.runtime.store import Store
from projections.cases import NAME
from projections.listing import mentioning
from projections.positions import NotYetThere, Positions

app = typer.Typer(help="Destroy the words of a case, or of a person.", no_args_is_help=True)

# Lists that they kept, under names that they gave.
FORGET: Final = """
WITH gone AS (DELETE FROM desk.list_choices WHERE person = %(person)s)
DELETE FROM desk.views WHERE owner = %(person)s
"""
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("case")
def erase_case(
    case: Annotated[str, typer.Argument(help="The case's number or id.")],
    reason: Reason,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy everything that was written in a case. It cannot be undone."""
    command = checked(Erase, {"reason": reason})
    _ask(f"Everything written in case {case} becomes unreadable for ever. Go on?", yes=yes)

    async def work(store: Store) -> int:
        try:
            stream = store.lookup.case_id(case)
        except ValueError:
            refuse(f"There is no case {case}.")
        # The same command at a person's stream erases the person.
        if case_of(await store.history(stream)) is None:
            refuse(f"There is no case {case}.")
        outcome = await store.handle(stream, command, by=operator(), cause=CAUSE)
        return outcome.position

    position = on_the_log(work)
    say({"case": case, "position": position}, f"Case {case} is erased.", as_json=as_json)


@app.command("person")
def erase_person(
    person: Annotated[str, typer.Argument(help="The person's id or e-mail address.")],
    reason: Reason,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a person's name and addresses, also those that cases keep. It cannot be undone."""
    command = checked(Erase, {"reason": reason})
    _ask(f"The name and addresses of {person} become unreadable for ever. Go on?", yes=yes)

    async def work(store: Store) -> list[str]:
        (stream, found), by = await known(store, person), operator()
        await _all_shown(store)
        email = found.email
        async with store.pool.connection() as conn:
            cases = await mentioning(conn, stream, email)
        # The cases first: ended in the middle, the command can be given again with the address.
        forget = Forget(person=stream, email=email, reason=reason)
        for case in cases:
            with suppress(CaseErased):  # it keeps nothing any more
                await store.handle(case, forget, by=by, cause=CAUSE)
        await store.handle(stream, command, by=by, cause=CAUSE)
        async with store.pool.connection() as conn:
            await conn.execute(FORGET, {"person": stream})
        return [str(case) for case in cases]

    cases = on_the_log(work)
    words = f"{person} is erased; {len(cases)} cases kept something of theirs and no longer do."
    say({"person": person, "cases": cases}, words, as_json=as_json)


async def _all_shown(store: Store) -> None:
    """What a read model does not show yet would be left as it is, and nobody would know."""
    positions = Positions(settings().database_url, store.pool)
    async with positions.listening():
        try:
            await positions.wait(await store.head(), (NAME,))
        except NotYetThere as late:
            refuse(f"{late} Nothing was erased: casebook doctor says what to do.")


def _ask(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        refuse("Nothing was erased.")
