"""What happens, at the command line as it happens: the stream of the feed, read for ever."""

import json
import sys
import time
from collections.abc import Iterator
from http.client import HTTPException
from itertools import islice
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from api.client import API, Login, ask, lines, signed_in
from api.operating import AsJson

PAUSE_SECONDS: Final = 1.0


def follow(
    after: Annotated[
        int | None, typer.Option(min=0, help="From behind this position on; else from now on.")
    ] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Of this type, such as case.escalated.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Of this case.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print what happens, as far as you may know of it, until Ctrl-C."""
    here = signed_in()
    begin = ask(here, "GET", f"{API}/events/head").body["position"] if after is None else after
    asked = {"type": type_, "case": case}
    query = urlencode({k: v for k, v in asked.items() if v}, doseq=True)
    for event in islice(_events(here, begin, query), count):
        print(json.dumps(event, ensure_ascii=False) if as_json else _line(event), flush=True)


def _line(event: dict[str, Any]) -> str:
    at = event["time"][:19].replace("T", " ")
    return f"{int(event['sequence']):>9}  {at}  {event['type']:<26}  {event['id']}"


def _events(here: Login, last: int, query: str) -> Iterator[dict[str, Any]]:
    """Over any number of lost connections; what is refused ends the command."""
    while True:
        try:
            for name, value in _fields(here, f"{API}/events/stream?after={last}&{query}"):
                if name == "id":
                    last = int(value)
                elif name == "data":
                    told = json.loads(value)
                    if "specversion" in told:
                        yield told
                    else:
                        print(told["detail"], file=sys.stderr)
        except (OSError, HTTPException) as error:
            print(f"{here.url}: {str(error) or type(error).__name__}.", file=sys.stderr)
        time.sleep(PAUSE_SECONDS)


def _fields(here: Login, path: str) -> Iterator[tuple[str, str]]:
    for line in lines(here, path):
        name, colon, value = line.partition(": ")
        if colon:
            yield name, value
