"""Example data, named once: the people, the accounts, what is configured, and what has happened.

Clara of Acme raised a case on Monday. Anna and Alan are agents. Globex is another account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from domain import commands as c
from domain import events as e
from domain.calendar import Calendar, Holiday
from domain.configuration import (
    Account,
    Application,
    Catalogue,
    Choice,
    Person,
    ServiceLevel,
    ServiceLevels,
    Subscription,
    Target,
    TechProfile,
)
from domain.terms import OtherCase, Terms
from domain.values import (
    Actor,
    Awaited,
    EscalationReason,
    Ground,
    LinkKind,
    Resolution,
    ResolutionType,
    ResolvedBy,
    Role,
    Severity,
    Upload,
    Window,
)

_NAMES: Final = UUID("3f0e6f0e-0000-4000-8000-000000000000")


def named(name: str) -> UUID:
    """The id that stands for a name in all examples."""
    return uuid5(_NAMES, name)


def id_of(actor: Actor) -> UUID:
    """The person's id: of the one acted for, where somebody is."""
    assert isinstance(actor.person, UUID)
    return actor.person


# When ------------------------------------------------------------------------------------------
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MOMENT: Final = timedelta(microseconds=1)
MONDAY: Final = datetime(2026, 11, 16, 9, tzinfo=UTC)
FRIDAY: Final = datetime(2026, 11, 20, 10, tzinfo=UTC)
TUESDAY: Final = datetime(2026, 11, 24, 10, tzinfo=UTC)
WINDOW_OF_FRIDAY: Final = datetime(2026, 12, 10, 23, tzinfo=UTC)  # Thu 10 December, 24:00 Berlin
WINDOW_OF_TUESDAY: Final = datetime(2026, 12, 14, 23, tzinfo=UTC)
THREE_WEEKS_LATER: Final = FRIDAY + 21 * DAY

# What is configured ----------------------------------------------------------------------------
PERFORMANCE: Final = Choice(key="performance", name="Performance")
VERSION_1: Final = Choice(key="1.0", name="1.0")
VERSION_2: Final = Choice(key="2.0", name="2.0")
GATEWAY: Final = Choice(key="gateway", name="Gateway")
SCREENS: Final = Choice(key="screens", name="Screens")
ATLAS: Final = Application(
    key="atlas",
    name="Atlas",
    versions=(VERSION_1, VERSION_2),
    components=(GATEWAY, SCREENS),
    categories=(PERFORMANCE,),
)
BORA: Final = Application(key="bora", name="Bora", versions=(Choice(key="7", name="7"),))
NETWORK: Final = Choice(key="network", name="Network")
BILLING: Final = Choice(key="billing", name="Billing")
CATALOGUE: Final = Catalogue(applications=(ATLAS, BORA), teams=(NETWORK, BILLING))
PRODUCT_ISSUE: Final = CATALOGUE.type("product-issue")
STANDARD: Final = CATALOGUE.severity(Severity.STANDARD)
CRITICAL: Final = CATALOGUE.severity(Severity.CRITICAL)

CALENDAR: Final = Calendar()
HOLIDAYS: Final = Calendar(
    key="berlin",
    name="Berlin",
    holidays=(
        Holiday(day=date(2026, 12, 25), name="Christmas"),
        Holiday(day=date(2026, 12, 26), name="Boxing Day"),
        Holiday(day=date(2027, 1, 1), name="New Year"),
    ),
)
LEVELS: Final = ServiceLevels(
    levels=(
        ServiceLevel(tier="gold", targets=(Target(severity=Severity.CRITICAL, resolution=60),)),
    )
)

ACME: Final = named("Acme")
GLOBEX: Final = named("Globex")
PRODUCTION: Final = TechProfile(
    key="production",
    name="Production",
    application="atlas",
    product_version="2.0",
    component="gateway",
)
ACME_ACCOUNT: Final = Account(
    name="Acme",
    zone="Europe/Berlin",
    country="DE",
    domains=("acme.com", "acme.de"),
    tech_profiles=(PRODUCTION,),
)
GLOBEX_ACCOUNT: Final = Account(name="Globex", zone="America/Sao_Paulo", country="BR")
ACCOUNTS: Final = {ACME: ACME_ACCOUNT, GLOBEX: GLOBEX_ACCOUNT}

