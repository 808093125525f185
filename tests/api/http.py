"""The API of a desk, asked as one of the examples' people."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from api.app import create_app
from domain.values import Actor
from tests import examples as x
from tests.desks import Desk
from tests.projections.following import projected

API = "/api/v1"
CREATE = {
    "application": "atlas",
    "type": "product-issue",
    "subject": "It is slow",
    "description": "Since Sunday.",
}


@dataclass(frozen=True)
class Http:
    """A client of the API; a header is a keyword, such as `idempotency_key="k"`."""

    client: TestClient
    desk: Desk

    def ask(
        self, by: Actor | None, method: str, path: str, body: object = None, **headers: str
    ) -> Response:
        # One id for all requests: whatever else differs between two answers is no accident.
        given = {"request-id": "test"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if by is not None:
            given = {"authorization": f"Bearer {self.desk.token(by)}", **given}
        if body is not None:
            given = {"content-type": "application/json", **given}
        content = json.dumps(body).encode() if body is not None else None
        return self.client.request(method, API + path, headers=given, content=content)

    def get(self, by: Actor | None, path: str, **headers: str) -> Response:
        return self.ask(by, "GET", path, **headers)

    def post(self, by: Actor | None, path: str, body: object, **headers: str) -> Response:
        return self.ask(by, "POST", path, body, **headers)

    def do(self, by: Actor, case: str, command: str, /, **fields: object) -> Response:
        """A command on a case, whatever comes of it."""
        return self.post(by, f"/cases/{case}/{command}", fields)

    def done(self, by: Actor, case: str, command: str, /, **fields: object) -> dict[str, Any]:
        """A command on a case that is carried out."""
        answer = self.do(by, case, command, **fields)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def raised(self, by: Actor = x.CLARA, /, **fields: object) -> dict[str, Any]:
        """A new case."""
        answer = self.post(by, "/cases", {**CREATE, **fields})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def shown(self) -> None:
        """Brings the read models to the head."""
        projected(self.desk.settings)

    def seen(self, by: Actor, case: str) -> dict[str, Any]:
        """The head of a case as it is shown once the read models have everything."""
        self.shown()
        answer = self.get(by, f"/cases/{case}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert answer.headers["etag"] == f'"{told["version"]}"'
        return told

    def events(self, by: Actor, case: str) -> list[dict[str, Any]]:
        answer = self.get(by, f"/cases/{case}/events")
        assert answer.status_code == 200, answer.text
        told: list[dict[str, Any]] = answer.json()
        return told


@contextmanager
def serving(desk: Desk) -> Iterator[Http]:
    """The API of this desk; a failure inside it is an answer, as it is for a client."""
    app = create_app(desk.settings)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield Http(client, desk)


@contextmanager
def follower(http: Http) -> Iterator[None]:
    """A follower at work beside the block, as in production."""
    done = threading.Event()

    def follow() -> None:
        while not done.is_set():
            http.shown()
            done.wait(0.02)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
