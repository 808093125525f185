"""After a restore, at the command line: the log begins a new epoch."""

from typing import Annotated

import typer

from api.operating import AsJson, operator
from api.terminal import refuse, say
from domain.runtime.database import connect
from domain.runtime.restoring import Epoch, RestoreRefused, begin_epoch
from domain.runtime.settings import databases
from projections.rebuild import reset

NUMBERS_SKIPPED = 10_000  # more cases than most desks raise between two backups


def restored(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    skip_numbers: Annotated[
        int, typer.Option(min=0, help="Case numbers to pass over: some were given and are lost.")
    ] = NUMBERS_SKIPPED,
    as_json: AsJson = False,
) -> None:
    """Begin a new epoch of the log after its database was restored from a backup.

    Subscribers who had read further are told. Read models that are ahead are made again.
    """
    question = "Every subscriber is told that this log was restored. Was it, and go on?"
    if not yes and not typer.confirm(question):
        refuse("No new epoch was begun.")
    try:
        with connect(databases().as_owner, "casebook restored") as conn:
            epoch = begin_epoch(conn, by=str(operator().id), skip=skip_numbers)
            reset(conn, epoch.ahead)
    except RestoreRefused as why:
        refuse(str(why))
    say(_answer(epoch), _words(epoch), as_json=as_json)


def _answer(epoch: Epoch) -> dict[str, object]:
    return {
        "log": epoch.log,
        "epoch": epoch.number,
        "after": epoch.after,
        "last_number": f"{epoch.last_number:08}",
        "made_again": epoch.ahead,
    }


def _words(epoch: Epoch) -> str:
    told = (
        f"Epoch {epoch.number} of log {epoch.log} begins after position {epoch.after}; "
        f"it was epoch {epoch.number - 1}.\n"
        f"Case numbers up to {epoch.last_number:08} are not given again."
    )
    again = f"\nMade again from the log: {', '.join(epoch.ahead)}." if epoch.ahead else ""
    return told + again
