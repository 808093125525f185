"""The receiver of docs/subscribers-webhooks.md, as it stands there."""

import re
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests import examples as x
from tests.api.http import Http
from tests.consumers.hooks import sending, until

DOCUMENT = Path(__file__).parents[2] / "docs/subscribers-webhooks.md"
CODE = re.compile(r"<!-- receiver -->\n```python\n(.*?)```", re.DOTALL)


def test_the_receiver_of_the_document_has_each_event_once(http: Http, tmp_path: Path) -> None:
    found = CODE.search(DOCUMENT.read_text())
    assert found is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = {"url": f"http://127.0.0.1:{port}/", "description": "x", "types": ["case.posted"]}
    made = http.post(x.ADA, "/subscriptions", asked).json()
    case = http.raised(x.CLARA)["id"]
    database = tmp_path / "events.db"
    env = {"SECRETS": f"whsec_AAAA {made['secret']}", "PORT": str(port), "DATABASE": str(database)}
    receiver = subprocess.Popen([sys.executable, "-c", found[1]], env=env)
    try:
        until(lambda: _listens(port))
        with sending(http.desk.settings):
            for text in ("One.", "Two."):
                http.done(x.CLARA, case, "post", text=text)
            http.shown()
            until(lambda: len(_kept(database)) == len(_attempts(http, made["id"])) == 2)
            rewind = f"/subscriptions/{made['id']}/rewind"
            http.post(x.ADA, rewind, {"position": made["position"]})
            http.done(x.CLARA, case, "post", text="Three.")
            http.shown()
            until(lambda: len(_kept(database)) == 3)
            until(lambda: len(_attempts(http, made["id"])) == 5)
        assert {one["status"] for one in _attempts(http, made["id"])} == {204}
    finally:
        receiver.kill()
        receiver.wait()
    places = [place for _, place in _kept(database)]
    assert places == sorted(places)


def _listens(port: int) -> bool:
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def _attempts(http: Http, subscription: str) -> list[dict[str, object]]:
    told: list[dict[str, object]] = http.get(
        x.ADA, f"/subscriptions/{subscription}/attempts"
    ).json()
    return told


def _kept(database: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(database) as there:
        return there.execute("SELECT id, place FROM events ORDER BY rowid").fetchall()
