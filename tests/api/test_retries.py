"""The same request again, the version that one saw, and reading what one has written."""

import threading
from typing import Any

import psycopg
import pytest
from httpx2 import Response

from tests import examples as x
from tests.api.http import CREATE, Http
from tests.projections.following import head, projected

LATER = 0.3  # seconds after which the read models are brought to the head


def body(answer: Response) -> dict[str, Any]:
    """What was answered but for what is allowed now: that is of now."""
    told: dict[str, Any] = answer.json()
    told.pop("allowed", None)
    return told


def same(answer: Response) -> tuple[object, ...]:
    kept = {name: answer.headers.get(name) for name in ("etag", "position", "location")}
    return answer.status_code, body(answer), kept


def test_the_same_request_again_has_the_same_answer(http: Http) -> None:
    first = http.post(x.CLARA, "/cases", CREATE, idempotency_key="k")
    path = f"/cases/{first.json()['id']}"
    post = {"text": "Any news?"}
    second = http.post(x.CLARA, f"{path}/post", post, idempotency_key="p")
    http.done(x.ANNA, first.json()["id"], "close", reason="Done.")
    for before, again in (
        (first, http.post(x.CLARA, "/cases", CREATE, idempotency_key="k")),
        (second, http.post(x.CLARA, f"{path}/post", post, idempotency_key="p")),
    ):
        assert same(again) == same(before)
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in before.headers
    by_number = http.post(
        x.CLARA, f"/cases/{first.json()['number']}/post", post, idempotency_key="p"
    )
    assert same(by_number) == same(second)
    assert len(http.events(x.SUE, first.json()["id"])) == 3


def test_a_refused_request_may_be_tried_again_under_its_key(http: Http) -> None:
    case = http.raised()["id"]
    close = f"/cases/{case}/close"
    refused = http.post(x.ANNA, close, {}, idempotency_key="k")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/reason-required")
    http.done(x.CLARA, case, "request-close", resolved_by="own")
    assert http.post(x.ANNA, close, {}, idempotency_key="k").status_code == 200


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/cases", {**CREATE, "subject": "Another"}),
        ("/cases", {**CREATE, "severity": "standard"}),  # the default, but said
        ("/cases/{case}/post", {"text": "Hello."}),
    ],
)
def test_a_key_belongs_to_one_request_of_one_person(
    http: Http, path: str, other: dict[str, str]
) -> None:
    case = http.post(x.CLARA, "/cases", CREATE, idempotency_key="k").json()["id"]
    at = path.format(case=case)
    refused = http.post(x.CLARA, at, other, idempotency_key="k")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/command-id-taken")
    somebody_else = http.post(x.ADA, at, other, idempotency_key="k")
    assert somebody_else.status_code in {200, 201}
    assert "idempotent-replayed" not in somebody_else.headers


def test_what_changed_nothing_is_answered_alike_too(http: Http) -> None:
    case = http.raised()["id"]
    path, nothing = f"/cases/{case}/change-severity", {"severity": "standard"}
    first = http.post(x.ANNA, path, nothing, idempotency_key="k")
    http.done(x.ANNA, case, "change-severity", severity="critical")
    again = http.post(x.ANNA, path, nothing, idempotency_key="k")
    assert same(again) == same(first)
    assert again.headers["idempotent-replayed"] == "true"
    assert http.seen(x.ANNA, case)["severity"]["key"] == "critical"


@pytest.mark.parametrize("form", ["{}", '"{}"', 'W/"{}"', ' "{}" '])
def test_if_match_is_the_version_that_one_saw(http: Http, form: str) -> None:
    case = http.raised()["id"]
    http.done(x.ANNA, case, "take")
    path, post = f"/cases/{case}/post", {"text": "Hello."}
    stale = http.post(x.CLARA, path, post, if_match=form.format(1))
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/version-differs")
    assert (stale.json()["current"], stale.json()["expected"]) == (2, 1)
    assert http.post(x.CLARA, path, post, if_match=form.format(2)).status_code == 200


def test_a_repeated_request_is_answered_before_its_version_is_looked_at(http: Http) -> None:
    case = http.raised()["id"]
    close = f"/cases/{case}/close"
    asked: dict[str, str] = {"idempotency_key": "k", "if_match": '"1"'}
    first = http.post(x.ANNA, close, {"reason": "Done."}, **asked)
    assert same(http.post(x.ANNA, close, {"reason": "Done."}, **asked)) == same(first)


@pytest.mark.parametrize("path", ["/cases", "/cases/{case}"])
def test_a_read_waits_until_the_read_models_have_what_was_written(http: Http, path: str) -> None:
    case = http.raised()
    at = path.format(case=case["id"])
    assert case["id"] not in http.get(x.CLARA, at).text
    later = threading.Timer(LATER, projected, [http.desk.settings])
    later.start()
    answer = http.get(x.CLARA, at, at_least=str(case["position"]))
    later.join(10)
    assert answer.status_code == 200, answer.text
    assert case["id"] in answer.text


def test_a_position_that_the_log_has_not_is_refused_at_once(http: Http) -> None:
    beyond = head(http.desk.settings) + 1
    for path in ("/cases", "/cases/1"):
        answer = http.get(x.CLARA, path, at_least=str(beyond))
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/beyond-the-head")


def test_a_read_that_waits_in_vain_is_told_to_come_again(http: Http) -> None:
    case = http.raised()
    answer = http.get(x.CLARA, "/cases", at_least=str(case["position"]))
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-yet-there")
    assert int(answer.headers["retry-after"]) >= 1
    assert http.get(x.CLARA, "/cases").json()["total"] == 0


@pytest.mark.parametrize("model", ["access", "cases"])
def test_a_read_model_that_stopped_is_named_at_once(http: Http, model: str) -> None:
    http.shown()
    with psycopg.connect(http.desk.settings.database_url) as conn:
        conn.execute(
            "UPDATE read.models SET failed_at = now(), failure = 'A reason' WHERE name = %s",
            [model],
        )
    case = http.raised()
    http.shown()
    answer = http.get(x.CLARA, "/cases", at_least=str(case["position"]))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert f"'{model}'" in answer.json()["detail"]
    assert http.get(x.CLARA, "/cases").status_code == 200, "without the wish it is served"
