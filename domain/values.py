"""The vocabulary: what commands, events and documents are made of, and their bounds.

The bounds belong to what is asked (`Subject`, `Words` …). Events use the unbounded `Text` and
`Personal`: a bound that is tightened one day must not make an old history unreadable.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WrapValidator,
)

_Item = TypeVar("_Item")

MOST_WORDS: Final = 32_000
MOST_RECIPIENTS: Final = 50
MOST_FILES: Final = 20
MOST_TAGS: Final = 50
MOST_EXTERNAL_IDS: Final = 20


class Value(BaseModel):
    """Immutable, and closed: a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Slot(StrEnum):
    """Which of an event's two keys encrypts a field: what people wrote, or what identifies them."""

    TEXT = "text"
    PERSONAL = "personal"


class Erased(str):
    """Stands where words stood whose key was destroyed."""

    __slots__ = ("reason", "when")
    reason: str
    when: datetime

    def __new__(cls, reason: str, when: datetime) -> Self:
        """`reason` is 'redacted' (one entry) or 'erased' (the whole stream)."""
        self = super().__new__(cls, f"[{reason}]")
        self.reason, self.when = reason, when
        return self


@dataclass(frozen=True, slots=True)
class Sealed:
    """Marks a field that the log keeps encrypted, under the key of this slot."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Desk:
    """Marks a field of a public event that only the desk may see."""


@dataclass(frozen=True, slots=True)
class Unshown:
    """Marks a field that nobody is shown: it is a means, and says nothing of what happened."""


def _keep_erased(value: Any, validate: Callable[[Any], str]) -> str:  # noqa: ANN401  pydantic's signature
    return value if isinstance(value, Erased) else validate(value)


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NO_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # Unicode's Cc, Zl and Zp


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        msg = "must not contain control characters"
        raise ValueError(msg)
    return text


def _one_line(text: str) -> str:
    # Not `isprintable`: that refuses no-break spaces, and the joiners of emoji and of Persian.
    if _NO_LINE.search(text):
        msg = "must be one line without control characters"
        raise ValueError(msg)
    return text


# What turns the order of letters around makes exe.gpj of jpg.exe.
_TURNS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _without_folders(text: str) -> str:
    """The name of a file without the folders that some browsers send with it."""
    name = _TURNS.sub("", re.split(r"[/\\]", text)[-1]).strip()
    if not name.strip("."):
        msg = "must be the name of a file"
        raise ValueError(msg)
    return name


# What a library judges is judged when it is asked for and not when it is read again from the log:
# the next release of the library may think otherwise.
STORED: Final = "stored"


def _email(text: str, info: ValidationInfo) -> str:
    if info.context == STORED:
        return text
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        msg = f"is no e-mail address: {error}"
        raise ValueError(msg) from None


def _name(text: str, info: ValidationInfo) -> str:
    return text if info.context == STORED else _one_line(text)


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return value


def _distinct(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))


def _to_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        msg = "lies outside the years 1 to 9999"
        raise ValueError(msg) from None


_PRINTED: Final = re.compile(r"[!-~]+")


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or not _PRINTED.fullmatch(text) or port == 0:
        msg = "must be an address such as https://example.com/hooks, in ASCII"
        raise ValueError(msg)
    here = host == "localhost" or host.startswith("127.") or host == "::1"
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        msg = "must begin with https://; http:// is for this machine alone"
        raise ValueError(msg)
    if "@" in parts.netloc or "#" in text or "\\" in text:
        msg = "must have no name, password, fragment or backslash in it"
        raise ValueError(msg)
    return text


_Whole = WrapValidator(_keep_erased)
Text = Annotated[str, _Whole, Sealed(Slot.TEXT)]
Personal = Annotated[str, _Whole, Sealed(Slot.PERSONAL)]
DeskText = Annotated[str, _Whole, Sealed(Slot.TEXT), Desk()]
FileKey = Annotated[str, _Whole, Sealed(Slot.TEXT), Unshown()]
"""32 bytes in base64 under which a file is kept: with the words of its event it is destroyed."""

Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z]+([.-][a-z]+)*$", max_length=60)]
WebhookUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_000),
    AfterValidator(_web_address),
    Sealed(Slot.TEXT),  # receivers that cannot verify a signature put a secret of theirs in it
    _Whole,
]
Label = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    AfterValidator(_one_line),
]
FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_one_line),
    AfterValidator(_without_folders),
]
PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_name),
    Sealed(Slot.PERSONAL),
    _Whole,
]
Subject = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    AfterValidator(_one_line),
]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_WORDS),
    AfterValidator(_printable),
]
Sentence = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    AfterValidator(_printable),
]
Reference = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80),
    AfterValidator(_one_line),
]
Tag = Annotated[str, StringConstraints(pattern=r"^[^\W_](?:[\w.:/+-]{0,38}[\w+])?$", to_lower=True)]
EmailAddress = Annotated[str, AfterValidator(_email), Sealed(Slot.PERSONAL), _Whole]
EmailAddresses = Annotated[
    tuple[EmailAddress, ...],
    BeforeValidator(_split),
    AfterValidator(_distinct),
    Field(max_length=MOST_RECIPIENTS),
]
Tags = Annotated[tuple[Tag, ...], AfterValidator(_distinct), Field(max_length=MOST_TAGS)]
ExternalIds = Annotated[dict[Key, Reference], Field(max_length=MOST_EXTERNAL_IDS)]
Uploads = Annotated[tuple[UUID, ...], AfterValidator(_distinct), Field(max_length=MOST_FILES)]
CaseNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
PhoneInput = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=40),
    AfterValidator(_one_line),
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Word(Value):
    """A word of the catalogue as it read at the time; `key` stays when the name changes."""

    key: str
    name: str


class Severity(StrEnum):
    """How much of the customer's operations stands still, worst first."""

    CRITICAL = "critical"
    URGENT = "urgent"
    STANDARD = "standard"
    LOW = "low"


