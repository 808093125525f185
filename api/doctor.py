"""`casebook doctor`: what is wrong, and the command that mends it."""

from dataclasses import asdict

import typer
from rich.console import Console
from rich.text import Text

from api.operating import AsJson
from api.terminal import say
from domain.runtime.checkup import findings
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.runtime.settings import settings
from projections.follower import ONE_FOLLOWS


def doctor(*, as_json: AsJson = False) -> None:
    """Look at the log and what follows it. Exit status 1 when something is wrong."""
    codec = Codec(Keyring(settings().master_key_bytes))
    found = list(findings(settings().database_url, codec, ONE_FOLLOWS))
    if as_json:
        say({"findings": [asdict(one) for one in found]}, "", as_json=True)
    else:
        console = Console(highlight=False, soft_wrap=True)
        for one in found:
            mark = ("well  ", "green") if one.is_well else ("wrong ", "bold red")
            mend = "" if one.is_well else f"  ->  {one.mend}"
            console.print(Text.assemble(mark, one.what, (mend, "bold")))
    if not all(one.is_well for one in found):
        raise typer.Exit(1)
