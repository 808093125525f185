"""What the rules of one case need to know and only the runtime can look up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from domain.calendar import Calendar
from domain.configuration import Account, Catalogue, Person
from domain.errors import PersonInactive, PersonUnknown, UploadUnknown
from domain.values import Actor, Upload


@dataclass(frozen=True, slots=True)
class OtherCase:
    """What the rules want to know of the case that a command names beside its own."""

    id: UUID
    number: str
    account: UUID
    is_open: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """The documents in force, and what the command at hand names.

    `command` is the id of the command; new entries get theirs from it, so that a command
    that is sent again means the same ones. `new_case` is the id and the number of the case that it
    makes, if it does. `claims` tells for each external id that it names, (system, id), for which
    case it stands now.
    """

    command: UUID
    account_id: UUID
    account: Account
    catalogue: Catalogue
    calendar: Calendar
    people: Mapping[UUID, Person] = field(default_factory=dict)
    uploads: Mapping[UUID, Upload] = field(default_factory=dict)
    other: OtherCase | None = None
    new_case: tuple[UUID, str] | None = None
    claims: Mapping[tuple[str, str], UUID | None] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)

    def new_id(self, of: str) -> UUID:
        """The id of what this command makes; the same each time the command is decided."""
        return uuid5(self.command, of)

    def person(self, person: UUID, what: str) -> Person:
        """An active person.

        Raises:
            PersonUnknown: there is none of that id.
            PersonInactive: there was.
        """
        found = self.people.get(person)
        if found is None:
            raise PersonUnknown(what=what)
        if not found.active:
            raise PersonInactive(what=what)
        return found

    def name_of(self, person: UUID | str | None) -> str:
        """A person's name for a message, or what stands for it."""
        if isinstance(person, UUID):
            return self.people[person].name if person in self.people else "somebody"
        return person or "nobody"

    def upload(self, upload: UUID, by: Actor) -> Upload:
        """A file that this actor uploaded.

        Raises:
            UploadUnknown: there is none of that id, or somebody else uploaded it.
        """
        found = self.uploads.get(upload)
        if found is None or found.by not in {by.id, by.person}:
            raise UploadUnknown(upload=upload)
        return found
