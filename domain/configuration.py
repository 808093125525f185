"""What the desk is set to: documents, each a stream of its own whose events carry all of it."""

from functools import cache
from typing import Annotated, Final, TypeAlias
from uuid import UUID, uuid5

from pydantic import Field, StringConstraints, ValidationInfo, model_validator

from domain.calendar import Calendar, Zone
from domain.errors import NotConfigured, NotInCatalogue
from domain.values import (
    CUSTOMER_ROLES,
    DESK_ROLES,
    STORED,
    Country,
    EmailAddress,
    EventName,
    Key,
    Label,
    PersonName,
    Role,
    Sentence,
    Severity,
    Value,
    WebhookUrl,
    Word,
)

_NAMESPACE: Final = UUID("6f0c5f3e-3d0c-5a4b-9a51-0f6f4f6a8a11")
CATALOGUE: Final = "catalogue"
SERVICE_LEVELS: Final = "service-levels"

Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)]


class Choice(Value):
    """Something that can be chosen; events carry it as a `Word`."""

    key: Key
    name: Label

    @property
    def word(self) -> Word:
        """The choice as an event names it."""
        return Word(key=self.key, name=self.name)


Vocabulary = Annotated[tuple[Choice, ...], Field(max_length=500)]


@cache
def document_stream(kind: str, name: str = "") -> UUID:
    """The stream of a document that is known by a name and not by an id."""
    return uuid5(_NAMESPACE, f"{kind}:{name}" if name else kind)


def claim_stream(account: UUID, system: str, external_id: str) -> UUID:
    """The stream that says for which case of an account a foreign system's number stands.

    Of an account: two customers may name their systems alike, and neither is told of the other's.
    """
    return uuid5(_NAMESPACE, f"external:{account}:{system}:{external_id}")


class TechProfile(Value):
    """An environment of a customer's; choosing it fills application, version and component."""

    key: Key
    name: Label
    application: Key
    product_version: Key | None = None
    component: Key | None = None


class Account(Value):
    """A company that we support; its people may add recipients in its own `domains`."""

    name: Label
    zone: Zone = "UTC"
    country: Country | None = None
    calendar: Key = "standard"
    tier: Key = "standard"
    domains: Annotated[tuple[Domain, ...], Field(max_length=200)] = ()
    tech_profiles: Annotated[tuple[TechProfile, ...], Field(max_length=500)] = ()
    shows_assignee: bool = True
    active: bool = True

    def tech_profile(self, key: Key) -> TechProfile:
        """The profile of this key.

        Raises:
            NotInCatalogue: the account has none of that key.
        """
        found = {profile.key: profile for profile in self.tech_profiles}
        if key not in found:
            raise NotInCatalogue(field="tech profile", known=tuple(found))
        return found[key]

    def owns(self, address: EmailAddress) -> bool:
        """Whether an address lies in one of the account's own domains."""
        return address.rpartition("@")[2] in self.domains


class Person(Value):
    """Somebody who signs in. `account` is None exactly for the desk's own people."""

    name: PersonName
    email: EmailAddress | None = None
    role: Role
    account: UUID | None = None
    teams: Annotated[tuple[Key, ...], Field(max_length=50)] = ()
    active: bool = True

    @property
    def can_have_cases(self) -> bool:
        """Whether cases may be assigned to this person."""
        return self.active and self.role in DESK_ROLES

    @property
    def fits_account(self) -> bool:
        """Customers belong to an account, and nobody else does; a service account may."""
        if self.role is Role.SERVICE:
            return True
        return (self.role in CUSTOMER_ROLES) == (self.account is not None)


class Application(Choice):
    """A product line, with what can be chosen once it is chosen."""

    versions: Vocabulary = ()
    components: Vocabulary = ()
    categories: Vocabulary = ()


class SeverityChoice(Choice):
    """How a severity is shown."""

    key: Severity
    meaning: Sentence


SHIPPED_TYPES: Final = tuple(
    Choice(key=name.lower().replace(" ", "-"), name=name)
    for name in ("Product Issue", "Environment", "Cloud Down", "General Inquiry", "Services")
)
SHIPPED_SEVERITIES: Final = (
    SeverityChoice(key=Severity.CRITICAL, name="Critical", meaning="operations halted"),
    SeverityChoice(key=Severity.URGENT, name="Urgent", meaning="severely impacted"),
    SeverityChoice(key=Severity.STANDARD, name="Standard", meaning="minor disruption"),
    SeverityChoice(key=Severity.LOW, name="Low", meaning="question, enhancement"),
)


class Catalogue(Value):
    """What can be chosen in a case."""

    applications: Annotated[tuple[Application, ...], Field(max_length=500)] = ()
    types: Vocabulary = SHIPPED_TYPES
    severities: Annotated[tuple[SeverityChoice, ...], Field(min_length=4, max_length=4)] = (
        SHIPPED_SEVERITIES
    )
    teams: Vocabulary = ()

    @model_validator(mode="after")
    def _each_severity(self, info: ValidationInfo) -> "Catalogue":
        if info.context != STORED and len({word.key for word in self.severities}) != len(Severity):
            msg = "must show each severity once"
            raise ValueError(msg)
        return self

    def application(self, key: Key) -> Application:
        """The application of this key.

        Raises:
            NotInCatalogue: there is none.
        """
        found = {application.key: application for application in self.applications}
        if key not in found:
            raise NotInCatalogue(field="application", known=tuple(found))
        return found[key]

    def severity(self, severity: Severity) -> Word:
        """The severity in today's words."""
        return next(word.word for word in self.severities if word.key is severity)

    def type(self, key: Key) -> Word:
        """The type of this key; NotInCatalogue when there is none."""
        return chosen("type", key, self.types)

    def team(self, key: Key) -> Word:
        """The team of this key; NotInCatalogue when there is none."""
        return chosen("team", key, self.teams)


def chosen(field: str, key: Key, words: Vocabulary, of: str = "The catalogue") -> Word:
    """The word of this key among `words`.

    Raises:
        NotConfigured: nothing can be chosen at all.
        NotInCatalogue: something can, but not this.
    """
    if not words:
        raise NotConfigured(field=field, application=of)
    for word in words:
        if word.key == key:
            return word.word
    raise NotInCatalogue(field=field, known=tuple(word.key for word in words))


class Target(Value):
    """How long something may take, in working minutes; None promises nothing."""

    severity: Severity
    first_response: Annotated[int, Field(gt=0)] | None = None
    next_update: Annotated[int, Field(gt=0)] | None = None
    resolution: Annotated[int, Field(gt=0)] | None = None


class ServiceLevel(Value):
    """The targets for a tier of accounts; `application` None: for all of them."""

    tier: Key
    application: Key | None = None
    targets: Annotated[tuple[Target, ...], Field(max_length=4)] = ()


class ServiceLevels(Value):
    """What was promised to whom."""

    levels: Annotated[tuple[ServiceLevel, ...], Field(max_length=1_000)] = ()


class Subscription(Value):
    """A program that is sent events over HTTP: those that its owner may see at that moment.

    `types` empty: of all kinds; `account` None: of all that the owner sees; `internal`: with what
    is for the desk alone.
    """

    url: WebhookUrl
    description: Label
    owner: UUID
    types: Annotated[tuple[EventName, ...], Field(max_length=100)] = ()
    account: UUID | None = None
    internal: bool = False
    active: bool = True


Document: TypeAlias = Account | Person | Catalogue | Calendar | ServiceLevels | Subscription
