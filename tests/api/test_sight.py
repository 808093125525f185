"""Whoever may not see a case, or a part of it, cannot tell that it is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args
from uuid import uuid4

import pytest
from httpx2 import Response

from domain import commands as c
from domain.configuration import CATALOGUE, document_stream
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http

ON_A_CASE = [k for k in get_args(c.CaseCommand) if k not in {c.Create, c.Erase, c.Forget}]
FIELDS: dict[str, Any] = {
    "assign": {"team": "network"},
    "await": {"awaited": "customer"},
    "change-severity": {"severity": "low"},
    "deescalate": {"justification": "So.", "message": "So."},
    "resolve": {"type": "other", "root_cause": "So.", "summary": "So."},
    "request-close": {"resolved_by": "own"},
    "merge": {"into": "00000001"},
    "link": {"kind": "related", "case": "00000001"},
    "unlink": {"kind": "related", "case": "00000001"},
    "rate": {"score": 1},
    "redact": {"version": 1, "reason": "So."},
    "add-attachment": {"attachments": [str(uuid4())]},
    "follow-up": {"description": "So."},
    **{name: {"text": "So."} for name in ("post", "note")},
    **{name: {"reason": "So."} for name in ("unassign", "decline-close-request", "close")},
    **{name: {"comment": "So."} for name in ("escalate", "reject-resolution", "reopen")},
    **{name: {"entry": str(uuid4())} for name in ("make-internal", "remove-entry")},
    "comment": {"post": str(uuid4()), "text": "So."},
    "edit-entry": {"entry": str(uuid4()), "text": "So."},
    "remove-attachment": {"attachment": str(uuid4())},
}


def told(answer: Response) -> tuple[object, ...]:
    return answer.status_code, answer.content, sorted(answer.headers.multi_items())


@dataclass
class Unseen:
    """What Carl of Acme, a standard customer, may not know of."""

    http: Http
    references: list[str]


@pytest.fixture(scope="module")
def unseen(asked: Http) -> Unseen:
    globex, claras = asked.raised(x.GINA), asked.raised(x.CLARA)
    asked.done(x.ANNA, claras["id"], "note", text="A bug of ours.")
    asked.shown()
    nothing = [str(uuid4()), "99999999", "nonsense"]
    documents = [str(x.ACME), str(x.id_of(x.CARL)), str(document_stream(CATALOGUE))]
    cases = [case[by] for case in (globex, claras) for by in ("id", "number")]
    return Unseen(asked, [*nothing, *documents, *cases])


READS: dict[str, Callable[[Http, str], Response]] = {
    "head": lambda http, case: http.get(x.CARL, f"/cases/{case}"),
    "events": lambda http, case: http.get(x.CARL, f"/cases/{case}/events"),
    "seen before": lambda http, case: http.get(x.CARL, f"/cases/{case}", if_match='"1"'),
    "at a version": lambda http, case: http.get(x.CARL, f"/cases/{case}?version=1"),
    "at an instant": lambda http, case: http.get(x.CARL, f"/cases/{case}?at=2100-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_one_may_not_see_reads_like_what_is_not_there(
    unseen: Unseen, read: Callable[[Http, str], Response]
) -> None:
    answers = [told(read(unseen.http, reference)) for reference in unseen.references]
    assert answers[0][0] == 404
    assert answers == [answers[0]] * len(answers)


@pytest.mark.parametrize("command", ON_A_CASE, ids=lambda command: command.path())
def test_what_one_may_not_see_is_asked_for_nothing_like_what_is_not_there(
    unseen: Unseen, command: type[c.Command]
) -> None:
    for headers in ({}, {"if_match": '"9"'}, {"idempotency_key": f"{command}"}):
        answers = [
            told(
                unseen.http.post(
                    x.CARL,
                    f"/cases/{reference}/{command.path()}",
                    FIELDS.get(command.path(), {}),
                    **headers,
                )
            )
            for reference in unseen.references
        ]
        assert answers[0][0] == 404
        assert answers == [answers[0]] * len(answers)


def test_the_list_has_only_what_one_sees(unseen: Unseen) -> None:
    http = unseen.http
    for by in (x.CARL, x.GUS):
        seen = http.get(by, "/cases?status=all").json()
        assert seen["total"] == len(seen["cases"]) == (1 if by is x.GUS else 0)
    assert http.get(x.ANNA, "/cases?status=all").json()["total"] == 2


# What of the desk happens between the customer's own steps, or does not.
Aside = Callable[[Http, str], None]


def noted(http: Http, case: str) -> None:
    http.done(x.ANNA, case, "note", text="A bug of ours.")
    http.done(x.ALAN, case, "watch")
    if http.events(x.ANNA, case)[-1]["type"] != "case.closed":
        http.do(x.ANNA, case, "change-tags", add=["vpn"])


STORY: tuple[tuple[Actor, int, str, dict[str, str]], ...] = (
    (x.ANNA, 0, "take", {}),
    (x.CLARA, 0, "post", {"text": "Any news?"}),
    (x.CLARA, 1, "post", {"text": "Here too."}),
    (x.ANNA, 0, "close", {"reason": "Done."}),
    (x.CLARA, 1, "escalate", {"comment": "Orders are lost."}),
    (x.CLARA, 0, "reopen", {"comment": "Again."}),
)


def a_story(http: Http, aside: Aside) -> list[object]:
    """Everything that Clara is told of two cases; `aside` is what happens without her."""
    cases = [http.raised(x.CLARA), http.raised(x.CLARA)]
    shown: list[object] = []
    for by, which, command, fields in STORY:
        aside(http, cases[0]["id"])
        answer = http.do(by, cases[which]["id"], command, **fields)
        assert answer.status_code == 200, answer.text
        aside(http, cases[0]["id"])
        http.shown()
        heads = [http.get(x.CLARA, f"/cases/{case['id']}") for case in cases]
        told = [answer, *heads] if by is x.CLARA else heads
        shown += [plainly(one.json(), one.headers["etag"]) for one in told]
        listed = http.get(x.CLARA, "/cases?status=all").json()
        numbers = [case["number"] for case in cases]
        order = [numbers.index(one["number"]) for one in listed["cases"][:2]]
        shown.append([order, *(plainly(one, "") for one in listed["cases"][:2])])
        shown.append(elsewhere(http, cases[0]["id"], numbers))
    return shown


def elsewhere(http: Http, case: str, numbers: list[str]) -> list[object]:
    """The same told as a conversation, as a feed and as changes: but for positions and times."""
    activity = http.get(x.CLARA, f"/cases/{case}/activity").json()["items"]
    feed = http.get(x.CLARA, f"/events?case={case}").json()["events"]
    changes = http.get(x.CLARA, "/cases/changes").json()["cases"]
    return [
        [(one["kind"], one["type"], one["internal"], one["post"] is None) for one in activity],
        [(one["type"], sorted(one), one["visibility"], sorted(one["data"])) for one in feed],
        [numbers.index(one["number"]) for one in changes if one["number"] in numbers],
    ]


MEANINGLESS = {
    *("id", "number", "position", "created_at", "modified_at", "assigned_at", "closed_at"),
    *("escalated_at", "reopen_until"),
}


def plainly(told: dict[str, Any], etag: str) -> dict[str, Any]:
    """Without what differs from one case to the next, and from one moment to the next."""
    plain = {k: v for k, v in told.items() if k not in MEANINGLESS}
    allowed = {k: v and v.split(" on ")[0] for k, v in plain.pop("allowed", {}).items()}
    return {**plain, "allowed": allowed, "etag": etag}


def test_nothing_that_a_customer_is_told_differs_for_what_is_internal(http: Http) -> None:
    quiet = a_story(http, lambda _http, _case: None)
    assert a_story(http, noted) == quiet


def test_an_internal_step_moves_no_date_that_a_customer_sees(http: Http) -> None:
    case = http.raised()
    before = http.seen(x.CLARA, case["id"])
    desk_before = http.seen(x.ANNA, case["id"])
    noted(http, case["id"])
    after = http.seen(x.CLARA, case["id"])
    assert after == before
    assert http.seen(x.ANNA, case["id"])["modified_at"] > desk_before["modified_at"]
    assert http.seen(x.ANNA, case["id"])["version"] == 4


def test_a_customer_s_versions_count_what_is_public_also_in_the_past(http: Http) -> None:
    case = http.raised()["id"]
    noted(http, case)
    http.done(x.CLARA, case, "escalate", comment="Orders are lost.")
    http.done(x.ANNA, case, "note", text="Hm.")
    for version, status in ((1, "Unassigned"), (2, "Escalated"), (99, "Escalated")):
        then = http.get(x.CLARA, f"/cases/{case}?version={version}")
        assert (then.json()["version"], then.json()["status"]) == (min(version, 2), status)
        assert then.headers["etag"] == f'"{min(version, 2)}"'
    now = http.seen(x.CLARA, case)
    assert http.get(x.CLARA, f"/cases/{case}?version=2").json() == now
    assert http.get(x.ANNA, f"/cases/{case}?version=2").json()["version"] == 2
    assert http.get(x.CLARA, f"/cases/{case}?at={now['created_at']}").json()["version"] == 1
    assert http.get(x.CLARA, f"/cases/{case}?at=2020-01-01T00:00:00Z").status_code == 404


def test_an_entry_that_became_internal_is_withheld_with_all_that_hangs_on_it(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "post", text="For the wrong eyes.")
    post = http.events(x.ANNA, case)[-1]["data"]["entry"]
    http.done(x.CLARA, case, "comment", post=post, text="I see it.")
    http.done(x.ANNA, case, "edit-entry", entry=post, text="For the wrong eyes!")
    assert all(not one["withheld"] for one in http.events(x.CLARA, case))
    http.done(x.ANNA, case, "make-internal", entry=post)
    shown = http.events(x.CLARA, case)
    assert [one["version"] for one in shown] == [1, 2, 3, 4, 5]
    for one in shown[1:]:
        assert {k: v for k, v in one.items() if v is not None} == {
            "version": one["version"],
            "withheld": True,
        }
    assert [one["type"] for one in http.events(x.ANNA, case)][-1] == "case.made-internal"
    assert "wrong eyes" not in http.get(x.ADA, f"/cases/{case}/events").text


@pytest.mark.parametrize(
    ("command", "fields", "withheld"),
    [
        ("unassign", {"reason": "SECRET"}, ["reason"]),
        ("await", {"awaited": "customer", "reason": "SECRET"}, ["reason"]),
        ("deescalate", {"justification": "SECRET", "message": "We are on it."}, ["justification"]),
        ("redact", {"version": 1, "reason": "SECRET"}, ["reason"]),
    ],
)
def test_what_is_for_the_desk_in_a_public_event_is_withheld_and_named(
    http: Http, command: str, fields: dict[str, Any], withheld: list[str]
) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    http.done(x.CLARA, case, "escalate", comment="Orders are lost.")
    http.done(x.SUE, case, command, **fields)
    for by in (x.CLARA, x.ADA):
        last = http.events(by, case)[-1]
        assert last["withheld"] == withheld
        assert not set(withheld) & set(last["data"])
        assert "SECRET" not in http.get(by, f"/cases/{case}/events").text
    last = http.events(x.AUDREY, case)[-1]
    assert (last["withheld"], last["data"][withheld[0]]) == (False, "SECRET")


def test_to_which_case_one_is_tied_is_told_only_to_who_sees_that_case_too(http: Http) -> None:
    own, ada, globex = http.raised(x.CLARA), http.raised(x.ADA), http.raised(x.GINA)
    also = http.raised(x.CLARA)
    for other in (ada, also, globex):
        http.done(x.ANNA, own["id"], "link", kind="related", case=other["number"])
    http.done(x.ANNA, own["id"], "unlink", kind="related", case=ada["number"])
    http.shown()
    for by, withheld in (
        (x.CLARA, [["case", "number"], False, True, ["case"]]),
        (x.ADA, [False, False, True, False]),
        (x.ANNA, [False, False, False, False]),
    ):
        shown = http.events(by, own["id"])[1:]
        assert [one["withheld"] for one in shown] == withheld
        assert shown[1]["data"]["number"] == also["number"]
    told = http.get(x.CLARA, f"/cases/{own['id']}/events").text
    assert not any(str(case[name]) in told for case in (ada, globex) for name in ("id", "number"))


def test_tags_are_the_desk_s_words(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "change-tags", add=["vpn"])
    assert http.seen(x.ANNA, case)["tags"] == ["vpn"]
    assert http.seen(x.CLARA, case)["tags"] is None
    assert "vpn" not in http.get(x.CLARA, f"/cases/{case}/events").text


def test_redacted_and_erased_words_say_since_when(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.SUE, case, "redact", version=1, reason="Names in it.")
    (first, _) = http.events(x.ANNA, case)
    assert first["data"]["subject"] == {"erased": "redacted", "at": first["data"]["subject"]["at"]}
    assert http.seen(x.CLARA, case)["subject"] == "[redacted]"
    assert x.CREATE.description not in http.get(x.SUE, f"/cases/{case}/events").text


def test_a_person_is_named_as_far_as_they_are_known(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    head = http.seen(x.CLARA, case)
    assert head["contact"] == {"id": str(x.id_of(x.CLARA)), "name": "Clara"}
    assert head["assignee"] == {"id": str(x.id_of(x.ANNA)), "name": "Anna"}
    assert head["account_name"] == "Acme"