class Status(StrEnum):
    """The status that everybody is shown."""

    UNASSIGNED = "Unassigned"
    IN_PROGRESS = "In Progress"
    ESCALATED = "Escalated"
    CLOSED = "Closed"


class Badge(StrEnum):
    """What stands beside the status."""

    AWAITING_CUSTOMER = "awaiting customer"
    AWAITING_THIRD_PARTY = "awaiting third party"
    AWAITING_DATE = "awaiting planned date"
    CLOSE_REQUESTED = "close requested"
    RESOLUTION_PROPOSED = "resolution proposed"
    MERGED = "merged"


class Awaited(StrEnum):
    """Whom or what an open case waits for."""

    CUSTOMER = "customer"
    THIRD_PARTY = "third party"
    DATE = "planned date"


class EscalationReason(StrEnum):
    """Why somebody wants more attention for a case."""

    UNRESOLVED = "unresolved"
    DELAY = "delay"
    OTHER = "other"


class ResolutionType(StrEnum):
    """How a case was solved."""

    PROVIDED = "provided"
    REFERRED = "referred"
    BY_CUSTOMER = "solved by customer"
    OTHER = "other"


class ResolvedBy(StrEnum):
    """Whose resolution a customer names when asking to close."""

    PROVIDED = "provided"
    OWN = "own"


