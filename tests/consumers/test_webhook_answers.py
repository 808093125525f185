"""What comes of each answer: taken, tried again at the same place, set aside, or the end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from consumers.lanes import MOST_LANES
from consumers.schedule import MOST_TRIES
from consumers.sending import Sender
from tests import examples as x
from tests.api.http import Http
from tests.consumers.hooks import (
    HERE,
    Came,
    Said,
    asked_of,
    hooked,
    later,
    sending,
    standing,
    until,
)

POSTS = ["case.posted"]


def posted(http: Http, case: str, *texts: str) -> None:
    for text in texts:
        http.done(x.CLARA, case, "post", text=text)
    http.shown()


def texts(came: list[Came]) -> list[str]:
    return [one.event["data"]["text"] for one in came]


def _failed(http: Http, subscription: dict[str, Any], times: int) -> bool:
    return bool(standing(http, subscription)["failures"] == times)


def _refused(http: Http, subscription: dict[str, Any], times: int) -> bool:
    return [one["attempts"] for one in asked_of(http, subscription, "parked")] == [times]


class Turns:
    """Says one thing after the other, and the last one from then on."""

    def __init__(self, *said: Said) -> None:
        self.said = list(said)

    def __call__(self, _: Came) -> Said:
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]


def refusing(word: str, status: int = 400) -> Callable[[Came], Said]:
    return lambda came: Said(status if came.event["data"]["text"] == word else 204)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_a_receiver_takes_is_done(hooks: Http, status: int) -> None:
    with hooked(hooks, lambda _: Said(status), types=POSTS) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "One.", "Two.")
        until(lambda: standing(hooks, subscription)["position"] >= hooked_to(hooks))
        assert texts(receiver.came) == ["One.", "Two."]
        told = standing(hooks, subscription)
        assert (told["state"], told["failures"], told["why"]) == ("active", 0, None)


def hooked_to(http: Http) -> int:
    """The position of the last event."""
    position: int = http.get(x.SUE, "/events/head").json()["position"]
    return position


AWAY: dict[str, Said] = {
    **{str(status): Said(status) for status in (408, 425, 429, 500, 502, 503, 504, 599)},
    **{f"{status}, not followed": Said(status, {"location": "/"}) for status in (301, 302, 307)},
}


@pytest.mark.parametrize("said", AWAY.values(), ids=AWAY)
def test_a_receiver_that_is_away_consumes_nothing_and_is_sent_it_again(
    hooks: Http, said: Said
) -> None:
    with hooked(hooks, Turns(said, Said()), types=POSTS) as (receiver, subscription):
        before = subscription["position"]
        case, other = hooks.raised(x.CLARA)["id"], hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "One.")
        until(lambda: standing(hooks, subscription)["failures"] == 1)
        posted(hooks, other, "Two.")
        told = standing(hooks, subscription)
        assert (told["state"], told["set_aside"]) == ("active", 0)
        assert before <= told["position"] < hooked_to(hooks) - 1
        wait = datetime.fromisoformat(told["next_try"]) - datetime.now(UTC)
        assert timedelta(0) < wait < timedelta(seconds=6)
        assert len(receiver.came) == 1
        later(hooks, subscription)
        until(lambda: texts(receiver.taken)[-2:] == ["One.", "Two."])
        until(lambda: standing(hooks, subscription)["failures"] == 0)
        ids = [came.id for came in receiver.came]
        assert ids[0] == ids[1]
        assert len(set(ids)) == 2


def test_a_receiver_that_does_not_answer_in_time_has_taken_nothing(http: Http) -> None:
    with (
        sending(http.desk.settings, Sender(HERE, patience_seconds=0.2)),
        hooked(http, Turns(Said(204, hangs=0.5)), types=POSTS) as (receiver, subscription),
    ):
        posted(http, http.raised(x.CLARA)["id"], "One.")
        until(partial(_failed, http, subscription, 1))
        assert standing(http, subscription)["why"] == "No answer within 0.2 seconds."
        assert len(receiver.came) == 1


def test_a_receiver_that_is_not_there_is_tried_again(hooks: Http) -> None:
    with hooked(hooks, types=POSTS) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        nowhere = {"url": "http://127.0.0.1:9/x", "description": "Nowhere", "types": POSTS}
        path = f"/subscriptions/{subscription['id']}"
        assert hooks.ask(x.SUE, "PUT", path, nowhere).status_code == 200
        posted(hooks, case, "One.")
        until(lambda: standing(hooks, subscription)["failures"] == 1)
        assert "refused" in standing(hooks, subscription)["why"]
        assert hooks.ask(x.SUE, "PUT", path, {**nowhere, "url": receiver.url}).status_code == 200
        later(hooks, subscription)
        until(lambda: texts(receiver.taken) == ["One."])


def test_when_a_receiver_says_when_it_is_not_asked_before(hooks: Http) -> None:
    behaviour = Turns(Said(503, {"retry-after": "3600"}), Said())
    with hooked(hooks, behaviour, types=POSTS) as (_, subscription):
        posted(hooks, hooks.raised(x.CLARA)["id"], "One.")
        until(lambda: standing(hooks, subscription)["failures"] == 1)
        at = datetime.fromisoformat(standing(hooks, subscription)["next_try"])
        assert at - datetime.now(UTC) > timedelta(minutes=59)


def test_after_ten_tries_it_stops_at_that_event_and_enabled_it_goes_on_there(hooks: Http) -> None:
    with hooked(hooks, lambda _: Said(503), types=POSTS) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "One.", "Two.")
        for tries in range(1, MOST_TRIES):
            until(partial(_failed, hooks, subscription, tries))
            later(hooks, subscription)
        until(lambda: standing(hooks, subscription)["state"] == "stopped")
        assert texts(receiver.came) == ["One."] * MOST_TRIES
        stopped = standing(hooks, subscription)
        assert "503" in stopped["why"]
        posted(hooks, case, "Three.")
        later(hooks, subscription)
        receiver.behaviour = lambda _: Said()
        asked_of(hooks, subscription, "enable", {})
        until(lambda: texts(receiver.taken) == ["One.", "Two.", "Three."])
        assert standing(hooks, subscription)["state"] == "active"


def test_a_receiver_that_wants_nothing_any_more_is_sent_nothing(hooks: Http) -> None:
    with hooked(hooks, Turns(Said(410), Said()), types=POSTS) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "One.")
        until(lambda: standing(hooks, subscription)["state"] == "gone")
        posted(hooks, case, "Two.")
        later(hooks, subscription)
        assert len(receiver.came) == 1
        asked_of(hooks, subscription, "enable", {})
        until(lambda: texts(receiver.taken) == ["One.", "Two."])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_case_that_is_refused_waits_alone(hooks: Http, status: int) -> None:
    with hooked(hooks, refusing("Bad.", status), types=POSTS) as (receiver, subscription):
        case, other = hooks.raised(x.CLARA)["id"], hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "Good.", "Bad.", "Behind it.")
        posted(hooks, other, "Elsewhere.")
        until(lambda: standing(hooks, subscription)["position"] >= hooked_to(hooks))
        assert set(texts(receiver.taken)) == {"Good.", "Elsewhere."}
        (aside,) = asked_of(hooks, subscription, "parked")
        assert (aside["case"], aside["attempts"]) == (case, 1)
        assert str(status) in aside["why"]
        told = standing(hooks, subscription)
        assert (told["state"], told["failures"], told["set_aside"]) == ("active", 0, 1)


def parked(http: Http, subscription: dict[str, Any]) -> dict[str, Any]:
    """The case that is refused, once it was tried ten times."""
    for tries in range(1, MOST_TRIES + 1):
        until(partial(_refused, http, subscription, tries))
        later(http, subscription)
    (aside,) = asked_of(http, subscription, "parked")
    assert aside["next_try"] is None
    return dict(aside)


def test_after_ten_tries_a_case_is_parked_and_retried_it_goes_on_in_its_order(hooks: Http) -> None:
    with hooked(hooks, refusing("Bad."), types=POSTS) as (receiver, subscription):
        case, other = hooks.raised(x.CLARA)["id"], hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "Bad.", "Behind it.")
        aside = parked(hooks, subscription)
        posted(hooks, case, "Later.")
        posted(hooks, other, "Elsewhere.")
        until(lambda: texts(receiver.taken) == ["Elsewhere."])
        assert texts(receiver.came).count("Bad.") == MOST_TRIES
        asked_of(hooks, subscription, f"parked/{aside['case']}/retry", {})
        until(partial(_refused, hooks, subscription, MOST_TRIES + 1))
        assert asked_of(hooks, subscription, "parked")[0]["next_try"] is None
        receiver.behaviour = lambda _: Said()
        asked_of(hooks, subscription, f"parked/{aside['case']}/retry", {})
        until(lambda: texts(receiver.taken)[1:] == ["Bad.", "Behind it.", "Later."])
        until(lambda: asked_of(hooks, subscription, "parked") == [])
        posted(hooks, case, "With the others.")
        until(lambda: texts(receiver.taken)[-1] == "With the others.")


def test_an_event_is_skipped_with_a_reason_that_is_kept(hooks: Http) -> None:
    with hooked(hooks, refusing("Bad."), types=POSTS) as (receiver, subscription):
        case = hooks.raised(x.CLARA)["id"]
        posted(hooks, case, "Bad.", "Behind it.")
        until(lambda: standing(hooks, subscription)["set_aside"] == 1)
        (aside,) = asked_of(hooks, subscription, "parked")
        skip = {"position": aside["position"], "reason": "It cannot read it."}
        asked_of(hooks, subscription, f"parked/{case}/skip", skip)
        until(lambda: texts(receiver.taken) == ["Behind it."])
        until(lambda: asked_of(hooks, subscription, "parked") == [])
        said = [one["answer"] for one in asked_of(hooks, subscription, "attempts")]
        assert f"Skipped by {x.SUE.id}: It cannot read it." in said
        again = hooks.post(x.SUE, f"/subscriptions/{subscription['id']}/parked/{case}/skip", skip)
        assert (again.status_code, again.json()["type"]) == (404, "/problems/not-set-aside")


def test_when_a_receiver_goes_away_only_what_is_on_its_way_comes_to_it(hooks: Http) -> None:
    with hooked(hooks, lambda _: Said(503), types=POSTS) as (receiver, subscription):
        asked_of(hooks, subscription, "disable", {})
        for case in [hooks.raised(x.CLARA)["id"] for _ in range(3 * MOST_LANES)]:
            hooks.done(x.CLARA, case, "post", text="One.")
        hooks.shown()
        asked_of(hooks, subscription, "enable", {})
        until(partial(_failed, hooks, subscription, 1))
        assert 1 <= len(receiver.came) <= MOST_LANES


def test_while_a_receiver_is_away_only_one_knocks(hooks: Http) -> None:
    with hooked(hooks, Turns(*[Said(503)] * 2, Said()), types=POSTS) as (receiver, subscription):
        cases = [hooks.raised(x.CLARA)["id"] for _ in range(5)]
        posted(hooks, cases[0], "One.")
        until(lambda: standing(hooks, subscription)["failures"] == 1)
        for case in cases:
            posted(hooks, case, "More.")
        later(hooks, subscription)
        until(lambda: standing(hooks, subscription)["failures"] == 2)
        assert texts(receiver.came) == ["One.", "One."]
        later(hooks, subscription)
        until(lambda: len(receiver.taken) == 6)
