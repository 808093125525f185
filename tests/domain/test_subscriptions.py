"""Who may have which events sent to a program, and where to."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.administration import Known, looks_after, set_document
from domain.configuration import Subscription
from domain.values import Actor
from tests import examples as x

STREAM = x.named("a subscription")
ACCOUNTS = frozenset({x.ACME, x.GLOBEX})


def subscription(owner: Actor = x.CRM, **fields: Any) -> Subscription:  # noqa: ANN401  any field
    given = {"account": None, "types": (), "owner": x.id_of(owner)}
    return x.SUBSCRIPTION.model_copy(update=given | fields)


def decided(
    by: Actor, document: Subscription, current: Subscription | None = None
) -> list[e.Event | e.Elsewhere]:
    known = Known(accounts=ACCOUNTS, owner=x.PEOPLE.get(document.owner))
    command = c.SetSubscription(document=document)
    return list(set_document(current, command, stream=STREAM, by=by, known=known))


@pytest.mark.parametrize(
    ("by", "owner"),
    [
        *[(x.SUE, owner) for owner in (x.SUE, x.CRM, x.BOT, x.CLARA, x.ANNA, x.AUDREY, x.GUS)],
        *[(x.ADA, owner) for owner in (x.ADA, x.CRM, x.CLARA)],
        (x.CRM, x.CRM),
        (x.BOT, x.BOT),
        (x.OPERATOR, x.CRM),
    ],
)
def test_a_subscription_is_set_by_whoever_looks_after_its_owner(by: Actor, owner: Actor) -> None:
    document = subscription(owner)
    assert decided(by, document) == [e.SubscriptionSet(document=document)]


@pytest.mark.parametrize(
    ("by", "owner"),
    [
        (x.ADA, x.GUS),
        (x.ADA, x.BOT),
        (x.ADA, x.SUE),
        (x.CRM, x.ADA),
        (x.CRM, x.BOT),
        (x.BOT, x.SUE),
    ],
)
def test_nobody_has_events_sent_for_somebody_they_do_not_look_after(
    by: Actor, owner: Actor
) -> None:
    with pytest.raises(no.OwnerMayNot):
        decided(by, subscription(owner))


@pytest.mark.parametrize("by", [x.CLARA, x.ANNA, x.AUDREY, x.TIMEKEEPER, x.CRM_FOR_CLARA])
def test_others_have_no_subscriptions(by: Actor) -> None:
    with pytest.raises(no.RoleMayNot):
        decided(by, subscription(by if by is not x.TIMEKEEPER else x.CRM))


def test_of_who_has_left_a_subscription_can_only_be_ended() -> None:
    left = subscription(x.CHRIS)
    with pytest.raises(no.OwnerMayNot):
        decided(x.SUE, left)
    assert decided(x.SUE, left.model_copy(update={"active": False}), left)


@pytest.mark.parametrize("by", [x.SUE, x.ADA, x.CRM])
def test_who_is_of_an_account_is_sent_no_other_account(by: Actor) -> None:
    with pytest.raises(no.AccountUnknown):
        decided(by, subscription(x.CRM, account=x.GLOBEX))
    assert decided(by, subscription(x.CRM, account=x.ACME))
    assert decided(x.SUE, subscription(x.BOT, account=x.GLOBEX))
    with pytest.raises(no.AccountUnknown):
        decided(x.SUE, subscription(x.BOT, account=x.named("nowhere")))


def test_what_is_internal_is_sent_to_the_desk_alone() -> None:
    assert decided(x.SUE, subscription(x.BOT, internal=True))
    for by in (x.SUE, x.ADA, x.CRM):
        with pytest.raises(no.InternalForTheDesk):
            decided(by, subscription(x.CRM, internal=True))


def test_of_who_has_become_a_customer_one_with_what_is_internal_can_only_be_ended() -> None:
    current = subscription(x.CRM, internal=True)
    with pytest.raises(no.InternalForTheDesk):
        decided(x.SUE, current.model_copy(update={"description": "More."}), current)
    assert decided(x.SUE, current.model_copy(update={"active": False}), current)


def test_who_may_not_read_notes_neither_has_them_sent_nor_moves_them_elsewhere() -> None:
    with pytest.raises(no.InternalForTheDesk):
        decided(x.BLIND_BOT, subscription(x.BOT, internal=True))
    current = subscription(x.BOT, internal=True)
    for changed in ({"url": "https://other.example/"}, {"internal": False}):
        with pytest.raises(no.InternalForTheDesk):
            decided(x.BLIND_BOT, current.model_copy(update=changed), current)


@pytest.mark.parametrize(
    ("by", "owner", "exists"),
    [
        *[(by, x.CRM, True) for by in (x.SUE, x.AUDREY, x.ADA, x.CRM)],
        *[(by, x.CRM, False) for by in (x.GUS, x.CLARA, x.ANNA, x.BOT, x.CRM_FOR_CLARA)],
        *[(by, x.BOT, False) for by in (x.ADA, x.GUS, x.CRM, x.ANNA)],
        (x.CRM, x.ADA, False),
    ],
)
def test_for_whom_a_subscription_exists(by: Actor, owner: Actor, exists: bool) -> None:
    person = x.PEOPLE[x.id_of(owner)]
    assert looks_after(by, subscription(owner), person) is exists


@pytest.mark.parametrize(
    "url",
    [
        *("https://a.example", "https://a.example:8443/x?y=z", "https://[2001:db8::1]/x"),
        *("http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/"),
    ],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert subscription().model_validate(subscription().model_dump() | {"url": url}).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example", "ftp://a.example", "a.example", "https://", "https:///x", ""),
        *("https://u:p@a.example", "https://a.example/#x", "https://a.example/ x"),
        *("https://a.example\r\nX: y", "https://a.example:99999", "https://a.example:0"),
        *("https://ä.example", "https://[::1", "https://a.example\\@b.example", "file:///etc"),
    ],
)
def test_an_address_that_is_none_or_hides_something_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Subscription.model_validate(subscription().model_dump() | {"url": url})
