"""A letter as an e-mail: text and HTML, in the thread of its case, with a link that ends it.

Source: RFC 5322 (threads), RFC 3834 (automatic mail), RFC 2369 and RFC 8058 (ending it).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from pathlib import Path
from typing import Final
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

LONGEST_SUBJECT: Final = 200
NO_REPLY: Final = "Replies are not read"
# One address and nothing that a header or a server could read as more than that.
_ADDRESS: Final = re.compile(
    r"[^\s\x00-\x20\x7f<>()\[\],;:\\\"@]+@[^\s\x00-\x20\x7f<>()\[\],;:\\\"@]+"
)
_NO_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class AddressUnusable(Exception):
    """The address is none that mail can be sent to."""


class Withheld(Exception):
    """It is not sent: {why}."""

    def __init__(self, why: str) -> None:
        super().__init__((self.__doc__ or "").format(why=why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that has happened, in words. `link` None: for who can open no case."""

    number: str
    subject: str
    headline: str
    words: str | None
    outlook: str | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What one recipient is told.

    `case` None: a digest, which belongs to no thread, or something that is no case's, `about` which
    the mail is then.
    """

    delivery: UUID
    recipient: str
    name: str | None
    case: UUID | None
    items: Sequence[Item]
    because: str
    ends: str
    unsubscribe: str
    about: str | None = None

    @property
    def is_digest(self) -> bool:
        return self.case is None and self.about is None

    @property
    def link(self) -> str | None:
        return self.items[0].link

    @property
    def title(self) -> str:
        """The subject of the mail: the same in all mails of a case, as threads need it."""
        if self.about is not None:
            return one_line(self.about)[:LONGEST_SUBJECT]
        first = self.items[0]
        if not self.is_digest:
            return one_line(f"[Case {first.number}] {first.subject}")[:LONGEST_SUBJECT]
        cases = len({item.number for item in self.items})
        return f"{_counted(len(self.items), 'update')} in {_counted(cases, 'case')}"


def composed(letter: Letter, mail_from: str) -> EmailMessage:
    """The mail, ready to be sent; made again it has the same Message-ID.

    Raises:
        AddressUnusable: the recipient's address is not one that a header can carry.
    """
    _, sender = parseaddr(mail_from)
    house = sender.rpartition("@")[2]
    message = EmailMessage(SMTP.clone(max_line_length=200))
    message["From"] = _mailbox(*parseaddr(mail_from))
    message["To"] = _mailbox(letter.name or "", letter.recipient)
    message["Reply-To"] = _mailbox(NO_REPLY, sender)
    message["Subject"] = letter.title
    message["Message-ID"] = f"<{letter.delivery}@{house}>"
    if letter.case is not None:
        # No mail has this id: all mails of a case refer to it, and so are one thread.
        thread = f"<case.{letter.case}@{house}>"
        message["In-Reply-To"] = thread
        message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(_rendered("mail.txt", letter), cte="quoted-printable")
    message.add_alternative(_rendered("mail.html", letter), subtype="html", cte="quoted-printable")
    return message


def one_line(text: str) -> str:
    """A text that a header can carry."""
    return " ".join(_NO_LINE.sub(" ", text).split())


def _mailbox(name: str, address: str) -> Address:
    if not _ADDRESS.fullmatch(address):
        raise AddressUnusable
    user, _, domain = address.rpartition("@")
    return Address(one_line(name)[:LONGEST_SUBJECT], username=user, domain=domain)


def _rendered(template: str, letter: Letter) -> str:
    rendered = _TEMPLATES.get_template(template).render(letter=letter)
    return rendered.encode("utf-8", "replace").decode()


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
