"""`casebook import`: a foreign system's history becomes cases."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from api.operating import AsJson, on_the_log, operator
from api.terminal import refuse, say
from domain.runtime.foreign import FileUnreadable
from domain.runtime.importing import Report, import_history
from domain.runtime.mapping import MappingUnreadable, read_mapping
from domain.runtime.settings import settings
from domain.runtime.store import Store

SHOWN = 20  # refusals; --json has them all


def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file, also .gz.")],
    mapping: Annotated[Path, typer.Option(help="What its columns and activities mean (TOML).")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Read and count; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import a foreign history with its own times and people; a second time adds nothing."""
    try:
        meant = read_mapping(mapping)
        with Progress(console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task(file.name, total=None)

            async def work(store: Store) -> Report:
                return await import_history(
                    file,
                    meant,
                    store,
                    by=operator(),
                    build=settings().build,
                    dry_run=dry_run,
                    progress=lambda done, rows: shown.update(task, completed=done, total=rows),
                )

            report = on_the_log(work)
    except (FileUnreadable, MappingUnreadable) as error:
        refuse(str(error))
    say({**asdict(report), "rows": report.rows}, _words(report, dry_run=dry_run), as_json=as_json)


def _words(report: Report, *, dry_run: bool) -> str:
    would = "would become events" if dry_run else "became events"
    lines = [
        f"{report.rows:,} rows of {report.cases:,} cases and {report.people:,} people:",
        f"  {report.events:>9,} {would}",
        f"  {report.repeats:>9,} are in the log already",
        f"  {len(report.refusals):>9,} cannot be read",
    ]
    lines += [f"    line {r.line}: {r.reason}" for r in report.refusals[:SHOWN]]
    if len(report.refusals) > SHOWN:
        lines.append(f"    and {len(report.refusals) - SHOWN} more: --json")
    return "\n".join(lines)
