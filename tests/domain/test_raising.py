"""A case is raised: the fields of a case and their rules."""

from typing import Any
from uuid import UUID

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.configuration import claim_stream
from domain.values import Actor, Severity, Status, Word
from tests.examples import (
    ACCOUNTS,
    ACME,
    ACME_ACCOUNT,
    ADA,
    ANNA,
    ATLAS,
    AUDREY,
    BOT,
    CARL,
    CHRIS,
    CLARA,
    CREATE,
    CRM,
    CRM_FOR_CLARA,
    GATEWAY,
    GINA,
    GLOBEX,
    LOG_FILE,
    NETWORK,
    NEW_CASE,
    NEW_NUMBER,
    OPERATOR,
    OTHER_CASE,
    PATCH,
    PERFORMANCE,
    TIMEKEEPER,
    VERSION_1,
    VERSION_2,
    id_of,
    named,
    raised,
    terms,
)
from tests.spec import given

PRODUCTION = Word(key="production", name="Production")


def create(**fields: Any) -> c.Create:  # noqa: ANN401  any field of Create
    return c.Create.model_validate(CREATE.model_dump(exclude_unset=True) | fields)


def new(**fields: Any) -> e.Created:  # noqa: ANN401  any field of Created
    return raised(number=NEW_NUMBER, **fields)


def test_a_customer_raises_a_case_and_is_its_contact() -> None:
    given().when(CREATE, by=CLARA).then(new())


def test_a_new_case_is_unassigned_and_standard() -> None:
    case = given().when(CREATE, by=CLARA).case
    assert case.status is Status.UNASSIGNED
    assert case.severity.key == Severity.STANDARD
    assert (case.version, case.public_version, case.badges) == (1, 1, ())


def test_an_agent_raises_a_case_for_a_contact_who_is_then_the_submitter_too() -> None:
    given().when(create(contact=id_of(CLARA)), by=ANNA).then(new())


@pytest.mark.parametrize("by", [ANNA, BOT, CRM, OPERATOR])
def test_whoever_is_no_person_of_the_account_must_name_the_contact(by: Actor) -> None:
    given().when(CREATE, by=by).then_refused(no.FieldRequired, field="contact")


def test_a_customer_may_name_a_colleague_as_the_contact() -> None:
    contact = id_of(CARL)
    given().when(create(contact=contact), by=CLARA).then(new(contact=contact))


def test_a_service_account_that_acts_for_a_person_raises_that_persons_case() -> None:
    given().when(CREATE, by=CRM_FOR_CLARA).then(new())


@pytest.mark.parametrize("by", [AUDREY, TIMEKEEPER])
def test_neither_auditors_nor_the_timer_raise_cases(by: Actor) -> None:
    given().when(create(contact=id_of(CLARA)), by=by).then_refused(no.RoleMayNot, role=by.role)


def test_the_contact_belongs_to_the_account() -> None:
    asked = create(contact=id_of(GINA))
    given().when(asked, by=ANNA).then_refused(no.NotOfTheAccount, what="contact")


def test_an_inactive_person_is_refused_as_the_contact() -> None:
    asked = create(contact=id_of(CHRIS))
    given().when(asked, by=ADA).then_refused(no.PersonInactive, what="contact")


def test_an_unknown_person_is_refused_as_the_contact() -> None:
    asked = create(contact=named("nobody"))
    given().when(asked, by=ANNA).then_refused(no.PersonUnknown, what="contact")


def test_a_customer_cannot_raise_a_case_for_another_account() -> None:
    given().when(create(account=GLOBEX), by=CLARA).then_refused(no.AccountUnknown)
    given().when(create(account=ACME), by=CLARA).then(new())


def test_no_case_is_raised_for_an_inactive_account() -> None:
    inactive = terms(account=ACME_ACCOUNT.model_copy(update={"active": False}))
    given().when(CREATE, by=CLARA, terms=inactive).then_refused(no.PersonInactive, what="account")


def test_a_national_phone_number_is_read_by_the_accounts_country_and_kept_as_e164() -> None:
    given().when(create(phone="030 901820"), by=CLARA).then(new(phone="+4930901820"))


def test_an_international_phone_number_needs_no_country() -> None:
    given().when(create(phone="+55 11 3071 0000"), by=CLARA).then(new(phone="+551130710000"))


@pytest.mark.parametrize(("account", "example"), [(ACME, "+49 30 123456"), (GLOBEX, "+55 ")])
def test_what_is_no_phone_number_is_refused_with_an_example(account: UUID, example: str) -> None:
    by = CLARA if account == ACME else GINA
    here = terms(account_id=account, account=ACCOUNTS[account])
    refused = given().when(create(phone="123"), by=by, terms=here)
    assert example in str(refused.then_refused(no.PhoneNotUnderstood))


def test_without_a_country_a_national_number_is_refused() -> None:
    nowhere = terms(account=ACME_ACCOUNT.model_copy(update={"country": None}))
    asked = create(phone="030 901820")
    given().when(asked, by=CLARA, terms=nowhere).then_refused(no.PhoneNotUnderstood)


def test_a_tech_profile_fills_application_version_and_component() -> None:
    given().when(create(tech_profile="production", application=None), by=CLARA).then(
        new(tech_profile=PRODUCTION, product_version=VERSION_2.word, component=GATEWAY.word)
    )


