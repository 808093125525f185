"""What every answer has, how much one client may ask for, and how long."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from api.edge import Edge
from api.rates import MOST_REMEMBERED, Buckets, TooManyRequests
from domain.runtime.store import Store
from tests import examples as x
from tests.api.http import CREATE, Http, serving
from tests.deploy.running import within
from tests.desks import Desk


@contextmanager
def limited(desk: Desk, **settings: float) -> Iterator[Http]:
    with serving(replace(desk, settings=desk.settings.model_copy(update=settings))) as http:
        yield http


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/cases"), ("POST", "/cases"), ("GET", "/nowhere"), ("PUT", "/cases"), ("GET", "/me")],
)
def test_every_answer_is_kept_from_harm_and_has_the_id_of_its_request(
    asked: Http, method: str, path: str
) -> None:
    for by in (x.CLARA, None):
        answer = asked.ask(by, method, path, request_id="r-42")
        headers = answer.headers
        assert headers["request-id"] == "r-42"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == "r-42"
    for unusable in ("", "r" * 201, "two words"):
        made = asked.get(x.CLARA, "/me", request_id=unusable).headers["request-id"]
        assert len(made) == 32


@pytest.mark.parametrize(
    "path",
    ["/accounts?q=%00", "/people?q=a%00b", "/cases?tag=%00", "/cases/%00", "/events?type=%00"],
)
def test_nothing_that_is_asked_for_has_a_nul_in_it(asked: Http, path: str) -> None:
    refused = asked.get(x.ANNA, path)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-request")


def test_the_id_of_a_request_stands_in_the_event_and_in_the_log(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = http.post(x.CLARA, "/cases", CREATE, request_id="r-42")
    own = http.post(x.CLARA, "/cases", CREATE, request_id="")

    async def broken(*_: Any, **__: Any) -> None:  # noqa: ANN401  whatever it is asked
        raise ValueError("It is slow")

    causes = {
        http.get(x.ANNA, "/events?type=case.created").json()["events"][n]["cause"]: answer
        for n, answer in enumerate((made, own))
    }
    assert list(causes) == ["r-42", own.headers["request-id"]]
    monkeypatch.setattr(Store, "handle", broken)
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        failed = http.post(x.CLARA, "/cases", CREATE, request_id="r-43")
    assert (failed.status_code, failed.json()["type"]) == (500, "/problems/unexpected-error")
    (line,) = [one for one in lines if one["event"] == "request_failed"]
    assert (line["request_id"], line["route"]) == ("r-43", "/api/v1/cases")


def test_a_token_has_so_many_requests_and_is_told_how_many_are_left(desk: Desk) -> None:
    with limited(desk, requests_per_minute=3) as http:
        for left in (2, 1, 0):
            answer = http.get(x.CLARA, "/me")
            assert answer.headers["ratelimit-policy"] == '"token";q=3;w=60'
            assert answer.headers["ratelimit"].startswith(f'"token";r={left};t=')
        refused = http.post(x.CLARA, "/cases", CREATE)
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
        assert refused.headers["ratelimit"].startswith('"token";r=0;t=')
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert http.get(x.ADA, "/me").status_code == 200, "another token has its own"


def test_who_tries_tokens_is_stopped_and_nobody_else(desk: Desk) -> None:
    with limited(desk, failures_per_minute=3) as http:
        assert http.get(x.CLARA, "/me").status_code == 200
        for _ in range(3):
            assert http.get(None, "/me", authorization="Bearer cb_guess").status_code == 401
        refused = http.get(None, "/me", authorization="Bearer cb_guess")
        assert refused.status_code == 429
        assert http.get(x.CLARA, "/me").status_code == 200, "who was let in stays so"
        sign_in = {"email": "clara@acme.com", "password": "wrong"}
        assert http.post(None, "/sessions", sign_in).status_code == 429
        assert http.post(None, "/passwords", {"secret": "s", "password": "p"}).status_code == 429


def test_a_bucket_is_filled_again_little_by_little() -> None:
    bucket = Buckets("test", 60_000)
    with suppress(TooManyRequests):
        while True:
            bucket.take("a")
    bucket.refuse_if_empty("b")
    assert within(5, lambda: takes(bucket, "a"))


def test_who_asks_from_ever_new_addresses_fills_no_memory() -> None:
    bucket = Buckets("test", 60)
    for address in range(MOST_REMEMBERED + 10):
        bucket.take(address)
    assert len(vars(bucket)["_left"]) <= MOST_REMEMBERED


def takes(bucket: Buckets, key: str) -> bool:
    with suppress(TooManyRequests):
        return bucket.take(key) is not None
    return False


def test_an_answer_that_has_begun_may_be_read_slowly(desk: Desk) -> None:
    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"all of it"})

    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    settings = desk.settings.model_copy(update={"request_seconds": 0.05})
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(Edge(slow, settings)(scope, receive, send))
    assert sent[-1]["body"] == b"all of it"


def test_a_request_that_takes_too_long_is_ended_and_said_to_be(desk: Desk) -> None:
    async def stuck(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(60)

    with limited(desk) as http:
        app = http.client.app
        settings = desk.settings.model_copy(update={"request_seconds": 0.05})
        sent: list[Any] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "app": app}
        scope |= {"query_string": b""}
        asyncio.run(Edge(stuck, settings)(scope, receive, send))
    assert sent[0]["status"] == 503
    assert b"/problems/took-too-long" in sent[1]["body"]
