"""Mails at the command line: those that this machine kept, and addresses that refuse them."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Final

import typer

from api.operating import AsJson
from api.terminal import refuse, say
from domain.runtime.database import connect
from domain.runtime.keys import Keyring
from domain.runtime.settings import settings
from domain.runtime.suppressing import Suppressed

FOLDER: Final = Path("var/mail")
Which = Annotated[
    int | None, typer.Argument(min=1, help="The number in the list; none: the list of all.")
]


def mail(
    number: Which = None,
    folder: Annotated[Path, typer.Option(help="Where `casebook up` keeps them.")] = FOLDER,
    *,
    as_json: AsJson = False,
) -> None:
    """List or read the mails that `casebook up` kept, the newest first."""
    files = sorted(folder.glob("[0-9]*.eml"), reverse=True)
    if number is None:
        found = [_head(read(file)) for file in files]
        lines = [f"{n:4}  {_line(head)}" for n, head in enumerate(found, 1)]
        say({"mails": found}, "\n".join(lines) or "There are no mails.", as_json=as_json)
        return
    if number > len(files):
        refuse(f"There is no mail {number}: casebook mail lists {len(files)}.")
    message = read(files[number - 1])
    body = message.get_body(("plain",))
    text = str(body.get_content()).strip() if body else ""
    head = _head(message)
    words = "\n".join(f"{name.capitalize()}: {value}" for name, value in head.items())
    say({**head, "text": text}, f"{words}\n\n{text}", as_json=as_json)


def lift(
    address: Annotated[str, typer.Argument(help="To which no mail goes any more.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Send mail again to an address whose server had refused it for good."""
    suppressed = Suppressed(Keyring(settings().master_key_bytes))
    with connect(settings().database_url, "casebook lift", autocommit=True) as conn:
        lifted = suppressed.lift(conn, address)
    if lifted is None:
        refuse(f"No mail to {address} is held back.")
    why, since = lifted
    words = f"Mail goes to {address} again. Since {since:%Y-%m-%d %H:%M} it did not: {why}"
    say({"address": address, "why": why, "since": since}, words, as_json=as_json)


def read(file: Path) -> EmailMessage:
    """A mail as it was sent."""
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def _head(message: EmailMessage) -> dict[str, str]:
    return {name: str(message[name]) for name in ("to", "from", "subject", "message-id")}


def _line(head: dict[str, str]) -> str:
    return f"{head['to']:40.40}  {head['subject']}"
