"""`casebook doctor`: what is wrong, and the command that mends it."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from api.client import API, NOT_SIGNED_IN, ask, has_login, signed_in
from api.operating import AsJson
from api.terminal import refuse, say
from domain.runtime.checkup import Finding, findings
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.runtime.settings import is_given, settings
from projections.follower import ONE_FOLLOWS

CLOCKS_APART: Final = timedelta(seconds=30)
SOON: Final = timedelta(days=7)


def doctor(*, as_json: AsJson = False) -> None:
    """Look at the log, what follows it, and your login. Exit status 1 when something is wrong."""
    found = list(_all())
    if not found:
        refuse("There is nothing to look at: no database runs here (make up), and no login.")
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


def _all() -> Iterator[Finding]:
    if is_given("CASEBOOK_DATABASE_URL"):
        codec = Codec(Keyring(settings().master_key_bytes))
        yield from findings(settings().database_url, codec, ONE_FOLLOWS)
    if has_login():
        yield from _login()


def _login() -> Iterator[Finding]:
    """Whether the API is there, knows the token, and has the same time and release."""
    here = signed_in()
    try:
        ready = ask(here, "GET", "/version")
        me = ask(here, "GET", f"{API}/me").body
    except SystemExit as ended:  # why it ended stands above
        if ended.code == NOT_SIGNED_IN:
            yield Finding("The token is not good.", "casebook login")
        else:
            yield Finding("The API does not answer.", f"casebook up, or see {here.url}/readyz")
        return
    yield Finding(f"{here.url} answers, and knows you as {me['name']}, {me['role']}.")
    if (until := me["token_expires_at"]) is not None:
        left = datetime.fromisoformat(until) - datetime.now(UTC)
        said = f"The token is good for {left.days} more days."
        yield Finding(said, "make a new one, then casebook login" if left < SOON else None)
    apart = abs(parsedate_to_datetime(ready.headers["date"]) - datetime.now(UTC))
    wrong_clock = (
        "set the clock of this machine, or of the server" if apart > CLOCKS_APART else None
    )
    yield Finding(f"The clocks are {apart.total_seconds():.0f} s apart.", wrong_clock)
    there, own = ready.body["release"], version("casebook")
    said = f"The API is release {there}, this command {own}."
    yield Finding(said, "use the same release" if there != own else None)
