"""What the desk is set to: who may set which document, and what they may refer to."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.administration import Known, set_document
from domain.calendar import Calendar
from domain.configuration import (
    SHIPPED_SEVERITIES,
    Application,
    Catalogue,
    Choice,
    Document,
    Person,
    document_stream,
)
from domain.values import Actor, Role
from tests.examples import (
    ACME,
    ACME_ACCOUNT,
    ADA,
    ANNA,
    AUDREY,
    BOT,
    CALENDAR,
    CATALOGUE,
    CLARA,
    CRM,
    GLOBEX,
    HOLIDAYS,
    LEVELS,
    OPERATOR,
    PEOPLE,
    SUE,
    id_of,
    named,
)

KNOWN = Known(accounts={ACME, GLOBEX}, calendars={"standard"})
STREAM = named("a document")
ADA_ADMIN = PEOPLE[id_of(ADA)]
COMMANDS: list[tuple[c.DocumentCommand, e.DocumentEvent]] = [
    (c.SetAccount(document=ACME_ACCOUNT), e.AccountSet(document=ACME_ACCOUNT)),
    (c.SetPerson(document=ADA_ADMIN), e.PersonSet(document=ADA_ADMIN)),
    (c.SetCatalogue(document=CATALOGUE), e.CatalogueSet(document=CATALOGUE)),
    (c.SetCalendar(document=CALENDAR), e.CalendarSet(document=CALENDAR)),
    (c.SetServiceLevels(document=LEVELS), e.ServiceLevelsSet(document=LEVELS)),
]


def decided(
    command: c.DocumentCommand,
    by: Actor,
    *,
    current: Document | None = None,
    stream: UUID = STREAM,
) -> list[Any]:
    return list(set_document(current, command, stream=stream, by=by, known=KNOWN))


def changed(person: Actor, **fields: Any) -> c.SetPerson:  # noqa: ANN401  any field of Person
    document = PEOPLE[id_of(person)].model_dump() | fields
    return c.SetPerson(document=Person.model_validate(document))


@pytest.mark.parametrize(("command", "event"), COMMANDS)
@pytest.mark.parametrize("by", [SUE, OPERATOR])
def test_support_admins_and_operators_set_documents(
    command: c.DocumentCommand, event: e.DocumentEvent, by: Actor
) -> None:
    assert decided(command, by) == [event]


@pytest.mark.parametrize(("command", "event"), COMMANDS)
def test_a_document_as_it_was_is_no_event(
    command: c.DocumentCommand, event: e.DocumentEvent
) -> None:
    assert decided(command, SUE, current=event.document) == []


@pytest.mark.parametrize(("command", "event"), COMMANDS)
@pytest.mark.parametrize("by", [CLARA, ADA, ANNA, AUDREY, CRM, BOT])
def test_nobody_else_does(command: c.DocumentCommand, event: e.DocumentEvent, by: Actor) -> None:
    with pytest.raises(no.RoleMayNot):
        decided(command, by, current=event.document)


def test_nobody_changes_their_own_roles() -> None:
    for fields in ({"role": Role.AGENT}, {"teams": ("network",)}):
        with pytest.raises(no.OwnRoles):
            decided(changed(SUE, **fields), SUE, current=PEOPLE[id_of(SUE)], stream=id_of(SUE))
    renamed = changed(SUE, name="Susan")
    assert decided(renamed, SUE, current=PEOPLE[id_of(SUE)], stream=id_of(SUE))
    other = changed(ANNA, role=Role.SUPPORT_ADMIN)
    assert decided(other, SUE, current=PEOPLE[id_of(ANNA)], stream=id_of(ANNA))


def test_not_through_a_service_account_either() -> None:
    bot_for_sue = Actor(id=BOT.id, role=Role.SUPPORT_ADMIN, on_behalf_of=id_of(SUE))
    for who in (SUE, BOT):
        stream, current = id_of(who), PEOPLE[id_of(who)]
        with pytest.raises(no.OwnRoles):
            decided(changed(who, role=Role.AUDITOR), bot_for_sue, current=current, stream=stream)


@pytest.mark.parametrize(
    "fields",
    [
        {"role": Role.CUSTOMER, "account": None},
        {"role": Role.CUSTOMER_ADMIN, "account": None},
        {"role": Role.AGENT, "account": ACME},
        {"role": Role.AUDITOR, "account": ACME},
    ],
)
def test_customers_belong_to_an_account_and_nobody_else_does(fields: dict[str, Any]) -> None:
    with pytest.raises(no.RoleNeedsAccount):
        decided(changed(ADA, **fields), SUE)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SYSTEM])
def test_nobody_is_given_a_role_that_belongs_to_the_machine(role: Role) -> None:
    with pytest.raises(no.RoleNotForPeople):
        decided(changed(ANNA, role=role), SUE)


@pytest.mark.parametrize("account", [None, ACME])
def test_a_service_account_may_belong_to_an_account(account: UUID | None) -> None:
    assert decided(changed(CRM, account=account), SUE)


def test_an_account_and_a_calendar_that_are_named_exist() -> None:
    with pytest.raises(no.AccountUnknown):
        decided(changed(ADA, account=named("nobody's")), SUE)
    account = ACME_ACCOUNT.model_copy(update={"calendar": "berlin"})
    with pytest.raises(no.CalendarUnknown, match="no such calendar: berlin"):
        decided(c.SetAccount(document=account), SUE)


def test_a_document_above_256_kib_is_refused() -> None:
    words = tuple(Choice(key=f"{n}", name="x" * 100) for n in range(500))
    atlas = [Application(key=f"app-{n}", name="App", versions=words) for n in range(5)]
    assert decided(c.SetCatalogue(document=Catalogue(applications=tuple(atlas[:3]))), SUE)
    with pytest.raises(no.DocumentTooLarge, match="At most 240 KiB"):
        decided(c.SetCatalogue(document=Catalogue(applications=tuple(atlas))), SUE)


def test_a_catalogue_shows_each_severity_once() -> None:
    twice = (*SHIPPED_SEVERITIES[:3], SHIPPED_SEVERITIES[0])
    with pytest.raises(ValidationError, match="each severity once"):
        Catalogue(severities=twice)


def test_a_zone_is_one_that_exists() -> None:
    with pytest.raises(ValidationError, match="is no time zone"):
        type(ACME_ACCOUNT).model_validate({"name": "Acme", "zone": "Europe/Atlantis"})


def test_a_calendar_works_on_one_day_of_the_week_at_least() -> None:
    with pytest.raises(ValidationError):
        Calendar(weekdays=frozenset())


def test_documents_that_are_known_by_a_name_have_streams_of_their_own() -> None:
    streams = {document_stream("catalogue"), document_stream("calendar", HOLIDAYS.key)}
    assert len(streams | {document_stream("calendar", CALENDAR.key)}) == 3
