"""The feed as it happens: nothing missing, nothing twice, wherever a reader was cut off."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self
from uuid import UUID

import httpx2
import psycopg
import pytest

from domain.values import Actor
from projections.envelope import in_order
from tests import examples as x
from tests.api.http import API, CREATE, Http
from tests.deploy.running import free_port, within
from tests.desks import MASTER_KEY, Desk
from tests.projections.following import head


def parsed(text: str) -> Iterator[dict[str, str]]:
    """The messages of a stream, each with its fields."""
    for block in text.split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if line]
        if lines:
            yield {name: value for name, _, value in lines}


def streamed(http: Http, by: Actor, query: str = "", **headers: str) -> list[dict[str, str]]:
    end = http.get(x.ANNA, "/events/head").json()["position"]
    answer = http.get(by, f"/events/stream?to={end}{query}", **headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(parsed(answer.text))


def events_of(messages: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [json.loads(one["data"]) for one in messages if "data" in one]


def paged(http: Http, by: Actor, query: str = "", after: int = 0) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = http.get(by, f"/events?limit=1000&after={after}{query}").json()[
        "events"
    ]
    return told


@pytest.fixture(scope="module")
def full(asked: Http) -> Http:
    """Cases of two accounts, with notes between the posts."""
    chance = Random(2)
    cases = [asked.raised(by)["id"] for by in (x.CLARA, x.ADA, x.GINA) for _ in range(2)]
    for n in range(30):
        command = chance.choice(["post", "note"])
        asked.done(x.ANNA, chance.choice(cases), command, text=f"{command} {n}")
    asked.shown()
    return asked


@pytest.mark.parametrize("by", [x.ANNA, x.AUDREY, x.CLARA, x.ADA, x.CRM, x.BOT])
@pytest.mark.parametrize("query", ["", "&type=case.posted", f"&account={x.ACME}"])
def test_a_stream_has_what_the_pages_have(full: Http, by: Actor, query: str) -> None:
    messages = streamed(full, by, query)
    events = events_of(messages)
    assert events == paged(full, by, query)
    assert [one["id"] for one in messages if "data" in one] == [
        str(int(event["sequence"])) for event in events
    ]
    end = full.get(x.ANNA, "/events/head").json()["position"]
    assert messages[-1] == {"id": str(end)}  # a heartbeat: that there is no more, is told too
    assert messages[0] == {"retry": "1000", "id": "0"}


@pytest.mark.parametrize("by", [x.ANNA, x.CLARA])
def test_it_goes_on_behind_any_id(full: Http, by: Actor) -> None:
    whole = events_of(streamed(full, by))
    for n in range(0, len(whole), 5):
        last = str(int(whole[n]["sequence"]))
        assert events_of(streamed(full, by, last_event_id=last)) == whole[n + 1 :]
        assert events_of(streamed(full, by, f"&after={last}")) == whole[n + 1 :]
        assert events_of(streamed(full, by, "&after=0", last_event_id=last)) == whole[n + 1 :]


def test_who_is_ahead_or_of_another_epoch_is_told_before_it_begins(full: Http) -> None:
    end = full.get(x.ANNA, "/events/head").json()["position"]
    for path in ("/events/stream", "/events.ndjson"):
        ahead = full.get(x.ANNA, f"{path}?{'from' if 'nd' in path else 'after'}={end + 2}")
        assert (ahead.status_code, ahead.json()["type"]) == (409, "/problems/ahead-of-the-log")
        other = full.get(x.ANNA, f"{path}?epoch=2")
        assert (other.status_code, other.json()["type"]) == (409, "/problems/epoch-differs")
    ahead = full.get(x.CLARA, "/events/stream", last_event_id=str(end + 1))
    assert (ahead.status_code, ahead.json()["type"]) == (409, "/problems/ahead-of-the-log")


@pytest.mark.parametrize("by", [x.ANNA, x.CLARA])
def test_a_file_has_a_stretch_of_it_a_line_an_event(full: Http, by: Actor) -> None:
    whole = paged(full, by)
    answer = full.get(by, "/events.ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == whole
    assert int(answer.headers["through"]) == full.get(by, "/events/head").json()["position"]
    first, last = (int(whole[n]["sequence"]) for n in (2, -2))
    part = full.get(by, f"/events.ndjson?from={first}&to={last}")
    assert [json.loads(line) for line in part.text.splitlines()] == whole[2:-1]
    assert part.headers["through"] == str(last)


@dataclass
class Process:
    """The API and the projections of a desk, as processes."""

    desk: Desk
    port: int
    api: subprocess.Popen[bytes]
    client: httpx2.Client

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{API}"

    def by(self, who: Actor) -> dict[str, str]:
        return {"authorization": f"Bearer {self.desk.token(who)}"}

    def post(self, who: Actor, path: str, body: object) -> dict[str, Any]:
        answer = self.client.post(self.address + path, json=body, headers=self.by(who))
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def stream(self, who: Actor, after: int = 0, query: str = "") -> "Stream":
        return Stream(self.port, self.desk.token(who), after, query)


@dataclass
class Stream:
    """A client that reads a stream off a socket, until it is told to stop."""

    port: int
    token: str
    after: int
    query: str = ""
    raw: bytes = b""
    begun: bytes = b""
    body: bytes = b""
    messages: list[dict[str, str]] = field(default_factory=list)
    ended: bool = False
    wire: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.wire = socket.create_connection(("127.0.0.1", self.port), 20)
        self.wire.sendall(
            f"GET {API}/events/stream?after={self.after}{self.query} HTTP/1.1\r\nHost: here\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n".encode()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def read(self, seconds: float = 20) -> bool:
        """Takes what has come; False: nothing came, or it has ended."""
        self.wire.settimeout(seconds)
        try:
            got = self.wire.recv(1 << 20)
        except TimeoutError:
            return False
        except ConnectionResetError:
            got = b""
        self.raw += got
        self.ended = not got
        self._take()
        if self.ended:
            self.wire.close()
        return not self.ended

    @property
    def positions(self) -> list[int]:
        return [int(one["id"]) for one in self.messages if "data" in one and "id" in one]

    def until(self, position: int) -> list[int]:
        """Reads on until it has come as far as this position."""
        while not self.ended and not (
            self.messages and int(self.messages[-1].get("id", position)) >= position
        ):
            self.read()
        return self.positions

    def _take(self) -> None:
        """The chunks that have come in whole, without their lengths; and the messages in them."""
        if not self.begun:
            head, self.begun, rest = self.raw.partition(b"\r\n\r\n")
            assert not self.begun or b" 200 OK" in head, head
            self.raw = rest if self.begun else self.raw
        while self.begun and b"\r\n" in self.raw:
            length, _, rest = self.raw.partition(b"\r\n")
            size = int(length, 16)
            if len(rest) < size + 2:
                break
            self.body += rest[:size]
            self.raw = rest[size + 2 :]
            self.ended = self.ended or size == 0
        whole, end, rest = self.body.rpartition(b"\n\n")
        self.messages += parsed((whole + end).decode())
        self.body = rest

    def problem(self) -> str:
        """Reads on to the end, and tells why it ended."""
        while self.read(30):
            pass
        assert self.ended
        last = self.messages[-1]
        assert last["event"] == "problem", last
        kind: str = json.loads(last["data"])["type"]
        return kind.removeprefix("/problems/")


@contextmanager
def running(desk: Desk, workers: int) -> Iterator[Process]:
    port = free_port()
    env = {
        "PATH": "/usr/bin:/bin",
        "CASEBOOK_DATABASE_URL": desk.settings.database_url,
        "CASEBOOK_MASTER_KEY": MASTER_KEY,
        "CASEBOOK_PORT": str(port),
        "CASEBOOK_WORKERS": str(workers),
        "CASEBOOK_REQUESTS_PER_MINUTE": "0",
        "CASEBOOK_LOG_FORMAT": "json",
    }
    api, projections = (
        subprocess.Popen([sys.executable, "-P", "-m", module], env=env, stderr=subprocess.DEVNULL)
        for module in ("api", "projections")
    )
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def is_ready() -> bool:
        try:
            return client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    try:
        assert within(30, is_ready)
        yield Process(desk, port, api, client)
    finally:
        client.close()
        for process in (api, projections):
            process.terminate()
            process.wait(20)


def test_with_two_workers_and_cut_off_at_any_moment_it_has_each_event_once_in_order(
    desk: Desk,
) -> None:
    done = threading.Event()
    with running(desk, 2) as here:

        def work() -> None:
            for n in range(25):
                case = here.post(x.CLARA if n % 2 else x.GINA, "/cases", CREATE)["id"]
                here.post(x.ANNA, f"/cases/{case}/note", {"text": "A note."})
                here.post(x.ANNA, f"/cases/{case}/post", {"text": "A post."})
            done.set()

        threads = [threading.Thread(target=work)]
        seen: dict[UUID, list[int]] = {}
        for who in (x.ANNA, x.CLARA):
            read = seen[x.id_of(who)] = []
            threads.append(threading.Thread(target=cut_off, args=(here, who, done, read)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for who in (x.ANNA, x.CLARA):
            read = seen[x.id_of(who)]
            end = head(desk.settings)
            with here.stream(who, read[-1], f"&to={end}") as stream:
                read += stream.until(end)
            address, by = f"{here.address}/events?limit=1000", here.by(who)
            whole = here.client.get(address, headers=by).json()["events"]
            assert [in_order(one) for one in read] == [one["sequence"] for one in whole]


def cut_off(here: Process, who: Actor, done: threading.Event, seen: list[int]) -> None:
    """Reads a little, goes, and comes back with the last position, until nothing more is done."""
    chance = Random(3)
    while not done.is_set() or not seen:
        with here.stream(who, seen[-1] if seen else 0) as stream:
            for _ in range(chance.randint(2, 5)):
                stream.read(0.2)
            seen += stream.positions


def test_an_end_of_rights_or_of_the_process_ends_the_stream_with_its_reason(desk: Desk) -> None:
    with running(desk, 1) as here:
        clara, ada = here.stream(x.CLARA), here.stream(x.ADA)
        others = [here.stream(x.ANNA) for _ in range(3)]
        with psycopg.connect(desk.settings.database_url) as conn:
            conn.execute(
                "UPDATE desk.tokens SET revoked_at = now() WHERE person = %s", [x.id_of(x.CLARA)]
            )
        assert clara.problem() == "token-refused"
        person = x.PEOPLE[x.id_of(x.ADA)].model_copy(update={"role": x.CLARA.role})
        answer = here.client.put(
            f"{here.address}/people/{x.id_of(x.ADA)}",
            json=person.model_dump(mode="json"),
            headers=here.by(x.SUE),
        )
        assert answer.is_success, answer.text
        assert ada.problem() == "rights-changed"
        assert all(stream.read(0.1) or not stream.ended for stream in others)
        here.api.send_signal(signal.SIGTERM)
        assert {stream.problem() for stream in others} == {"process-ends"}
        assert here.api.wait(10) in {0, -signal.SIGTERM}


def test_five_hundred_open_streams_take_no_connections_of_the_database(desk: Desk) -> None:
    with running(desk, 1) as here:
        streams = [here.stream(who, query="&type=case.created") for who in (x.ANNA, x.CLARA) * 250]
        with psycopg.connect(desk.settings.database_url) as conn:
            ((before,),) = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchall()
        position = here.post(x.CLARA, "/cases", CREATE)["position"]
        for stream in streams:
            with closing(stream.wire):
                assert stream.until(position)[-1] == position
        assert before < 40
