"""Who sees what, by every operation: what must not be seen is answered like what is not there.

The operations come from the description of the API, so one that is added tomorrow is asked too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pytest
from httpx2 import Response

from api.auth import Scope
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http
from tests.api.test_files import sent
from tests.api.test_scopes import NOTES, READ, WRITE, Ask, with_token
from tests.api.test_sight import FIELDS
from tests.consumers.notifying import notified

EVENTS: Final = Scope.EVENTS_READ
# Who sees which of the four cases: of their own, of their account, of another one, and none at all.
OWN, SAME, OTHER, MISSING = "own", "same account", "other account", "missing"
EVERYTHING = {OWN, SAME, OTHER}
SEES: Final[dict[str, set[str]]] = {
    "customer": {OWN},
    "customer admin": {OWN, SAME},
    "agent": EVERYTHING,
    "support admin": EVERYTHING,
    "auditor": EVERYTHING,
    "service account of the account": {OWN, SAME},
    "service account for a customer": {OWN},
    "service account of the desk": EVERYTHING,
    "service account of the desk, without notes": EVERYTHING,
}
PEOPLE: Final = {
    "customer": x.CLARA,
    "customer admin": x.ADA,
    "agent": x.ANNA,
    "support admin": x.SUE,
    "auditor": x.AUDREY,
}
READS_NOTES: Final = {"agent", "support admin", "auditor", "service account of the desk"}
# Look-alikes: nothing but what they must not share tells the cases apart.
CASES: Final[dict[str, Actor]] = {OWN: x.CLARA, SAME: x.CARL, OTHER: x.GINA}
PUBLIC: Final = ("subject", "description", "reference", "post", "file", "view")
INTERNAL: Final = ("note", "tag", "justification", "unassigned", "hidden", "secretfile", "deskview")
# In no text that is searched.
ELSEWHERE: Final = ("justification", "unassigned", "view", "deskview")


@dataclass(frozen=True)
class World:
    http: Http
    ask: dict[str, Ask]
    cases: dict[str, dict[str, Any]]

    def refused(self, viewer: str) -> set[str]:
        """The words, ids and numbers that this viewer must never be told."""
        forbidden = set()
        for name, case in self.cases.items():
            seen = name in SEES[viewer]
            if not seen:
                forbidden |= {case["id"], case["number"], *(word(name, of) for of in PUBLIC)}
            if not seen or viewer not in READS_NOTES:
                forbidden |= {word(name, of) for of in INTERNAL}
        return forbidden


POSITION = re.compile(r'"[0-9]{20}"')  # its zeros are no number of a case


def word(case: str, of: str) -> str:
    """A word that stands in one place of one case alone."""
    return f"q{case.replace(' ', '')}{of}z"


@pytest.fixture(scope="module")
def world(asked: Http) -> World:
    cases = {name: _case(asked, name, by) for name, by in CASES.items()}
    for _ in range(5):
        asked.raised(x.GUS)  # so that no count of everything equals a count of one's own
    for case, by in zip(cases.values(), CASES.values(), strict=True):
        for watcher in (by, x.SUE, x.AUDREY):
            asked.do(watcher, case["id"], "watch")
        asked.done(x.ANNA, case["id"], "change-severity", severity="urgent")
    notified(asked.desk)
    asked.shown()
    ask = {name: _asks(asked, by) for name, by in PEOPLE.items()}
    for name, service, scopes in (
        ("service account of the account", x.CRM, [READ, WRITE, EVENTS]),
        ("service account for a customer", x.CRM, [READ, WRITE, EVENTS]),
        ("service account of the desk", x.BOT, [READ, WRITE, EVENTS, NOTES]),
        ("service account of the desk, without notes", x.BOT, [READ, WRITE, EVENTS]),
    ):
        ask[name] = with_token(asked, service, scopes)
    alone = ask["service account for a customer"]
    claras = str(x.id_of(x.CLARA))

    def for_clara(method: str, path: str, body: object = None, **headers: str) -> Response:
        return alone(method, path, body, on_behalf_of=claras, **headers)

    ask["service account for a customer"] = for_clara
    return World(asked, ask, cases)


def _asks(http: Http, by: Actor) -> Ask:
    def ask(method: str, path: str, body: object = None, **headers: str) -> Response:
        return http.ask(by, method, path, body, **headers)

    return ask


def _case(http: Http, name: str, by: Actor) -> dict[str, Any]:
    case = http.raised(
        by,
        subject=word(name, "subject"),
        description=word(name, "description"),
        customer_reference=word(name, "reference"),
        external_ids={"jira": "OPS-2" if name == SAME else "OPS-1"},  # one of an account
    )
    id_ = case["id"]
    case["file"], secret = (
        sent(http, x.ANNA, word(name, of), b"So.")["id"] for of in ("file", "secretfile")
    )
    http.done(x.ANNA, id_, "post", text=word(name, "post"), attachments=[case["file"]])
    http.done(x.ANNA, id_, "note", text=word(name, "note"), attachments=[secret])
    for owner, of in ((by, "view"), (x.SUE, "deskview")):
        view = {"name": word(name, of), "query": f"q={word(name, of)}", "shared": owner is x.SUE}
        assert http.post(owner, "/views", view).status_code == 201
    http.done(x.ANNA, id_, "change-tags", add=[word(name, "tag").lower()])
    http.done(x.ANNA, id_, "take")
    http.done(x.ANNA, id_, "unassign", reason=word(name, "unassigned"))
    http.done(by, id_, "escalate", comment="So.")
    words = {"justification": word(name, "justification"), "message": "So."}
    http.done(x.ANNA, id_, "deescalate", **words)
    http.done(x.ANNA, id_, "post", text=word(name, "hidden"))
    http.done(x.ANNA, id_, "make-internal", entry=http.events(x.ANNA, id_)[-1]["data"]["entry"])
    return case


def operations(http: Http) -> Iterator[tuple[str, str]]:
    for path, methods in http.client.get("/openapi.json").json()["paths"].items():
        if path.startswith("/api/v1"):
            yield from ((method.upper(), path.removeprefix("/api/v1")) for method in methods)


def plain(answer: Response) -> tuple[object, ...]:
    """All of an answer but what every request has of its own."""
    headers = {k: v for k, v in answer.headers.items() if not k.startswith("ratelimit")}
    return answer.status_code, answer.content, sorted(headers.items())


def body_of(method: str, path: str) -> object:
    return FIELDS.get(path.rpartition("/")[2], {}) if method == "POST" else None


@pytest.mark.parametrize("viewer", SEES)
def test_what_is_not_seen_is_answered_by_every_operation_like_what_is_not_there(
    world: World, viewer: str
) -> None:
    ask, unseen = world.ask[viewer], EVERYTHING - SEES[viewer]
    found = [(method, path) for method, path in operations(world.http) if "{case}" in path]
    assert len(found) > 38
    for method, path in found:
        body = body_of(method, path)
        for query in ("", "?version=1", "?at=2100-01-01T00:00:00Z") if method == "GET" else ("",):
            for headers in ({}, {"if_match": '"1"'}, {"idempotency_key": f"{viewer}{path}"}):
                file = world.cases[OWN]["file"]
                nowhere = path.format(case=uuid4(), attachment=file)
                missing = ask(method, nowhere + query, body, **headers)
                assert missing.status_code == 404, (path, missing.text)
                for name in unseen:
                    file = world.cases[name]["file"]
                    for reference in (world.cases[name]["id"], world.cases[name]["number"]):
                        there = path.format(case=reference, attachment=file)
                        answer = ask(method, there + query, body, **headers)
                        assert plain(answer) == plain(missing), (viewer, method, path, name)


@pytest.mark.parametrize("viewer", SEES)
def test_what_is_seen_is_there(world: World, viewer: str) -> None:
    for name in SEES[viewer]:
        for path in ("", "/activity", "/events", "/attachments"):
            answer = world.ask[viewer]("GET", f"/cases/{world.cases[name]['id']}{path}")
            assert answer.status_code == 200
            files = path == "/attachments"
            assert word(name, "file" if files else "subject") in answer.text
            reads_notes = viewer in READS_NOTES
            assert (word(name, "secretfile" if files else "note") in answer.text) is (
                reads_notes and path != ""
            )


def reads(world: World) -> Iterator[str]:
    """Everything that can be read without naming a case, asked in every way that might tell."""
    for method, path in operations(world.http):
        if method == "GET" and "{" not in path and not path.endswith("/stream"):
            yield path
    end = world.http.get(x.ANNA, "/events/head").json()["position"]
    yield "/notifications/stream?most=1"  # streams have an end where one is asked for
    yield f"/events/stream?to={end}"
    yield f"/events/stream?to={end}&account={x.GLOBEX}"
    for sort in ("modified", "-created", "subject", "status", "account", "contact", "severity"):
        yield f"/cases?status=all&sort={sort}"
    yield "/cases?external_id=jira:OPS-1&status=all"
    yield "/cases?escalated=false"
    yield "/cases?created_after=2020-01-01T00:00:00Z&limit=1"
    for q in ("q", "qo", "qs", "qm", "z", "jira", "-q"):
        yield f"/cases?status=all&limit=100&q={q}"
        yield f"/cases?status=all&sort=subject&q={q}"
        yield f"/cases/facets?status=all&q={q}"
        yield f"/cases/export?status=all&column=all&q={q}"
    for number in range(10):
        yield f"/cases?q={number}"
    yield "/events?limit=1000"
    yield "/notifications?limit=100"
    yield "/notifications?only=unread"
    yield "/people?limit=100"
    for account in (x.ACME, x.GLOBEX):
        yield f"/events?account={account}"
        yield f"/people?account={account}"
        yield f"/accounts/{account}"
    for name, case in world.cases.items():
        yield f"/cases?number={int(case['number'])}"
        yield f"/cases?customer_reference={word(name, 'reference')}&status=all"
        yield f"/events?case={case['id']}"
        yield f"/events?case={case['number']}&type=case.posted"


@pytest.mark.parametrize("viewer", SEES)
def test_no_list_feed_or_document_has_a_word_of_what_is_not_seen(world: World, viewer: str) -> None:
    asked_about = set()
    for path in reads(world):
        answer = world.ask[viewer]("GET", path)
        assert answer.status_code < 500
        told = POSITION.sub("", answer.text) + str(answer.headers)
        asked_about |= {w for w in world.refused(viewer) if w in path}
        leaked = {w for w in world.refused(viewer) - asked_about if w.lower() in told.lower()}
        assert not leaked, (viewer, path, leaked)


@pytest.mark.parametrize("viewer", ["customer", "customer admin", "support admin"])
def test_what_one_was_told_is_there(world: World, viewer: str) -> None:
    told = world.ask[viewer]("GET", "/notifications?limit=100").json()
    assert told["unread"] == len(told["notifications"]) > 0


@pytest.mark.parametrize("viewer", SEES)
def test_a_filter_that_names_what_is_not_seen_finds_what_a_missing_one_does(
    world: World, viewer: str
) -> None:
    ask = world.ask[viewer]
    for name in EVERYTHING - SEES[viewer]:
        case = world.cases[name]
        for asked_for, missing in (
            (f"/cases?number={case['number']}", "/cases?number=99999999"),
            (
                f"/cases?status=all&customer_reference={word(name, 'reference')}",
                "/cases?status=all&customer_reference=none",
            ),
            (f"/events?case={case['id']}", f"/events?case={uuid4()}"),
            (f"/events?case={case['number']}", "/events?case=99999999"),
        ):
            assert plain(ask("GET", asked_for)) == plain(ask("GET", missing)), (viewer, asked_for)


@pytest.mark.parametrize("viewer", SEES)
def test_words_that_are_not_seen_are_searched_for_like_words_that_are_nowhere(
    world: World, viewer: str
) -> None:
    """Also with a slip in them, for what was meant; and as what is to be left out."""
    ask, there = world.ask[viewer], set[str]()
    for name, case in world.cases.items():
        numbers = {case["number"], str(int(case["number"]))} if name not in SEES[viewer] else set()
        for of in (*PUBLIC, *INTERNAL):
            whole = word(name, of)
            if whole not in world.refused(viewer):
                there.add(whole)
                continue
            for asked_for in (whole, whole[:-1], whole.replace("z", "y"), f"is:open {whole}"):
                for path in ("/cases?status=all&q=", "/cases?q=", "/cases/facets?q="):
                    missing = ask("GET", path + asked_for.replace(whole[:-1], "wwwwwwwww"))
                    assert plain(ask("GET", path + asked_for)) == plain(missing), (viewer, whole)
            left = ask("GET", "/cases?status=all&limit=100&q=-wwwwwwwww")
            assert plain(ask("GET", f"/cases?status=all&limit=100&q=-{whole}")) == plain(left)
        for number in numbers:
            missing = ask("GET", "/cases?q=99999999")
            assert plain(ask("GET", f"/cases?q={number}")) == plain(missing), (viewer, number)
    for one in there - {word(name, of) for name in CASES for of in ELSEWHERE}:
        assert ask("GET", f"/cases?status=all&q={one}").json()["total"] == 1, (viewer, one)


@pytest.mark.parametrize("viewer", SEES)
def test_counts_are_of_what_is_seen(world: World, viewer: str) -> None:
    ask, others = world.ask[viewer], 5 if OTHER in SEES[viewer] else 0
    numbered = ask("GET", "/cases?status=all&external_id=jira:OPS-1").json()["total"]
    assert numbered == len(SEES[viewer] & {OWN, OTHER})
    assert ask("GET", "/cases?type=product-issue").json()["total"] == len(SEES[viewer]) + others


@pytest.mark.parametrize("viewer", sorted(set(SEES) - {"auditor"}))
def test_in_bulk_each_unseen_case_is_told_like_a_missing_one(world: World, viewer: str) -> None:
    missing = str(uuid4())
    unseen = [world.cases[name]["id"] for name in EVERYTHING - SEES[viewer]]
    body = {"ids": [missing, *unseen], "command": {"unwatch": {}}}
    results = world.ask[viewer]("POST", "/cases/bulk", body).json()["results"]
    assert {one["status"] for one in results} == {404}
    assert [one["problem"] for one in results] == [results[0]["problem"]] * len(results)


def test_an_unseen_case_named_in_a_command_is_told_like_a_missing_one(world: World) -> None:
    """Only the desk ties cases, and it sees them all; a person is named by customers too."""
    ask, own = world.ask["customer admin"], world.cases[OWN]["id"]
    missing = ask("POST", f"/cases/{own}/watch", {"person": str(uuid4())})
    for person in (x.GINA, x.ANNA, x.SUE):
        named = ask("POST", f"/cases/{own}/watch", {"person": str(x.id_of(person))})
        assert plain(named) == plain(missing)
    create = {"application": "atlas", "type": "services", "subject": "So", "description": "So."}
    missing = ask("POST", "/cases", {**create, "contact": str(uuid4())})
    foreign = ask("POST", "/cases", {**create, "contact": str(x.id_of(x.GINA))})
    assert plain(foreign) == plain(missing)
    missing = ask("POST", "/cases", {**create, "account": str(uuid4())})
    assert plain(ask("POST", "/cases", {**create, "account": str(x.GLOBEX)})) == plain(missing)
