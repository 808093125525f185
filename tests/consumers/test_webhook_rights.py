"""A webhook carries what its owner may see at the moment of each try, and nothing else."""

from typing import Any

import psycopg
import pytest

from consumers.lanes import FRESH_SECONDS
from domain.values import Actor, Role
from tests import examples as x
from tests.api.http import Http
from tests.consumers.hooks import Came, Said, asked_of, hooked, later, sending, standing, until


def told_all(http: Http, case: str) -> None:
    """Everything before is sent by the time that this is."""
    http.done(x.CLARA, case, "post", text="The last word.")
    http.shown()


def words(came: list[Any]) -> str:
    return " ".join(one.body.decode() for one in came)


def closed_up(receiver: Any) -> bool:  # noqa: ANN401  a receiver
    return "The last word." in words(receiver.taken)


@pytest.mark.parametrize(
    ("owner", "cases", "notes"),
    [
        (x.CLARA, {"clara"}, False),
        (x.ADA, {"clara", "carl"}, False),
        (x.CRM, {"clara", "carl"}, False),
        (x.GUS, {"gina"}, False),
        (x.BOT, {"clara", "carl", "gina"}, False),
        (x.SUE, {"clara", "carl", "gina"}, False),
        (x.AUDREY, {"clara", "carl", "gina"}, True),
        (x.ANNA, {"clara", "carl", "gina"}, True),
    ],
    ids=lambda value: value.role.value if isinstance(value, Actor) else "",
)
def test_each_owner_is_sent_what_they_see(
    hooks: Http, owner: Actor, cases: set[str], notes: bool
) -> None:
    asked = {"owner": str(owner.id), "internal": notes}
    with hooked(hooks, None, x.SUE, **asked) as (receiver, _):
        seen = {}
        for name, by in (("gina", x.GINA), ("carl", x.CARL), ("clara", x.CLARA)):
            case = hooks.raised(by, subject=f"Of {name}")["id"]
            hooks.done(x.ANNA, case, "note", text=f"Secret of {name}.")
            hooks.done(x.ANNA, case, "change-tags", add=[f"tag-{name}"])
            seen[name] = case
        ending = {"gina": x.GINA}.get(min(cases), x.CLARA)
        last = seen["gina"] if ending is x.GINA else seen["clara"]
        hooks.done(ending, last, "post", text="The last word.")
        hooks.shown()
        until(lambda: closed_up(receiver))
        told = words(receiver.taken)
    assert {name for name in seen if f"Of {name}" in told} == cases
    assert {name for name in seen if f"Secret of {name}." in told} == (cases if notes else set())
    assert {name for name in seen if f"tag-{name}" in told} == (cases if notes else set())
    assert {one.event["visibility"] for one in receiver.taken if one.event.get("subject")} <= (
        {"public", "internal"} if notes else {"public"}
    )


def test_only_what_is_asked_for_is_sent(hooks: Http) -> None:
    asked = {"account": str(x.GLOBEX), "types": ["case.posted", "case.created"]}
    with hooked(hooks, None, x.SUE, **asked) as (receiver, _):
        ours = hooks.raised(x.CLARA)["id"]
        hooks.done(x.CLARA, ours, "post", text="Not for them.")
        theirs = hooks.raised(x.GINA)["id"]
        hooks.done(x.GINA, theirs, "watch")
        hooks.done(x.GINA, theirs, "post", text="The last word.")
        hooks.shown()
        until(lambda: closed_up(receiver))
        assert [one.event["type"] for one in receiver.taken] == ["case.created", "case.posted"]


def test_what_became_internal_meanwhile_is_not_sent(hooks: Http) -> None:
    with hooked(hooks, lambda _: Said(503), x.ADA, types=["case.posted"]) as (
        receiver,
        subscription,
    ):
        case = hooks.raised(x.CLARA)["id"]
        hooks.done(x.ANNA, case, "post", text="By mistake.")
        hooks.shown()
        until(lambda: standing(hooks, subscription, x.ADA)["failures"] == 1)
        entry = hooks.events(x.ANNA, case)[-1]["data"]["entry"]
        hooks.done(x.ANNA, case, "make-internal", entry=entry)
        told_all(hooks, case)
        receiver.behaviour = lambda _: Said()
        later(hooks, subscription)
        until(lambda: closed_up(receiver))
        assert "By mistake." not in words(receiver.taken)


def test_what_became_internal_while_another_was_on_its_way_is_not_sent(hooks: Http) -> None:
    with hooked(hooks, None, x.ADA, types=["case.posted"]) as (receiver, subscription):
        asked_of(hooks, subscription, "disable", {}, x.ADA)
        case = hooks.raised(x.CLARA)["id"]
        for text in ("First.", "By mistake."):
            hooks.done(x.ANNA, case, "post", text=text)
        told_all(hooks, case)
        entry = hooks.events(x.ANNA, case)[-2]["data"]["entry"]

        def takes_long(came: Came) -> Said:
            if "First." in came.body.decode():
                hooks.done(x.ANNA, case, "make-internal", entry=entry)
                hooks.shown()
            return Said(hangs=2 * FRESH_SECONDS)

        receiver.behaviour = takes_long
        asked_of(hooks, subscription, "enable", {}, x.ADA)
        until(lambda: closed_up(receiver))
        assert "First." in words(receiver.taken)
        assert "By mistake." not in words(receiver.taken)