# Who -------------------------------------------------------------------------------------------
CLARA: Final = Actor(id=named("Clara"), role=Role.CUSTOMER, account=ACME)
CARL: Final = Actor(id=named("Carl"), role=Role.CUSTOMER, account=ACME)
CHRIS: Final = Actor(id=named("Chris"), role=Role.CUSTOMER, account=ACME)
ADA: Final = Actor(id=named("Ada"), role=Role.CUSTOMER_ADMIN, account=ACME)
GINA: Final = Actor(id=named("Gina"), role=Role.CUSTOMER, account=GLOBEX)
GUS: Final = Actor(id=named("Gus"), role=Role.CUSTOMER_ADMIN, account=GLOBEX)
ANNA: Final = Actor(id=named("Anna"), role=Role.AGENT)
ALAN: Final = Actor(id=named("Alan"), role=Role.AGENT)
AXEL: Final = Actor(id=named("Axel"), role=Role.AGENT)
SUE: Final = Actor(id=named("Sue"), role=Role.SUPPORT_ADMIN)
AUDREY: Final = Actor(id=named("Audrey"), role=Role.AUDITOR)
CRM: Final = Actor(id=named("CRM"), role=Role.SERVICE, account=ACME)
BOT: Final = Actor(id=named("Bot"), role=Role.SERVICE)
CRM_FOR_CLARA: Final = CLARA.model_copy(update={"id": CRM.id, "on_behalf_of": CLARA.id})
BLIND_BOT: Final = BOT.model_copy(update={"without_notes": True})
BOT_FOR_ANNA: Final = ANNA.model_copy(update={"id": BOT.id, "on_behalf_of": ANNA.id})
OPERATOR: Final = Actor(id="operator:olga", role=Role.OPERATOR)
TIMEKEEPER: Final = Actor(id="system:timekeeper", role=Role.SYSTEM)
EVERYBODY: Final = (
    *(CLARA, CARL, ADA, GINA, GUS, ANNA, ALAN, SUE, AUDREY),
    *(CRM, BOT, CRM_FOR_CLARA, BOT_FOR_ANNA, OPERATOR, TIMEKEEPER),
)


def _person(actor: Actor, name: str, *, active: bool = True) -> Person:
    host = {ACME: "acme.com", GLOBEX: "globex.com"}.get(actor.account or UUID(int=0), "desk.com")
    email = f"{name.lower()}@{host}"
    return Person(name=name, email=email, role=actor.role, account=actor.account, active=active)


PEOPLE: Final[Mapping[UUID, Person]] = {
    **{id_of(x): _person(x, n) for x, n in ((CLARA, "Clara"), (CARL, "Carl"), (ADA, "Ada"))},
    **{id_of(x): _person(x, n) for x, n in ((GINA, "Gina"), (GUS, "Gus"), (CRM, "CRM"))},
    **{id_of(x): _person(x, n) for x, n in ((ANNA, "Anna"), (ALAN, "Alan"), (BOT, "Bot"))},
    **{id_of(x): _person(x, n) for x, n in ((SUE, "Sue"), (AUDREY, "Audrey"))},
    **{id_of(x): _person(x, n, active=False) for x, n in ((AXEL, "Axel"), (CHRIS, "Chris"))},
}

SUBSCRIPTION: Final = Subscription(
    url="https://hooks.acme.com/casebook?of=acme",
    description="Acme's CRM",
    owner=id_of(CRM),
    types=("case.closed", "case.created"),
    account=ACME,
)

NAMES: Final[Mapping[UUID, str]] = {
    **{id_: account.name for id_, account in ACCOUNTS.items()},
    **{id_: person.name for id_, person in PEOPLE.items()},
}

# Clara's case and what it is judged by ---------------------------------------------------------
CASE: Final = named("Clara's case")
OTHER_CASE: Final = named("another case of Acme")
COMMAND: Final = named("the command")
NUMBER: Final = "00000042"
NEW_CASE: Final = named("the case that the command makes")
NEW_NUMBER: Final = "00000044"
OTHER: Final = OtherCase(id=OTHER_CASE, number="00000043", account=ACME, is_open=True)
LOG_FILE: Final = Upload(
    id=named("log"), name="app.log", size=2048, media_type="text/plain", digest="ab" * 32,
    by=CLARA.id,
)  # fmt: skip
PATCH: Final = LOG_FILE.model_copy(
    update={"id": named("patch"), "name": "patch.zip", "by": ANNA.id}
)
TERMS: Final = Terms(
    command=COMMAND,
    account_id=ACME,
    account=ACME_ACCOUNT,
    catalogue=CATALOGUE,
    calendar=CALENDAR,
    people=PEOPLE,
    uploads={file.id: file for file in (LOG_FILE, PATCH)},
    other=OTHER,
    new_case=(NEW_CASE, NEW_NUMBER),
    versions={"calendar": 1, "catalogue": 1, "account": 1},
)
NEW_ENTRY: Final = TERMS.new_id("entry")


def terms(**changed: Any) -> Terms:  # noqa: ANN401  any field of Terms
    return replace(TERMS, **changed)


