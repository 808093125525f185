"""Receivers of webhooks on this machine, and the deliverer at work beside a test."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

import psycopg
from standardwebhooks import Webhook

from consumers.addresses import Rule
from consumers.sending import Sender
from consumers.webhook import delivering
from domain.runtime.settings import Settings
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http

HERE = Rule.read("127.0.0.0/8")


@dataclass(frozen=True)
class Came:
    """A webhook as it came: verified where the secret is known."""

    id: str
    event: dict[str, Any]
    headers: Mapping[str, str]
    body: bytes

    @property
    def place(self) -> str:
        """`stream:version`."""
        return str(self.event["id"])


@dataclass(frozen=True)
class Said:
    """What a receiver answers; `hangs` seconds before."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: float = 0.0


Behaviour = Callable[[Came], Said]


class Receiver:
    """A program that takes webhooks, and answers as it is told to."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.came: list[Came] = []
        self.taken: list[Came] = []
        self.secrets: Sequence[str] = ()
        self.behaviour = behaviour or (lambda _: Said())
        self.wrong: list[str] = []
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: Any) -> None:  # noqa: ANN401  the library's
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:  # noqa: ANN401  the library's
                """Whoever was killed while it sent."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks?of=acme"

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        came = Came(headers["webhook-id"], json.loads(body), headers, body)
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except Exception as error:  # noqa: BLE001  the test tells of it
                self.wrong.append(repr(error))
        with self._lock:
            self.came.append(came)
        said = self.behaviour(came)
        if said.hangs:
            sleep(said.hangs)
        request.send_response(said.status)
        for name, value in said.headers.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(said.body)))
        request.end_headers()
        request.wfile.write(said.body)
        if 200 <= said.status < 300:
            with self._lock:
                self.taken.append(came)

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()


@contextmanager
def sending(settings: Settings, sender: Sender | None = None) -> Iterator[None]:
    """The deliverer at work beside the block."""
    began: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []
    ready = threading.Event()

    async def deliver() -> None:
        task = asyncio.current_task()
        assert task is not None
        began.append((asyncio.get_running_loop(), task))
        ready.set()
        await delivering(settings, sender or Sender(HERE))

    def run() -> None:
        try:
            asyncio.run(deliver())
        except asyncio.CancelledError:
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loop, task = began[0]
        while thread.is_alive():  # before Python 3.12 a library may lose that it was said
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)
            thread.join(3.0)  # a second time it would be cut off while it closes what it has open


def subscribed(
    http: Http, receiver: Receiver, by: Actor = x.SUE, /, **fields: object
) -> dict[str, Any]:
    """A new subscription that sends to this receiver, whose secret it knows."""
    asked = {"url": receiver.url, "description": "A test's", **fields}
    answer = http.post(by, "/subscriptions", asked)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    receiver.secrets = [told["secret"]]
    return told


def standing(http: Http, subscription: Mapping[str, Any], by: Actor = x.SUE) -> dict[str, Any]:
    """How a subscription stands."""
    answer = http.get(by, f"/subscriptions/{subscription['id']}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Returns once it holds."""
    end = monotonic() + seconds
    while not holds():
        assert monotonic() < end, "it did not come to hold"
        sleep(0.005)


@contextmanager
def hooked(
    http: Http, behaviour: Behaviour | None = None, by: Actor = x.SUE, /, **fields: object
) -> Iterator[tuple[Receiver, dict[str, Any]]]:
    """A receiver and its subscription, which ends with the block."""
    with Receiver(behaviour).listening() as receiver:
        subscription = subscribed(http, receiver, by, **fields)
        yield receiver, subscription
        answer = http.post(by, f"/subscriptions/{subscription['id']}/disable", {})
        assert answer.status_code == 200, answer.text
    assert receiver.wrong == []


def asked_of(
    http: Http, subscription: Mapping[str, Any], path: str, body: object = None, by: Actor = x.SUE
) -> Any:  # noqa: ANN401  any JSON
    """What one of the operations on a subscription answers: a body is posted."""
    where = f"/subscriptions/{subscription['id']}/{path}"
    answer = http.get(by, where) if body is None else http.post(by, where, body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def later(http: Http, subscription: Mapping[str, Any]) -> None:
    """The time has come at which everything is tried again that waits."""
    with psycopg.connect(http.desk.settings.database_url, autocommit=True) as conn:
        of = {"id": subscription["id"]}
        conn.execute("UPDATE desk.subscriptions SET next_try = now() WHERE id = %(id)s", of)
        conn.execute(
            "UPDATE desk.subscription_cases SET next_try = now()"
            " WHERE subscription = %(id)s AND next_try IS NOT NULL",
            of,
        )
        conn.execute("SELECT pg_notify('webhooks', %(id)s)", of)
