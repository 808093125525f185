"""A real clamd looks through what is sent: what it finds is not taken, and nothing without it."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from tests import examples as x
from tests.api.http import Http, serving
from tests.api.test_files import begun, objects, put, send
from tests.conftest import require
from tests.deploy.running import new_folder, within
from tests.desks import a_desk, settings_for

HARMFUL = b"bunyip-in-the-billabong"
CONF = """
LocalSocket {folder}/clamd.sock
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}
Foreground yes
StreamMaxLength 1M
"""


@pytest.fixture(scope="module")
def clamd() -> Iterator[Path]:
    """A clamd that knows one signature; its socket."""
    program = require("clamd")
    with new_folder() as folder:
        (folder / "signatures").mkdir()
        signature = f"Casebook.Test:0:*:{HARMFUL.hex()}\n"
        (folder / "signatures" / "test.ndb").write_text(signature)
        conf, log = folder / "clamd.conf", folder / "log"
        conf.write_text(CONF.format(folder=folder))
        with log.open("w") as out:
            process = subprocess.Popen([program, "-c", conf], stdout=out, stderr=out)
        socket = folder / "clamd.sock"
        try:
            assert within(60, socket.exists), log.read_text()
            yield socket
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def http(
    postgres: EmbeddedPostgres,
    databases: Callable[[str], Iterator[str]],
    migrated: str,
    clamd: Path,
) -> Iterator[Http]:
    for name in databases(migrated):
        settings = settings_for(postgres.url(name, SERVICE), scanner=f"unix:{clamd}")
        with serving(asyncio.run(a_desk(settings))) as http:
            yield http


def test_what_is_harmless_is_taken_and_said_to_be_scanned(http: Http) -> None:
    content = os.urandom(300_000)
    answer = send(http, x.CLARA, "a", content)
    assert (answer.status_code, answer.json()["scanned"]) == (201, True)
    case = http.raised(x.CLARA, attachments=[answer.json()["id"]])["number"]
    http.shown()
    (file,) = http.get(x.CLARA, f"/cases/{case}/attachments").json()
    assert file["scanned"] is True


def test_what_is_harmful_is_refused_and_leaves_no_byte(http: Http) -> None:
    before = objects()
    for content in (HARMFUL, bytes(200_000) + HARMFUL + bytes(200_000)):
        answer = send(http, x.CLARA, "a", content)
        assert (answer.status_code, answer.json()["title"]) == (422, "File infected")
        assert "Casebook.Test" in answer.json()["detail"]
    upload = begun(http)
    put(http, x.CLARA, upload, 1, HARMFUL[:10])
    put(http, x.CLARA, upload, 2, HARMFUL[10:])
    answer = http.post(x.CLARA, f"/uploads/{upload}/complete", {})
    assert answer.json()["title"] == "File infected", "also over two parts"
    assert {name for name in objects() - before if name.startswith("files/")} == set()
    assert http.get(x.CLARA, f"/uploads/{upload}").json()["complete"] is False


def test_what_it_cannot_look_through_is_not_taken(http: Http) -> None:
    before = objects()
    answer = send(http, x.CLARA, "a", bytes(2_000_000))
    assert (answer.status_code, answer.json()["title"]) == (503, "Scanner away")
    assert answer.headers["retry-after"]
    assert objects() == before


@pytest.mark.parametrize("address", ["unix:/nowhere/clamd.sock", "tcp://127.0.0.1:9"])
def test_without_the_scanner_that_is_set_nothing_is_taken(
    postgres: EmbeddedPostgres,
    databases: Callable[[str], Iterator[str]],
    migrated: str,
    address: str,
) -> None:
    before = objects()
    for name in databases(migrated):
        settings = settings_for(postgres.url(name, SERVICE), scanner=address)
        with serving(asyncio.run(a_desk(settings))) as http:
            answer = send(http, x.CLARA, "a", b"So.")
            assert (answer.status_code, answer.json()["title"]) == (503, "Scanner away")
            upload = begun(http)
            put(http, x.CLARA, upload, 1, b"So.")
            again = http.post(x.CLARA, f"/uploads/{upload}/complete", {})
            assert again.json()["title"] == "Scanner away"
            assert len(http.get(x.CLARA, f"/uploads/{upload}").json()["parts"]) == 1, "kept"
    assert {name for name in objects() - before if name.startswith("files/")} == set()