# What has happened -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Happened:
    """An event with who and when; `at` None: an hour after the one before."""

    event: e.Event
    by: Actor
    at: datetime | None = None


CREATE: Final = c.Create(
    application="atlas", type="product-issue", subject="It is slow", description="Since Sunday."
)
_FIELDS: Final = {
    "number": NUMBER,
    "account": ACME,
    "contact": id_of(CLARA),
    "submitter": id_of(CLARA),
    "application": ATLAS.word,
    "type": PRODUCT_ISSUE,
    "severity": STANDARD,
    "subject": "It is slow",
    "description": "Since Sunday.",
}


def raised(**fields: Any) -> e.Created:  # noqa: ANN401  any field of Created
    """Clara's case, with some fields as given."""
    return e.Created.model_validate(_FIELDS | fields)


PUBLIC: Final = named("a post of Anna's")
INTERNAL: Final = named("a note of Anna's")
BELOW: Final = named("a comment of Clara's")
QUESTION: Final = named("a post of Clara's")
FILE: Final = named("a file")
SECRET_FILE: Final = named("a file of a note")
RESOLUTION: Final = Resolution(
    type=ResolutionType.PROVIDED, root_cause="A loop.", summary="Update to 2.1."
)
REMINDS_AT: Final = datetime(2026, 11, 27, 23, tzinfo=UTC)
CLOSES_AT: Final = datetime(2026, 12, 4, 23, tzinfo=UTC)

CREATED: Final = Happened(raised(), CLARA, MONDAY)
TAKEN: Final = Happened(e.Assigned(assignee=id_of(ANNA), team=None), ANNA)
UNASSIGNED: Final = Happened(e.Unassigned(reason="Holidays."), ANNA)
POSTED: Final = Happened(e.Posted(entry=PUBLIC, text="Which version?"), ANNA)
ASKED: Final = Happened(e.Posted(entry=QUESTION, text="Any news?"), CLARA)
NOTED: Final = Happened(e.Posted(entry=INTERNAL, text="A bug of ours.", internal=True), ANNA)
COMMENTED: Final = Happened(e.Commented(entry=BELOW, post=PUBLIC, text="2.0"), CLARA)
FILE_ADDED: Final = Happened(
    e.AttachmentAdded(
        attachment=FILE, entry=PUBLIC, name="patch.zip", size=9, media_type="application/zip",
        digest="cd" * 32,
    ),
    ANNA,
)  # fmt: skip
SECRET_FILE_ADDED: Final = Happened(
    e.AttachmentAdded(
        attachment=SECRET_FILE, entry=INTERNAL, name="dump.sql", size=9,
        media_type="application/sql", digest="ef" * 32, internal=True,
    ),
    ANNA,
)  # fmt: skip
AWAITING: Final = Happened(
    e.Awaiting(awaited=Awaited.CUSTOMER, until=None, reason="The version."), ANNA
)
TAGGED: Final = Happened(e.TagsChanged(tags=("performance",)), ANNA)
MADE_CRITICAL: Final = Happened(e.SeverityChanged(severity=CRITICAL), ANNA)
ESCALATED: Final = Happened(
    e.Escalated(comment="We lose orders.", reason=EscalationReason.DELAY), CLARA
)
DEESCALATED: Final = Happened(
    e.Deescalated(justification="A workaround.", message="Orders go through again."), ANNA
)
RESOLVED: Final = Happened(
    e.Resolved(resolution=RESOLUTION, reminds_at=REMINDS_AT, closes_at=CLOSES_AT), ANNA, FRIDAY
)
CLOSE_REQUESTED: Final = Happened(
    e.CloseRequested(
        resolved_by=ResolvedBy.OWN, comment=None, reminds_at=REMINDS_AT, closes_at=CLOSES_AT
    ),
    CLARA,
    FRIDAY,
)
CLOSED_ON_FRIDAY: Final = Happened(
    e.Closed(
        ground=Ground.AGENT, customers_word=False, reason="No answer.",
        window=Window(until=WINDOW_OF_FRIDAY, zone="Europe/Berlin"),
    ),
    ANNA,
    FRIDAY,
)  # fmt: skip
REOPENED: Final = Happened(e.Reopened(comment="Again.", assignee=id_of(ANNA)), CLARA)
MERGED: Final = Happened(e.Merged(into=OTHER_CASE, number=OTHER.number), ANNA)
LINKED: Final = Happened(
    e.Linked(kind=LinkKind.RELATED, case=OTHER_CASE, number=OTHER.number), ANNA
)
RATED: Final = Happened(e.Rated(score=2, comment="Slow."), CLARA)
ERASED: Final = Happened(e.Erased(reason="At Acme's wish."), SUE)
