"""Fields of a case are changed: who may change which, and what goes with them."""

from typing import Any

import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.configuration import claim_stream
from domain.values import Actor
from tests.examples import (
    ACME,
    ADA,
    ANNA,
    ATLAS,
    BORA,
    CARL,
    CASE,
    CHRIS,
    CLARA,
    CLOSED_ON_FRIDAY,
    CREATED,
    CRM,
    ESCALATED,
    GATEWAY,
    GINA,
    MONDAY,
    OTHER_CASE,
    PERFORMANCE,
    PRODUCTION,
    SCREENS,
    SUE,
    TAKEN,
    VERSION_1,
    VERSION_2,
    Happened,
    id_of,
    raised,
    terms,
)
from tests.spec import given

FULL = Happened(
    raised(
        product_version=VERSION_1.word,
        component=GATEWAY.word,
        category=PERFORMANCE.word,
        phone="+4930901820",
        external_ids={"jira": "OPS-1"},
    ),
    CLARA,
    MONDAY,
)


def change(**fields: Any) -> c.ChangeDetails:  # noqa: ANN401  any field of ChangeDetails
    return c.ChangeDetails.model_validate(fields)


def changed(**fields: Any) -> e.DetailsChanged:  # noqa: ANN401  any field of DetailsChanged
    return e.DetailsChanged.model_validate(fields)


def test_an_agent_changes_all_fields_but_the_account() -> None:
    fields = set(c.ChangeDetails.model_fields)
    assert fields == set(e.DetailsChanged.model_fields)
    assert "account" not in fields
    given(CREATED).when(change(subject="Slow", type="services"), by=ANNA).then(
        changed(subject="Slow", type={"key": "services", "name": "Services"})
    )


@pytest.mark.parametrize("by", [CLARA, ADA, CRM])
def test_a_customer_changes_reference_and_phone_while_the_case_is_open(by: Actor) -> None:
    asked = change(customer_reference="PO 7", phone="030 901820")
    event = changed(customer_reference="PO 7", phone="+4930901820")
    given(CREATED, TAKEN).when(asked, by=by).then(event)
    given(CREATED, CLOSED_ON_FRIDAY).when(asked, by=by).then_refused(no.CaseClosed)


def test_a_customer_changes_subject_and_description_only_while_unassigned() -> None:
    asked = change(subject="Slow", description="Since Monday.")
    given(CREATED).when(asked, by=CLARA).then(changed(subject="Slow", description="Since Monday."))
    for flag in (TAKEN, ESCALATED):
        refused = given(CREATED, flag).when(asked, by=CLARA)
        told = refused.then_refused(no.NotTheirsToChange, fields=("description", "subject"))
        assert str(told) == "You may not change description, subject of this case as customer."


@pytest.mark.parametrize(
    "field",
    [{"contact": id_of(ADA)}, {"application": "bora"}, {"type": "services"}, {"component": None}],
)
def test_a_customer_changes_nothing_else(field: dict[str, Any]) -> None:
    given(CREATED).when(change(**field), by=CLARA).then_refused(no.NotTheirsToChange)


def test_nothing_changed_is_no_event_and_only_what_changed_is_in_it() -> None:
    given(CREATED).when(change(subject="It is slow"), by=ANNA).then_nothing()
    given(CREATED).when(change(), by=ANNA).then_nothing()
    asked = given(CREATED).when(change(subject="It is slow", description="Monday."), by=ANNA)
    asked.then(changed(description="Monday."))
    assert asked.events[0].model_fields_set == {"description"}  # type: ignore[union-attr]  # one event, and here


def test_null_empties_a_field() -> None:
    asked = given(FULL).when(change(phone=None, component=None), by=ANNA)
    asked.then(changed(phone=None, component=None))
    details = asked.case.details
    assert (details.phone, details.component) == (None, None)
    assert details.product_version == VERSION_1.word


def test_a_changed_application_clears_version_component_and_category() -> None:
    given(FULL).when(change(application="bora"), by=ANNA).then(
        changed(application=BORA.word, product_version=None, component=None, category=None)
    )


def test_unless_they_are_given() -> None:
    given(FULL).when(change(application="bora", product_version="7"), by=ANNA).then(
        changed(
            application=BORA.word,
            product_version=BORA.versions[0].word,
            component=None,
            category=None,
        )
    )


def test_the_same_application_again_clears_nothing() -> None:
    given(FULL).when(change(application="atlas"), by=ANNA).then_nothing()


def test_a_version_is_one_of_the_application_that_the_case_has() -> None:
    asked = change(product_version="7")
    given(FULL).when(asked, by=ANNA).then_refused(no.NotInCatalogue, field="product version")
    given(FULL).when(change(component="screens"), by=ANNA).then(changed(component=SCREENS.word))


def test_a_tech_profile_fills_its_application_version_and_component() -> None:
    bora = Happened(raised(application=BORA.word), CLARA, MONDAY)
    given(bora).when(change(tech_profile="production"), by=ANNA).then(
        changed(
            tech_profile={"key": PRODUCTION.key, "name": PRODUCTION.name},
            application=ATLAS.word,
            product_version=VERSION_2.word,
            component=GATEWAY.word,
        )
    )


def test_what_is_emptied_beside_a_tech_profile_stays_empty() -> None:
    asked = change(tech_profile="production", component=None)
    case = given(CREATED).when(asked, by=ANNA).case
    assert (case.details.component, case.details.product_version) == (None, VERSION_2.word)


@pytest.mark.parametrize(
    ("who", "refusal"), [(GINA, no.NotOfTheAccount), (CHRIS, no.PersonInactive)]
)
def test_a_new_contact_is_an_active_person_of_the_account(
    who: Actor, refusal: type[no.Unfit]
) -> None:
    given(CREATED).when(change(contact=id_of(who)), by=ANNA).then_refused(refusal)


def test_with_the_contact_changes_who_sees_the_case_and_the_submitter_stays() -> None:
    case = given(CREATED).when(change(contact=id_of(CARL)), by=SUE)
    case.then(changed(contact=id_of(CARL)))
    for by in (CLARA, CARL):
        assert case.so.when(c.Post(text="Me."), by=by).events


def test_external_ids_that_change_are_released_and_claimed() -> None:
    asked = given(FULL).when(change(external_ids={"jira": "OPS-2", "sap": "7"}), by=ANNA)
    released, claimed = e.ExternalIdReleased(case=CASE), e.ExternalIdClaimed(case=CASE)
    asked.then(
        changed(external_ids={"jira": "OPS-2", "sap": "7"}),
        e.Elsewhere(claim_stream(ACME, "jira", "OPS-1"), released),
        e.Elsewhere(claim_stream(ACME, "jira", "OPS-2"), claimed),
        e.Elsewhere(claim_stream(ACME, "sap", "7"), claimed),
    )


def test_an_external_id_of_another_case_is_refused_and_an_own_one_is_not() -> None:
    asked = change(external_ids={"jira": "OPS-1", "sap": "7"})
    taken = terms(claims={("sap", "7"): OTHER_CASE})
    given(FULL).when(asked, by=ANNA, terms=taken).then_refused(no.ExternalIdTaken, system="sap")
    own = terms(claims={("jira", "OPS-1"): CASE, ("sap", "7"): None})
    assert given(FULL).when(asked, by=ANNA, terms=own).events


def test_another_field_leaves_the_claims_alone() -> None:
    given(FULL).when(change(subject="Slow"), by=ANNA).then(changed(subject="Slow"))
