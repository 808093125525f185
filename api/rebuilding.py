"""`casebook rebuild`: read models made again from the log, at the command line."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from psycopg import Connection
from psycopg.rows import TupleRow
from rich.console import Console
from rich.progress import Progress

from api.operating import AsJson
from api.terminal import fail, refuse, say
from domain.runtime.database import connect
from domain.runtime.history import HEAD
from domain.runtime.settings import databases
from projections.positions import POSITIONS
from projections.rebuild import EMPTY, reset

PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 30.0  # without a step forward


def rebuild(
    model: Annotated[str, typer.Argument(help=f"One of {', '.join(EMPTY)}, or all.")],
    *,
    wait: Annotated[bool, typer.Option(help="Wait until it is at the head again.")] = True,
    as_json: AsJson = False,
) -> None:
    """Empty a read model; the follower makes it again from the log.

    Until it has, what it shows is incomplete.
    """
    if model != "all" and model not in EMPTY:
        refuse(f"There is no read model {model}: {', '.join(EMPTY)}, or all.")
    names = list(EMPTY) if model == "all" else [model]
    with connect(databases().as_owner, "casebook rebuild", autocommit=True) as conn:
        reset(conn, names)
        head: int = (conn.execute(HEAD).fetchone() or (0,))[0]
        if wait:
            _wait(conn, names, head)
    done = f"made again up to position {head}" if wait else "emptied; the follower makes it again"
    words = f"{', '.join(names)}: {done}."
    say({"models": names, "head": head, "waited": wait}, words, as_json=as_json)


def _wait(conn: Connection[TupleRow], names: Sequence[str], head: int) -> None:
    """Shows how far it is, until it is there."""
    reached, moved = 0, time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(", ".join(names), total=head)
        while reached < head:
            time.sleep(PAUSE_SECONDS)
            there = {name: (at, why) for name, at, why in conn.execute(POSITIONS) if name in names}
            before, reached = reached, min(there.get(name, (0, None))[0] for name in names)
            shown.update(task, completed=reached)
            for name, (at, why) in there.items():
                if why:
                    fail(f"{name} stopped at {at}: {why}. casebook doctor says what to do.")
            if reached > before:
                moved = time.monotonic()
            elif time.monotonic() - moved > PATIENCE_SECONDS:
                fail(f"It stands at {reached} of {head}, and nobody follows the log: casebook up.")
