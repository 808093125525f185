"""What consumers could not go on with, at the command line: looked at, and tried again."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from api.operating import AsJson, on_the_log
from api.terminal import refuse, say
from domain.runtime.consuming import Parked, all_parked, release
from domain.runtime.database import connect
from domain.runtime.settings import settings
from domain.runtime.store import Store


def parked(*, as_json: AsJson = False) -> None:
    """List the cases that a consumer could not go on with: from which event on, and why."""
    with connect(settings().database_url, "casebook parked", autocommit=True) as conn:
        found = all_parked(conn)
    words = "\n".join(_line(one) for one in found) or "Nothing is parked."
    say({"parked": [asdict(one) for one in found]}, words, as_json=as_json)


def unpark(
    case: Annotated[str, typer.Argument(help="The case's number or id, or another stream's id.")],
    consumer: Annotated[str | None, typer.Option(help="Only by this consumer.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let a parked case go on from where it stood, once its cause is mended."""

    async def id_of(store: Store) -> UUID:
        return store.lookup.case_id(case)

    try:
        stream = on_the_log(id_of)
    except ValueError:
        refuse(f"There is no case {case}.")
    with connect(settings().database_url, "casebook unpark", autocommit=True) as conn:
        released = release(conn, stream, consumer)
    if not released:
        by = f" by {consumer}" if consumer else ""
        refuse(f"{case} is not parked{by}: casebook parked.")
    words = f"{case} goes on: {', '.join(released)}."
    say({"stream": stream, "consumers": released}, words, as_json=as_json)


def _line(one: Parked) -> str:
    again = "  (is tried again)" if one.released else ""
    at = f"{one.at:%Y-%m-%d %H:%M}"
    return f"{at}  {one.consumer}  {one.stream}:{one.version} [{one.position}]  {one.reason}{again}"
