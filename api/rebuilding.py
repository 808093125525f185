"""`casebook rebuild` and `casebook verify`: read models made anew from the log, or compared."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from psycopg import Connection
from psycopg.rows import TupleRow
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from api.operating import AsJson, operator
from api.terminal import fail, refuse, say
from domain.runtime.database import connect
from domain.runtime.settings import settings
from projections.filling import BuildFailed, Key
from projections.generation import TABLES, OneBuilds, TablesInUse, drop_old
from projections.operations import Record, begun
from projections.rebuild import rebuild as make_anew
from projections.rebuild import verify as compare

STEPS = {
    "wait": "waiting for the follower",
    "fill": "reading the log",
    "index": "making the indexes",
    "compare": "comparing",
    "switch": "switching",
}
DIFFERS = 1  # the exit status
SHOWN = 60  # characters of a value
Model = Annotated[str, typer.Argument(help=f"One of {', '.join(TABLES)}, or all.")]


def rebuild(
    model: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(TABLES)}, or all.")
    ] = None,
    *,
    drop: Annotated[
        bool, typer.Option("--drop-old", help="Drop what was read before the last rebuild.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a read model anew from the log while the old one is read, compare both, switch.

    What was read before is kept until --drop-old.
    """
    if model is None and not drop:
        refuse(f"Name a read model: {', '.join(TABLES)}, or all.")
    told: dict[str, Any] = {}
    words = []
    if model is not None:
        with _under_way("rebuild", _models(model)) as shown:
            done = make_anew(_key(), _models(model), shown.told)
            shown.record.ended(position=done.position, differed=dict(done.differed))
        told |= asdict(done)
        words.append(
            f"{', '.join(done.models)}: made anew up to position {done.position:,} in "
            f"{done.seconds:.1f} s. {_differed(done.differed)}"
        )
    if drop:
        with _under_way("drop-old", []) as shown:
            told["dropped"] = drop_old(shown.conn)
            shown.record.ended()
        words.append(f"Dropped of before: {', '.join(told['dropped']) or 'nothing'}.")
    say(told, "\n".join(words), as_json=as_json)


def verify(model: Model = "all", *, as_json: AsJson = False) -> None:
    """Replay the log beside the read models and list every row that says something else.

    Exit status 1 when there is one.
    """
    found = []
    with _under_way("verify", _models(model)) as shown:
        for difference in compare(_key(), _models(model), shown.told):
            found.append(asdict(difference))
            shown.record.found(difference)
            if not as_json:
                shown.console.print(_line(found[-1]), markup=False, highlight=False)
        shown.record.ended()
    many = Counter(one["model"] for one in found)
    named = ", ".join(_models(model))
    words = _differed(many) if found else f"{named}: every row is as the log tells it."
    say({"models": _models(model), "differences": found}, words, as_json=as_json)
    if found:
        raise typer.Exit(DIFFERS)


def _models(model: str) -> list[str]:
    if model != "all" and model not in TABLES:
        refuse(f"There is no read model {model}: {', '.join(TABLES)}, or all.")
    return list(TABLES) if model == "all" else [model]


def _key() -> Key:
    return Key(settings().database_url, settings().master_key_bytes)


def _differed(many: Any) -> str:  # noqa: ANN401  a mapping of counts, also an empty one
    if not many:
        return "It was as the log tells it."
    return "Otherwise than in the log: " + ", ".join(f"{n:,} in {m}" for m, n in many.items()) + "."


def _line(found: dict[str, Any]) -> str:
    live, replayed = (_brief(found[side]) for side in ("live", "replayed"))
    where = " ".join(filter(None, (found["model"], found["key"], found["column"])))
    return f"{where}: live {live}, replayed {replayed}"


def _brief(value: Any) -> str:  # noqa: ANN401  any JSON
    if value is None:
        return "nothing"
    words = str(value)
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}…"


class _Shown:
    """What is being done: on standard error, and in the record of it."""

    def __init__(self, progress: Progress, conn: Connection[TupleRow], record: Record) -> None:
        self._progress, self.conn, self.record = progress, conn, record
        self.console = Console(soft_wrap=True)
        self._task: TaskID | None = None

    def told(self, step: str, done: int, of: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task("", total=None)
        self._progress.update(self._task, description=STEPS[step], completed=done, total=of or None)
        self.record.told(step, done, of)


@contextmanager
def _under_way(kind: str, models: list[str]) -> Iterator[_Shown]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with (
        connect(settings().database_url, "casebook rebuild", autocommit=True) as conn,
        Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress,
    ):
        record = begun(conn, kind, models, str(operator().id))
        try:
            yield _Shown(progress, conn, record)
        except (OneBuilds, BuildFailed, TablesInUse) as error:
            record.ended(failure=str(error))
            fail(str(error))
        except KeyboardInterrupt:
            record.ended(failure="It was interrupted.")
            raise