def test_words_that_were_destroyed_meanwhile_are_not_sent(hooks: Http) -> None:
    with hooked(hooks, lambda _: Said(503), x.ADA, types=["case.posted"]) as (
        receiver,
        subscription,
    ):
        case = hooks.raised(x.CLARA)["id"]
        hooks.done(x.CLARA, case, "post", text="My card is 4711.")
        hooks.shown()
        until(lambda: standing(hooks, subscription, x.ADA)["failures"] == 1)
        entry = hooks.events(x.ANNA, case)[-1]["data"]["entry"]
        hooks.done(x.SUE, case, "redact", entry=entry, reason="A card.")
        told_all(hooks, case)
        receiver.behaviour = lambda _: Said()
        later(hooks, subscription)
        until(lambda: closed_up(receiver))
        assert "4711" not in words(receiver.taken)
        assert receiver.taken[0].event["data"]["text"]["erased"] == "redacted"


def test_of_an_owner_who_has_left_nothing_is_sent(http: Http) -> None:
    with (
        sending(http.desk.settings),
        hooked(http, None, x.SUE, owner=str(x.CARL.id)) as (
            receiver,
            subscription,
        ),
    ):
        case = http.raised(x.CARL)["id"]
        http.shown()
        until(lambda: len(receiver.taken) == 1)
        carl = x.PEOPLE[x.id_of(x.CARL)].model_copy(update={"active": False})
        body = carl.model_dump(mode="json")
        assert http.ask(x.SUE, "PUT", f"/people/{x.CARL.id}", body).status_code == 200
        http.done(x.ANNA, case, "take")
        http.shown()
        until(lambda: standing(http, subscription)["state"] == "stopped")
        assert "not active" in standing(http, subscription)["why"]
        assert len(receiver.taken) == 1


def test_whoever_becomes_a_customer_is_sent_no_notes_any_more(http: Http) -> None:
    asked = {"owner": str(x.ALAN.id), "internal": True, "types": ["case.posted"]}
    with sending(http.desk.settings), hooked(http, None, x.SUE, **asked) as (receiver, _):
        case = http.raised(x.CLARA)["id"]
        http.done(x.ANNA, case, "note", text="For the desk.")
        http.shown()
        until(lambda: len(receiver.taken) == 1)
        alan = x.PEOPLE[x.id_of(x.ALAN)]
        moved = alan.model_copy(update={"role": Role.CUSTOMER_ADMIN, "account": x.ACME})
        body = moved.model_dump(mode="json")
        assert http.ask(x.SUE, "PUT", f"/people/{x.ALAN.id}", body).status_code == 200
        http.done(x.ANNA, case, "note", text="Not for Alan.")
        told_all(http, case)
        until(lambda: closed_up(receiver))
        assert "Not for Alan." not in words(receiver.taken)


def test_a_test_event_is_sent_once_in_any_state_and_stands_in_no_log(hooks: Http) -> None:
    with hooked(hooks, lambda _: Said(418, body=b"short and stout")) as (receiver, subscription):
        hooks.post(x.SUE, f"/subscriptions/{subscription['id']}/disable", {})
        head = hooks.get(x.SUE, "/events/head").json()["position"]
        delivery = asked_of(hooks, subscription, "test", {})["delivery"]
        until(lambda: len(asked_of(hooks, subscription, "attempts")) == 1)
        (attempt,) = asked_of(hooks, subscription, "attempts")
        assert (attempt["type"], attempt["position"]) == ("casebook.test", None)
        assert (attempt["status"], attempt["answer"]) == (418, "short and stout")
        assert [came.id for came in receiver.came] == [delivery]
        assert receiver.came[0].event["type"] == "casebook.test"
        assert hooks.get(x.SUE, "/events/head").json()["position"] == head
        told = standing(hooks, subscription)
        assert (told["state"], told["failures"], told["set_aside"]) == ("disabled", 0, 0)


def test_rewound_it_is_sent_the_same_again_under_the_same_ids(hooks: Http) -> None:
    with hooked(hooks, types=["case.posted"]) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        for text in ("One.", "Two."):
            hooks.done(x.CLARA, case, "post", text=text)
        hooks.shown()
        until(lambda: len(receiver.taken) == 2)
        asked_of(hooks, subscription, "rewind", {"position": subscription["position"]})
        until(lambda: len(receiver.taken) == 4)
        ids = [came.id for came in receiver.taken]
        assert ids[:2] == ids[2:]
        beyond = {"position": 10**9}
        refused = hooks.post(x.SUE, f"/subscriptions/{subscription['id']}/rewind", beyond)
        assert refused.json()["type"] == "/problems/ahead-of-the-log"


def test_rotated_both_secrets_sign_until_the_old_one_ends(hooks: Http) -> None:
    with hooked(hooks, types=["case.posted"]) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        old = subscription["secret"]
        new = asked_of(hooks, subscription, "secret/rotate", {})["secret"]
        receiver.secrets = [old, new]  # each has to verify
        hooks.done(x.CLARA, case, "post", text="One.")
        hooks.shown()
        until(lambda: len(receiver.taken) == 1)
        assert len(receiver.taken[0].headers["webhook-signature"].split()) == 2
        expire(hooks, subscription)
        receiver.secrets = [new]
        hooks.done(x.CLARA, case, "post", text="Two.")
        hooks.shown()
        until(lambda: len(receiver.taken) == 2)
        assert len(receiver.taken[1].headers["webhook-signature"].split()) == 1


def expire(http: Http, subscription: dict[str, Any]) -> None:
    """24 hours later."""
    with psycopg.connect(http.desk.settings.database_url, autocommit=True) as conn:
        conn.execute(
            "UPDATE desk.subscription_secrets SET expires_at = now()"
            " WHERE subscription = %(id)s AND expires_at IS NOT NULL",
            {"id": subscription["id"]},
        )
