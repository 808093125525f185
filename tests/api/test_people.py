"""The directory, what the desk is set to with its history, and how somebody leaves."""

import pytest
from httpx2 import Response

from domain.configuration import Person
from domain.values import Actor, Role
from tests import examples as x
from tests.api.http import Http, follower

CLARAS, CARLS, ANNAS = (x.id_of(one) for one in (x.CLARA, x.CARL, x.ANNA))


def put(http: Http, person: object, document: Person, by: Actor = x.SUE, **h: str) -> Response:
    return http.ask(by, "PUT", f"/people/{person}", document.model_dump(mode="json"), **h)


def names(http: Http, by: Actor, query: str = "") -> list[str]:
    http.shown()
    answer = http.get(by, f"/people{query}")
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["entries"]]


def problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_the_desk_finds_everybody_and_a_customer_whoever_is_of_the_account(asked: Http) -> None:
    everybody = sorted((person.name for person in x.PEOPLE.values()), key=str.lower)
    of_acme = sorted((p.name for p in x.PEOPLE.values() if p.account == x.ACME), key=str.lower)
    for by in (x.ANNA, x.SUE, x.AUDREY):
        assert names(asked, by) == everybody
    for by in (x.CLARA, x.ADA, x.CRM):
        assert names(asked, by) == of_acme
        assert names(asked, by, f"?account={x.GLOBEX}") == []
        accounts = asked.get(by, "/accounts").json()["entries"]
        assert [one["name"] for one in accounts] == ["Acme"]
        assert asked.get(by, "/calendars").json()["entries"] == []
    assert [one["name"] for one in asked.get(x.ANNA, "/accounts").json()["entries"]] == [
        "Acme",
        "Globex",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?role=agent", ["Alan", "Anna", "Axel"]),
        ("?role=agent&active=true", ["Alan", "Anna"]),
        ("?q=AN", ["Anna"]),
        ("?q=gina@glo", ["Gina"]),
        (f"?account={x.GLOBEX}", ["Gina", "Gus"]),
        ("?q=%25", []),
    ],
)
def test_people_are_found_by_role_account_name_and_address(
    asked: Http, query: str, found: list[str]
) -> None:
    assert names(asked, x.SUE, query) == found


def test_the_pages_of_the_directory_together_are_the_directory(asked: Http) -> None:
    asked.shown()
    found, there = [], asked.get(x.SUE, "/people?limit=4").json()
    while True:
        found += [one["name"] for one in there["entries"]]
        if not there["next"]:
            break
        there = asked.get(x.SUE, f"/people?limit=4&cursor={there['next']}").json()
    assert found == names(asked, x.SUE, "?limit=100")
    assert problem(asked.get(x.SUE, "/people?cursor=no"))[0] == 400


def test_a_customer_is_shown_no_address_but_the_own_one(asked: Http) -> None:
    asked.shown()
    lines = {one["name"]: one["email"] for one in asked.get(x.CLARA, "/people").json()["entries"]}
    assert {name for name, email in lines.items() if email} == {"Clara"}
    assert asked.get(x.CLARA, f"/people/{CARLS}").json()["document"]["email"] is None
    assert asked.get(x.CLARA, "/people?q=carl@").json()["entries"] == []
    assert asked.get(x.ADA, f"/people/{CARLS}").json()["document"]["email"] == "carl@acme.com"
    assert asked.get(x.ADA, "/people?q=carl@").json()["entries"] != []


def test_what_is_of_another_account_reads_like_what_is_not_there(asked: Http) -> None:
    missing = x.named("nobody")
    for theirs, path in ((x.GLOBEX, "/accounts"), (x.id_of(x.GINA), "/people")):
        for ending in ("", "/history", "?version=1"):
            foreign = asked.get(x.ADA, f"{path}/{theirs}{ending}")
            nothing = asked.get(x.ADA, f"{path}/{missing}{ending}")
            assert foreign.status_code == 404
            assert foreign.content == nothing.content