def test_what_is_given_beside_a_tech_profile_stays() -> None:
    asked = create(tech_profile="production", product_version="1.0")
    given().when(asked, by=CLARA).then(
        new(tech_profile=PRODUCTION, product_version=VERSION_1.word, component=GATEWAY.word)
    )


def test_a_tech_profile_fills_nothing_of_another_application() -> None:
    asked = create(tech_profile="production", application="bora")
    given().when(asked, by=CLARA).then(
        new(tech_profile=PRODUCTION, application=Word(key="bora", name="Bora"))
    )


def test_a_tech_profile_is_one_of_the_accounts() -> None:
    asked = create(tech_profile="staging")
    given().when(asked, by=CLARA).then_refused(no.NotInCatalogue, field="tech profile")


def test_an_application_is_required() -> None:
    asked = create(application=None)
    given().when(asked, by=CLARA).then_refused(no.FieldRequired, field="application")


def test_a_category_appears_only_once_an_application_is_chosen() -> None:
    asked = create(application=None, category="performance")
    given().when(asked, by=CLARA).then_refused(no.FieldRequired, field="application")


def test_version_component_and_category_are_words_of_the_application() -> None:
    asked = create(product_version="2.0", component="gateway", category="performance")
    chosen = {"product_version": VERSION_2, "component": GATEWAY, "category": PERFORMANCE}
    given().when(asked, by=CLARA).then(new(**{k: word.word for k, word in chosen.items()}))


@pytest.mark.parametrize("field", ["component", "category"])
def test_what_the_application_has_none_of_cannot_be_chosen(field: str) -> None:
    asked = create(**{"application": "bora", field: "gateway"})
    given().when(asked, by=CLARA).then_refused(no.NotConfigured, field=field, application="Bora")


@pytest.mark.parametrize(
    "field", ["application", "product_version", "component", "category", "type", "team"]
)
def test_what_is_not_in_the_catalogue_is_refused_with_what_is(field: str) -> None:
    refused = given().when(create(**{field: "unheard-of"}), by=CLARA)
    told = str(refused.then_refused(no.NotInCatalogue, field=field.replace("_", " ")))
    assert told.startswith(f"There is no such {field.replace('_', ' ')} here; known are: ")


@pytest.mark.parametrize(
    "key", ["product-issue", "environment", "cloud-down", "general-inquiry", "services"]
)
def test_five_types_are_shipped(key: str) -> None:
    case = given().when(create(type=key), by=CLARA).case
    assert case.details.type.name == key.replace("-", " ").title()


def test_an_event_carries_the_words_that_were_in_force() -> None:
    history = given().when(CREATE, by=CLARA).so
    renamed = ATLAS.model_copy(update={"name": "Atlas Cloud"})
    assert history.case.details.application == ATLAS.word
    later = terms(catalogue=terms().catalogue.model_copy(update={"applications": (renamed,)}))
    then = history.when(c.ChangeTags(add=("x",)), by=ANNA, terms=later)
    assert then.case.details.application == ATLAS.word


def test_a_team_routes_the_case_which_stays_unassigned() -> None:
    case = given().when(create(team="network"), by=CLARA).case
    assert (case.team, case.status) == (NETWORK.word, Status.UNASSIGNED)


def test_an_external_id_is_claimed_in_a_stream_of_its_own() -> None:
    given().when(create(external_ids={"jira": "OPS-1"}), by=CRM_FOR_CLARA).then(
        new(external_ids={"jira": "OPS-1"}),
        e.Elsewhere(claim_stream(ACME, "jira", "OPS-1"), e.ExternalIdClaimed(case=NEW_CASE)),
    )


def test_an_external_id_is_unique_in_its_system() -> None:
    taken = terms(claims={("jira", "OPS-1"): OTHER_CASE})
    same, another = create(external_ids={"jira": "OPS-1"}), create(external_ids={"sap": "OPS-1"})
    given().when(same, by=CLARA, terms=taken).then_refused(no.ExternalIdTaken, system="jira")
    assert given().when(another, by=CLARA, terms=taken).events


def test_a_customers_recipients_outside_the_accounts_domains_wait_for_approval() -> None:
    asked = create(recipients="boss@acme.com, Lawyer@Law.com")
    waits = e.RecipientsChanged(recipients=("boss@acme.com",), pending=("lawyer@law.com",))
    given().when(asked, by=CLARA).then(new(), waits)


def test_an_agents_recipients_wait_for_nobody() -> None:
    asked = create(recipients="boss@acme.com, lawyer@law.com", contact=id_of(CLARA))
    free = e.RecipientsChanged(recipients=("boss@acme.com", "lawyer@law.com"))
    given().when(asked, by=ANNA).then(new(), free)


def test_files_that_were_uploaded_are_attached_to_the_case() -> None:
    file = e.AttachmentAdded(
        attachment=LOG_FILE.id,
        entry=None,
        name="app.log",
        size=2048,
        media_type="text/plain",
        digest="ab" * 32,
    )
    given().when(create(attachments=(LOG_FILE.id,)), by=CLARA).then(new(), file)


def test_another_persons_upload_cannot_be_attached() -> None:
    asked = create(attachments=(PATCH.id,))
    given().when(asked, by=CLARA).then_refused(no.UploadUnknown, upload=PATCH.id)


def test_a_case_that_is_not_there_can_only_be_raised() -> None:
    given().when(c.Take(), by=ANNA).then_refused(no.CaseUnknown)
