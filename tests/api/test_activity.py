"""The activity of a case: posts with their comments, steps as sentences, nothing that betrays."""

from typing import Any

import pytest

from domain.values import Actor
from tests import examples as x
from tests.api.http import Http


def activity(http: Http, by: Actor, case: str, query: str = "") -> list[dict[str, Any]]:
    http.shown()
    answer = http.get(by, f"/cases/{case}/activity{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def told(items: list[dict[str, Any]]) -> list[str]:
    """In a line each: who did what, or wrote what."""
    return [f"{one['by']['name']} {one['sentence'] or one['post']['text']}" for one in items]


def last_entry(http: Http, case: str) -> str:
    entry: str = http.events(x.ANNA, case)[-1]["data"]["entry"]
    return entry


def test_the_newest_stands_first_and_the_case_itself_last(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    http.done(x.ANNA, case, "post", text="Which version?")
    http.done(x.CLARA, case, "escalate", comment="We lose orders.", reason="delay")
    assert told(activity(http, x.CLARA, case)) == [
        "Clara escalated it (delay): We lose orders.",
        "Anna Which version?",
        "Anna took it",
        "Clara raised case 00000001 (Standard): It is slow",
    ]
    assert told(activity(http, x.CLARA, case, "?kind=posts")) == ["Anna Which version?"]
    assert len(activity(http, x.CLARA, case, "?kind=steps")) == 3


def test_comments_stand_below_their_post_the_oldest_first(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "post", text="Which version?")
    post = last_entry(http, case)
    http.done(x.CLARA, case, "post", text="Any news?")
    http.done(x.CLARA, case, "comment", post=post, text="2.0")
    position = http.done(x.ANNA, case, "comment", post=post, text="Thanks.")["position"]
    newest, older, _ = activity(http, x.CLARA, case)
    assert newest["post"]["text"] == "Any news?"
    assert [one["text"] for one in older["comments"]] == ["2.0", "Thanks."]
    assert older["last_position"] == position > newest["position"] > older["position"]


def test_of_an_edited_entry_the_desk_has_every_revision_and_customers_that_it_was_edited(
    http: Http,
) -> None:
    case = http.raised()["id"]
    http.done(x.CLARA, case, "post", text="It is slow.")
    post = last_entry(http, case)
    for text in ("It is very slow.", "It stands still."):
        http.done(x.CLARA, case, "edit-entry", entry=post, text=text)
    for by in (x.CLARA, x.ANNA):
        shown = activity(http, by, case)[0]["post"]
        assert (shown["text"], shown["edited_at"] is None) == ("It stands still.", False)
        earlier = shown["revisions"]
        assert (earlier and [one["text"] for one in earlier]) == (
            None if by is x.CLARA else ["It is slow.", "It is very slow."]
        )


def test_comments_stay_below_a_post_that_was_removed(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "post", text="Which version?")
    post = last_entry(http, case)
    http.done(x.CLARA, case, "comment", post=post, text="2.0")
    http.done(x.ANNA, case, "remove-entry", entry=post)
    (shown, _) = activity(http, x.CLARA, case)
    assert (shown["post"]["text"], shown["post"]["removed"]) == (None, True)
    assert [one["text"] for one in shown["comments"]] == ["2.0"]
    (shown, _) = activity(http, x.AUDREY, case)
    assert [one["text"] for one in shown["post"]["revisions"]] == ["Which version?"]


def test_of_what_is_internal_a_customer_finds_nothing(http: Http) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "post", text="For the wrong eyes.")
    post = last_entry(http, case)
    http.done(x.CLARA, case, "comment", post=post, text="I see it.")
    before = activity(http, x.CLARA, case)
    http.done(x.ANNA, case, "note", text="A bug of ours.")
    http.done(x.ANNA, case, "change-tags", add=["vpn"])
    http.done(x.ALAN, case, "watch")
    assert activity(http, x.CLARA, case) == before
    assert [one["internal"] for one in activity(http, x.ANNA, case)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    http.done(x.ANNA, case, "make-internal", entry=post)
    assert told(activity(http, x.CLARA, case)) == [
        "Clara raised case 00000001 (Standard): It is slow"
    ]
    assert activity(http, x.ANNA, case)[-2]["comments"][0]["internal"] is True


@pytest.mark.parametrize("by", [x.CLARA, x.ANNA])
def test_a_sentence_has_nothing_for_the_desk_in_it_unless_the_desk_reads(
    http: Http, by: Actor
) -> None:
    case, ada = http.raised()["id"], http.raised(x.ADA)["number"]
    http.done(x.ANNA, case, "take")
    http.done(x.ANNA, case, "unassign", reason="SECRET")
    http.done(x.ANNA, case, "await", awaited="customer", reason="SECRET")
    http.done(x.CLARA, case, "escalate", comment="So.")
    http.done(x.ANNA, case, "deescalate", justification="SECRET", message="On it.")
    http.done(x.ANNA, case, "link", kind="related", case=ada)
    http.done(x.SUE, case, "redact", version=1, reason="SECRET")
    sentences = " ".join(told(activity(http, by, case)))
    assert ("SECRET" in sentences) is (by is x.ANNA)
    assert (ada in sentences) is (by is x.ANNA)
    assert "It is slow" not in sentences
    assert "[redacted]" in sentences


def test_the_pages_together_are_the_activity(http: Http) -> None:
    case = http.raised()["id"]
    for n in range(7):
        http.done(x.ANNA, case, "note" if n % 3 == 0 else "post", text=f"Post {n}.")
    for by, expected in ((x.CLARA, 5), (x.ANNA, 8)):
        whole = activity(http, by, case)
        assert len(whole) == expected
        found: list[dict[str, Any]] = []
        query = ""
        while True:
            page = http.get(by, f"/cases/{case}/activity?limit=2{query}").json()
            found += page["items"]
            if page["next"] is None:
                break
            query = f"&before={page['next']}"
        assert found == whole


def test_names_are_those_of_now(http: Http) -> None:
    case = http.raised()["id"]
    clara = x.PEOPLE[x.id_of(x.CLARA)].model_copy(update={"name": "Clara Jones"})
    path = f"/people/{x.id_of(x.CLARA)}"
    assert http.ask(x.SUE, "PUT", path, clara.model_dump(mode="json")).status_code == 200
    assert told(activity(http, x.ANNA, case))[0].startswith("Clara Jones raised case")