def test_a_document_has_a_version_to_hold_on_to_and_a_history(http: Http) -> None:
    path = f"/accounts/{x.ACME}"
    first = http.get(x.SUE, path)
    assert (first.headers["etag"], first.json()["version"]) == ('"1"', 1)
    anew = x.ACME_ACCOUNT.model_copy(update={"name": "Acme Inc."}).model_dump(mode="json")
    assert http.ask(x.SUE, "PUT", path, anew, if_match='"1"').headers["etag"] == '"2"'
    assert problem(http.ask(x.SUE, "PUT", path, anew, if_match='"1"'))[0] == 412
    assert http.get(x.SUE, f"{path}?version=1").json()["document"]["name"] == "Acme"
    assert http.get(x.SUE, f"{path}?version=9").status_code == 404
    for by in (x.SUE, x.AUDREY):
        history = http.get(by, f"{path}/history").json()
        assert [(one["version"], one["document"]["name"]) for one in history] == [
            (1, "Acme"),
            (2, "Acme Inc."),
        ]
        assert history[1]["by"]["id"] == str(x.id_of(x.SUE))
    assert [http.get(by, f"{path}/history").status_code for by in (x.ANNA, x.ADA)] == [404, 404]
    assert http.get(x.ANNA, "/catalogue/history").status_code == 200


def test_what_was_never_set_is_at_version_0(http: Http) -> None:
    levels = x.LEVELS.model_dump(mode="json")
    assert http.get(x.ANNA, "/service-levels").headers["etag"] == '"0"'
    assert http.ask(x.SUE, "PUT", "/service-levels", levels, if_match='"0"').status_code == 200
    assert http.get(x.ANNA, "/service-levels/history").json()[0]["version"] == 1
    berlin = x.HOLIDAYS.model_dump(mode="json")
    assert problem(http.ask(x.SUE, "PUT", "/calendars/paris", berlin)) == (422, "another-calendar")
    assert http.ask(x.SUE, "PUT", "/calendars/berlin", berlin).status_code == 200
    http.shown()
    assert http.get(x.ANNA, "/calendars").json()["entries"][0]["key"] == "berlin"


def test_an_address_belongs_to_one_active_person(http: Http) -> None:
    http.shown()
    carl = x.PEOPLE[CARLS].model_copy(update={"email": "clara@acme.com"})
    assert problem(put(http, CARLS, carl)) == (409, "address-taken")
    assert put(http, CLARAS, x.PEOPLE[CLARAS].model_copy(update={"active": False})).is_success
    http.shown()
    assert put(http, CARLS, carl).is_success


def deactivate(http: Http, person: object, by: Actor = x.SUE, **body: str) -> Response:
    return http.post(by, f"/people/{person}/deactivate", body)


def test_who_leaves_hands_on_the_open_cases_and_is_let_in_no_more(http: Http) -> None:
    mine = [http.raised()["id"] for _ in range(3)]
    for case in mine[:2]:
        http.done(x.ANNA, case, "take")
    http.done(x.ANNA, mine[1], "close", reason="Done.")
    http.shown()
    refused = deactivate(http, ANNAS)
    assert problem(refused) == (409, "successor-required")
    assert "1 open cases are theirs" in refused.json()["detail"]
    with follower(http):
        left = deactivate(http, ANNAS, successor=str(x.id_of(x.ALAN)))
    assert (left.status_code, left.json()["handed_on"]) == (200, 1)
    assert http.seen(x.SUE, mine[0])["assignee"]["name"] == "Alan"
    assert http.seen(x.SUE, mine[1])["assignee"]["name"] == "Anna", "closed cases stay as they are"
    assert http.get(x.ANNA, "/cases").status_code == 401
    assert http.get(x.SUE, f"/people/{ANNAS}").json()["document"]["active"] is False


def test_the_successor_of_a_customer_becomes_the_contact(http: Http) -> None:
    case = http.raised()["id"]
    http.shown()
    with follower(http):
        left = deactivate(http, CLARAS, successor=str(CARLS))
    assert left.json()["handed_on"] == 1
    assert http.seen(x.CARL, case)["contact"]["name"] == "Carl"
    assert http.get(x.CLARA, "/cases").status_code == 401


def test_a_successor_who_cannot_have_the_cases_is_refused_and_nobody_left(http: Http) -> None:
    http.raised()
    http.shown()
    refused = deactivate(http, CLARAS, successor=str(x.id_of(x.GINA)))
    assert problem(refused) == (422, "not-of-the-account")
    assert http.get(x.CLARA, "/me").status_code == 200


def test_nobody_deactivates_themselves_and_only_support_admins_others(asked: Http) -> None:
    asked.shown()
    assert problem(deactivate(asked, x.id_of(x.SUE))) == (403, "own-roles")
    for by in (x.CLARA, x.ADA, x.ANNA, x.AUDREY):
        assert problem(deactivate(asked, CARLS, by)) == (403, "role-may-not")


def test_nobody_changes_their_own_role(asked: Http) -> None:
    sue = x.PEOPLE[x.id_of(x.SUE)].model_copy(update={"role": Role.AUDITOR})
    assert problem(put(asked, x.id_of(x.SUE), sue)) == (403, "own-roles")
