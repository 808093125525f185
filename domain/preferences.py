"""What somebody is told of, by which channel, and what they would rather not be told."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from domain.values import Value

MOST_SILENCES: Final = 200


class Channel(StrEnum):
    """By which way somebody is told."""

    EMAIL = "email"
    IN_APP = "in_app"


class Relation(StrEnum):
    """As what somebody is told: the strongest first, for who is several things at once."""

    MENTIONED = "mentioned"
    ASSIGNEE = "assignee"
    CONTACT = "contact"
    SUBMITTER = "submitter"
    WATCHER = "watcher"
    TEAM = "team"
    ADMIN = "admin"
    CC = "cc"
    OWNER = "owner"


class Kind(StrEnum):
    """What somebody is told of. A service level's kinds come with its clocks."""

    CREATED = "created"
    ADDED = "added"
    POST = "post"
    FILE = "file"
    STATUS = "status"
    SEVERITY = "severity"
    CRITICAL = "critical"
    ESCALATED = "escalated"
    DEESCALATED = "de-escalated"
    PROPOSED = "resolution proposed"
    ANSWERED = "resolution answered"
    REQUESTED = "close requested"
    DECLINED = "close request declined"
    WITHDRAWN = "close request withdrawn"
    CLOSED = "closed"
    REOPENED = "reopened"
    REDACTED = "redacted"
    ASSIGNED = "assigned"
    NOTE = "note"
    MENTION = "mention"
    AWAIT = "await"
    SURVEY = "survey"
    REMINDER = "reminder"
    STOPPED = "subscription stopped"


class Digest(StrEnum):
    """How often e-mail comes: at once, or what has gathered."""

    OFF = "off"
    HOURLY = "hourly"
    DAILY = "daily"


class Silence(Value):
    """What somebody does not want: a field that is null stands for all of them."""

    channel: Channel | None = None
    kind: Kind | None = None
    relation: Relation | None = None

    def covers(self, channel: Channel, kind: Kind, relation: Relation) -> bool:
        """Whether this is what is not wanted."""
        return (
            self.channel in {None, channel}
            and self.kind in {None, kind}
            and self.relation in {None, relation}
        )


class Preferences(Value):
    """What somebody wants to be told: everything but `off`, and nothing of their own acts."""

    off: Annotated[tuple[Silence, ...], Field(max_length=MOST_SILENCES)] = ()
    digest: Digest = Digest.OFF
    own_acts: bool = False

    def wants(self, channel: Channel, kind: Kind, relation: Relation) -> bool:
        """Whether somebody is told of such a thing in this way, as this."""
        return not any(silence.covers(channel, kind, relation) for silence in self.off)


SHIPPED: Final = Preferences()