class Ground(StrEnum):
    """On whose word a case was closed."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    AGENT = "agent"
    TIMER_ON_REQUEST = "timer on request"
    TIMER_ON_RESOLUTION = "timer on resolution"


class LinkKind(StrEnum):
    """How a case is tied to another one, read from this case; each kind has an inverse."""

    RELATED = "related"
    DUPLICATES = "duplicates"
    DUPLICATED_BY = "duplicated by"
    CAUSED_BY = "caused by"
    CAUSES = "causes"
    FOLLOWS = "follows"
    FOLLOWED_BY = "followed by"
    MERGED_FROM = "merged from"
    MERGED_INTO = "merged into"

    @property
    def inverse(self) -> "LinkKind":
        """The same tie, read from the other case."""
        return _INVERSES[self]


_PAIRS: Final = (
    (LinkKind.RELATED, LinkKind.RELATED),
    (LinkKind.DUPLICATES, LinkKind.DUPLICATED_BY),
    (LinkKind.CAUSED_BY, LinkKind.CAUSES),
    (LinkKind.FOLLOWS, LinkKind.FOLLOWED_BY),
    (LinkKind.MERGED_FROM, LinkKind.MERGED_INTO),
)
_INVERSES: Final = dict(_PAIRS) | {b: a for a, b in _PAIRS}


class Role(StrEnum):
    """What somebody is to the desk.

    `SERVICE` is a program, `OPERATOR` a person at the command line, `SYSTEM` Casebook itself.
    """

    CUSTOMER = "customer"
    CUSTOMER_ADMIN = "customer admin"
    AGENT = "agent"
    SUPPORT_ADMIN = "support admin"
    AUDITOR = "auditor"
    SERVICE = "service account"
    OPERATOR = "operator"
    SYSTEM = "system"


CUSTOMER_ROLES: Final = frozenset({Role.CUSTOMER, Role.CUSTOMER_ADMIN})
DESK_ROLES: Final = frozenset({Role.AGENT, Role.SUPPORT_ADMIN})
_OF_AN_ACCOUNT: Final = CUSTOMER_ROLES | {Role.SERVICE}

SystemName = Annotated[
    str, StringConstraints(pattern=r"^(system|operator|import|service):[\w.@-]{1,60}$")
]


class Actor(Value):
    """Who does something, in the role in which it is done.

    `id` is a person's, or a name such as 'system:timekeeper'; `account` is None for everybody who
    is not a customer's. A service account that acts for a person keeps its own `id` and has that
    person's role. `without_notes` says with what rights it is done and not who does it: the log
    does not keep it.
    """

    id: UUID | SystemName
    role: Role
    account: UUID | None = None
    on_behalf_of: UUID | None = None
    without_notes: Annotated[bool, Field(exclude=True)] = False

    @property
    def person(self) -> UUID | str:
        """Whose act it is."""
        return self.on_behalf_of or self.id

    @property
    def is_desk(self) -> bool:
        """Agents and support admins, and the desk's own service accounts."""
        return self.role in DESK_ROLES or (self.role is Role.SERVICE and self.account is None)

    @property
    def is_customer(self) -> bool:
        """People and service accounts of an account."""
        return self.account is not None and self.role in _OF_AN_ACCOUNT

    @property
    def sees_internal(self) -> bool:
        """Whether what is internal exists for the actor; customers are shown nothing of it."""
        return not self.is_customer and not self.without_notes

    @property
    def sees_account(self) -> bool:
        """Whether the actor sees every case of the account, not only the own ones."""
        return self.role is Role.CUSTOMER_ADMIN or (self.is_customer and self.role is Role.SERVICE)


class Upload(Value):
    """A file that has arrived and waits to be attached: bytes, and SHA-256 in hex.

    `scanned`: a scanner looked through it and found nothing.
    """

    id: UUID
    name: Text
    size: int
    media_type: str
    digest: Text
    by: UUID | SystemName
    key: FileKey | None = None
    scanned: bool = False


class Resolution(Value):
    """What was wrong, and what was done about it."""

    type: ResolutionType
    root_cause: Text
    summary: Text


class Window(Value):
    """Until when a closed case may be reopened: `until` itself is too late.

    `origin` is 'import' where a foreign history did not say, and it was computed when it came in.
    """

    until: Instant
    zone: str
    origin: str = "closing"


def phone_number(text: str, country: str | None) -> str | None:
    """`text` in E.164, a national number read as one of `country`; None when it is invalid."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def example_phone(country: str | None) -> str:
    """A number that would be accepted."""
    number = phonenumbers.example_number(country) if country else None
    if number is None:
        return "+49 30 901820"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
