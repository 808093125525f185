"""After Kafka lost its topics, at the command line: the log is published again."""

from typing import Annotated

import typer

from api.operating import AsJson
from api.terminal import refuse, say
from domain.runtime.database import connect
from domain.runtime.relayed import republish as begin_again
from domain.runtime.settings import settings


def republish(
    after: Annotated[int, typer.Option(min=0, help="After this position; 0: all of it.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Publish the log again, as far as Kafka does not have it: its topics were lost or made anew.

    What a topic still has is not written to it a second time.
    """
    with connect(settings().database_url, "casebook republish", autocommit=True) as conn:
        begun = begin_again(conn, after)
    if not begun:
        refuse(f"Nothing was published after position {after}.")
    words = "\n".join(f"{topics}: again after {after}, not {was}." for topics, was in begun.items())
    say({"after": after, "was": begun}, words, as_json=as_json)
