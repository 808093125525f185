"""Cases that changed since a position: whoever keeps that number misses nothing."""

from random import Random
from typing import Any

import pytest

from domain.configuration import Account, Person
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http


def changes(http: Http, by: Actor, after: int = 0, limit: int = 100) -> dict[str, Any]:
    answer = http.get(by, f"/cases/changes?after={after}&limit={limit}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["next"] >= after
    return told


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", [x.ANNA, x.CLARA, x.ADA])
def test_who_keeps_one_number_has_every_case_as_it_is(http: Http, by: Actor, seed: int) -> None:
    chance, after = Random(seed), 0
    kept: dict[str, Any] = {}
    cases = [http.raised((x.CLARA, x.ADA, x.GINA)[n % 3])["id"] for n in range(6)]
    acts: tuple[tuple[str, dict[str, str]], ...] = (
        ("post", {"text": "So."}),
        ("note", {"text": "So."}),
        ("take", {}),
        ("watch", {}),
    )
    for step in range(60):
        if step < 25:
            command, fields = chance.choice(acts)
            http.do(chance.choice([x.ANNA, x.ALAN]), chance.choice(cases), command, **fields)
            http.shown()
        told = changes(http, by, after, limit=chance.randint(1, 3))
        kept.update({case["id"]: case for case in told["cases"]})
        after = told["next"]
    now = http.get(by, "/cases?status=all&limit=100").json()["cases"]
    assert kept == {case["id"]: http.seen(by, case["id"]) for case in now}


def test_what_is_internal_is_no_change_for_a_customer(http: Http) -> None:
    case = http.raised()["id"]
    http.shown()
    after = changes(http, x.CLARA)["next"]
    http.done(x.ANNA, case, "note", text="A bug of ours.")
    http.done(x.ANNA, case, "change-tags", add=["vpn"])
    http.shown()
    assert changes(http, x.CLARA, after)["cases"] == []
    assert [one["id"] for one in changes(http, x.ANNA, after)["cases"]] == [case]
    assert [one["id"] for one in changes(http, x.CLARA)["cases"]] == [case]


def test_who_is_ahead_of_the_log_is_told_and_who_is_ahead_of_the_read_models_waits(
    http: Http,
) -> None:
    refused = http.get(x.ANNA, "/cases/changes?after=1000000")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/ahead-of-the-log")
    behind = http.raised()["position"]
    assert changes(http, x.ANNA, behind)["next"] == behind


def test_cases_carry_the_names_that_people_have_now(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    http.shown()
    documents: dict[str, Account | Person] = {
        f"/people/{x.id_of(x.CLARA)}": x.PEOPLE[x.id_of(x.CLARA)],
        f"/people/{x.id_of(x.ANNA)}": x.PEOPLE[x.id_of(x.ANNA)],
        f"/accounts/{x.ACME}": x.ACME_ACCOUNT,
    }
    for path, document in documents.items():
        anew = document.model_copy(update={"name": f"New {document.name}"}).model_dump(mode="json")
        assert http.ask(x.SUE, "PUT", path, anew).status_code == 200
    http.shown()
    (line,) = http.get(x.ANNA, "/cases").json()["cases"]
    assert line["account_name"] == "New Acme"
    assert (line["contact"]["name"], line["assignee"]["name"]) == ("New Clara", "New Anna")


def test_an_account_may_hide_who_has_its_cases(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    hidden = x.ACME_ACCOUNT.model_copy(update={"shows_assignee": False}).model_dump(mode="json")
    assert http.ask(x.SUE, "PUT", f"/accounts/{x.ACME}", hidden).status_code == 200
    nobody = {"id": None, "name": None}
    assert http.seen(x.CLARA, case)["assignee"] == nobody
    assert http.get(x.ADA, "/cases").json()["cases"][0]["assignee"] == nobody
    assert http.seen(x.ALAN, case)["assignee"]["name"] == "Anna"
    http.done(x.ANNA, case, "assign", assignee=str(x.id_of(x.ALAN)))
    http.done(x.ALAN, case, "unassign", reason="Holidays.")
    for path in (f"/cases/{case}/events", f"/cases/{case}/activity", f"/events?case={case}"):
        http.shown()
        for by, told in ((x.CLARA, False), (x.AUDREY, True)):
            text = http.get(by, path).text
            assert ("Anna" in text or str(x.id_of(x.ANNA)) in text) is told, path
            assert ("Alan" in text or str(x.id_of(x.ALAN)) in text) is told, path
    assert "gave it to somebody of the desk" in http.get(x.CLARA, f"/cases/{case}/activity").text


def test_a_case_names_the_cases_that_it_is_tied_to_and_that_one_sees(http: Http) -> None:
    own, ada, also = http.raised(), http.raised(x.ADA), http.raised()
    for other in (ada, also):
        http.done(x.ANNA, own["id"], "link", kind="related", case=other["number"])
    assert [tie["number"] for tie in http.seen(x.CLARA, own["id"])["links"]] == [also["number"]]
    assert {tie["number"] for tie in http.seen(x.ADA, own["id"])["links"]} == {
        ada["number"],
        also["number"],
    }


def test_a_customer_is_told_who_of_the_account_watches(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.CLARA, case, "watch")
    http.done(x.ALAN, case, "watch")
    seen = http.seen(x.CLARA, case)
    assert ([one["name"] for one in seen["watchers"]], seen["watching"]) == (["Clara"], True)
    assert len(http.seen(x.ANNA, case)["watchers"]) == 2
