"""The desk that is seeded: three companies in three time zones, twelve people in all roles."""

from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

from domain import commands as c
from domain.calendar import Calendar, Holiday
from domain.configuration import (
    CATALOGUE,
    SERVICE_LEVELS,
    SHIPPED_TYPES,
    Account,
    Application,
    Catalogue,
    Choice,
    Person,
    ServiceLevel,
    ServiceLevels,
    Target,
    TechProfile,
    Vocabulary,
    document_stream,
)
from domain.values import Actor, Role, Severity


def _words(*names: str) -> tuple[Choice, ...]:
    return tuple(Choice(key=name.lower().replace(" ", "-"), name=name) for name in names)


APPLICATIONS: Final = (
    Application(
        key="atlas",
        name="Atlas Logistics",
        versions=_words("2.3", "2.4", "2.4.1", "2.4.2"),
        components=_words("Gateway", "Dispatch", "Stock", "Labels"),
        categories=_words("Data", "Performance", "Usage", "Integration"),
    ),
    Application(
        key="bora",
        name="Bora Billing",
        versions=_words("7.1", "7.2", "7.3"),
        components=_words("Invoices", "Payments", "Dunning"),
        categories=_words("Calculation", "Print", "Interface"),
    ),
    Application(
        key="cirrus",
        name="Cirrus Workspace",
        versions=_words("3.8", "3.9"),
        components=_words("Files", "Calendar", "Calls", "Mobile app"),
    ),
)
TEAMS: Final = _words("First line", "Platform", "Finance", "Customer success")

DAYS: Final = (
    ("01-01", "New Year's Day"), ("01-06", "Epiphany"), ("05-01", "Labour Day"),
    ("08-15", "Assumption Day"), ("10-03", "German Unity Day"), ("11-01", "All Saints' Day"),
    ("12-25", "Christmas Day"), ("12-26", "Boxing Day"),
)  # fmt: skip
YEARS: Final = range(2025, 2031)
MUNICH: Final = Calendar(
    key="nordwind",
    name="Nordwind: Munich, with public holidays",
    holidays=tuple(
        Holiday(day=date.fromisoformat(f"{year}-{day}"), name=name)
        for year in YEARS
        for day, name in DAYS
    ),
)
LEVELS: Final = ServiceLevels(
    levels=tuple(
        ServiceLevel(
            tier=tier,
            targets=(
                Target(severity=Severity.CRITICAL, first_response=first, resolution=8 * first),
                Target(severity=Severity.URGENT, first_response=4 * first, resolution=40 * first),
                Target(severity=Severity.STANDARD, first_response=16 * first),
            ),
        )
        for tier, first in (("gold", 30), ("standard", 60))
    )
)

NORDWIND: Final = document_stream("account", "nordwind logistik")
CASCADE: Final = document_stream("account", "cascade outdoor")
PAULISTA: Final = document_stream("account", "paulista alimentos")
ACCOUNTS: Final[Mapping[UUID, Account]] = {
    NORDWIND: Account(
        name="Nordwind Logistik",
        zone="Europe/Berlin",
        country="DE",
        calendar=MUNICH.key,
        tier="gold",
        domains=("nordwind.example",),
        tech_profiles=(
            TechProfile(
                key="production", name="Production, Munich", application="atlas",
                product_version="2.4", component="gateway",
            ),
        ),
    ),
    CASCADE: Account(
        name="Cascade Outdoor",
        zone="America/Los_Angeles",
        country="US",
        domains=("cascade.example",),
    ),
    PAULISTA: Account(
        name="Paulista Alimentos",
        zone="America/Sao_Paulo",
        country="BR",
        domains=("paulista.example",),
    ),
}  # fmt: skip

_STAFF: Final = (
    ("Jonas Weber", "jonas.weber@nordwind.example", Role.CUSTOMER, NORDWIND),
    ("Miriam Vogt", "miriam.vogt@nordwind.example", Role.CUSTOMER_ADMIN, NORDWIND),
    ("Dana Whitfield", "dana@cascade.example", Role.CUSTOMER, CASCADE),
    ("Marcus Oyelaran", "marcus@cascade.example", Role.CUSTOMER_ADMIN, CASCADE),
    ("Beatriz Nogueira", "beatriz@paulista.example", Role.CUSTOMER, PAULISTA),
    ("Rafael Duarte", "rafael@paulista.example", Role.CUSTOMER_ADMIN, PAULISTA),
    ("Nordwind CRM", "crm@nordwind.example", Role.SERVICE, NORDWIND),
    ("Ines Castelo", "ines@desk.example", Role.AGENT, None),
    ("Tom Halvorsen", "tom@desk.example", Role.AGENT, None),
    ("Yuki Tanabe", "yuki@desk.example", Role.AGENT, None),
    ("Ruth Adeyemi", "ruth@desk.example", Role.SUPPORT_ADMIN, None),
    ("Emil Novak", "emil@desk.example", Role.AUDITOR, None),
)
_TEAMS: Final = {
    "ines@desk.example": ("first-line", "customer-success"),
    "tom@desk.example": ("platform",),
    "yuki@desk.example": ("finance", "first-line"),
    "ruth@desk.example": ("customer-success",),
}
PEOPLE: Final[Mapping[UUID, Person]] = {
    document_stream("person", email): Person(
        name=name, email=email, role=role, account=account, teams=_TEAMS.get(email, ())
    )
    for name, email, role, account in _STAFF
}
SEEDER: Final = Actor(id="operator:seed", role=Role.OPERATOR)

# In an order in which each refers to what is there.
DOCUMENTS: Final[Mapping[UUID, c.DocumentCommand]] = {
    document_stream(CATALOGUE): c.SetCatalogue(
        document=Catalogue(applications=APPLICATIONS, teams=TEAMS)
    ),
    document_stream("calendar", MUNICH.key): c.SetCalendar(document=MUNICH),
    document_stream(SERVICE_LEVELS): c.SetServiceLevels(document=LEVELS),
    **{id_: c.SetAccount(document=account) for id_, account in ACCOUNTS.items()},
    **{id_: c.SetPerson(document=person) for id_, person in PEOPLE.items()},
}


def joined(theirs: Catalogue) -> Catalogue:
    """A catalogue in which everything is that was there, and what the cases need besides."""
    ours = {application.key: application for application in APPLICATIONS}
    kept = [_with(of, ours.pop(of.key)) if of.key in ours else of for of in theirs.applications]
    return theirs.model_copy(
        update={
            "applications": (*kept, *ours.values()),
            "types": _and(theirs.types, SHIPPED_TYPES),
            "teams": _and(theirs.teams, TEAMS),
        }
    )


def _with(theirs: Application, ours: Application) -> Application:
    return theirs.model_copy(
        update={
            "versions": _and(theirs.versions, ours.versions),
            "components": _and(theirs.components, ours.components),
            "categories": _and(theirs.categories, ours.categories),
        }
    )


def _and(theirs: Vocabulary, ours: Vocabulary) -> Vocabulary:
    known = {choice.key for choice in theirs}
    return (*theirs, *(choice for choice in ours if choice.key not in known))
