"""What a hostile file does in a real browser: nothing. It is saved or looked at; it never runs."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from tests import examples as x
from tests.api.http import CREATE
from tests.bench.http import serving
from tests.conftest import require
from tests.desks import Desk, a_desk, settings_for
from tests.projections.following import projected

BEACON = "beacon"
SCRIPT = "window.ran = true; document.title = 'ran'; fetch('{beacon}'); new Image().src='{beacon}';"
HTML = (
    "<!doctype html><html><head><meta http-equiv='refresh' content='0;url={beacon}'></head><body>"
    "<script>" + SCRIPT + "</script><img src='{beacon}' onerror='fetch(\"{beacon}\")'>"
    "<iframe src='{beacon}'></iframe><link rel=stylesheet href='{beacon}'></body></html>"
)
SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg' onload=\"fetch('{beacon}')\"><script>"
    + SCRIPT
    + "</script><image href='{beacon}'/></svg>"
)
PDF = (
    "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.launchURL"
    "('{beacon}'))>>>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>"
)
FILES = {
    "page.html": HTML.encode(),
    "page.png": HTML.encode(),
    "drawing.svg": SVG.encode(),
    "drawing.jpg": b"<?xml version='1.0'?>" + SVG.encode(),
    "image-and-page.gif": b"GIF89a/*" + HTML.encode(),
    "image-and-script.gif": b"GIF89a=1;" + SCRIPT.encode(),
    "png-and-page.png": b"\x89PNG\r\n\x1a\n" + HTML.encode(),
    "paper.pdf": PDF.encode(),
    "page.txt": b"\xef\xbb\xbf" + HTML.encode(),
    "film.mp4": b"\0\0\0\x20ftypmp42" + HTML.encode(),
    "script.js": SCRIPT.encode(),
    "utf7.txt": b"+ADw-script+AD4-window.ran=true+ADw-/script+AD4-",
}


@dataclass
class Portal:
    """A case with all of these files, and somebody who opens them."""

    url: str
    token: str
    files: dict[str, str]
    beacons: list[str]
    beacon: str

    def of(self, name: str, *, inline: bool) -> str:
        return f"{self.url}/{self.files[name]}?inline={str(inline).lower()}"


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[str, list[str]]]:
    """Where a file would call home to; what called."""
    called: list[str] = []

    class Home(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            called.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Home) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{BEACON}", called
        server.shutdown()


@pytest.fixture(scope="module")
def portal(
    postgres: EmbeddedPostgres,
    databases: Callable[[str], Iterator[str]],
    migrated: str,
    listener: tuple[str, list[str]],
) -> Iterator[Portal]:
    beacon, called = listener
    for name in databases(migrated):
        url = postgres.url(name, SERVICE)
        desk: Desk = asyncio.run(a_desk(settings_for(url)))
        with serving("casebook", 1, url) as port:
            api, token = f"http://127.0.0.1:{port}/api/v1", desk.token(x.CLARA)
            files = {
                named: _sent(
                    f"{api}/uploads/file?name={named}", token, content, f"{beacon}/{named}"
                )
                for named, content in FILES.items()
            }
            body = {**CREATE, "attachments": list(files.values())}
            case = _post(f"{api}/cases", token, json.dumps(body).encode(), "application/json")
            projected(desk.settings)
            yield Portal(f"{api}/cases/{case['id']}/attachments", token, files, called, beacon)


def _sent(url: str, token: str, content: bytes, beacon: str) -> str:
    whole = content.replace(b"{beacon}", beacon.encode())
    return str(_post(url, token, whole, "application/octet-stream")["id"])


def _post(url: str, token: str, body: bytes, kind: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    asked = urllib.request.Request(url, body, headers)  # noqa: S310  loopback
    with urllib.request.urlopen(asked) as answer:  # noqa: S310  loopback
        told: dict[str, object] = json.load(answer)
        return told


@pytest.fixture(scope="module")
def browser(portal: Portal) -> Iterator[Browser]:
    """After the portal: while Playwright is at work, nobody else may run a loop."""
    chromium = require("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, portal: Portal) -> Iterator[Page]:
    context = browser.new_context(
        extra_http_headers={"Authorization": f"Bearer {portal.token}"}, accept_downloads=True
    )
    portal.beacons.clear()
    yield context.new_page()
    context.close()


WHILE = 600  # milliseconds in which whatever runs has called: all files together have them once


def opened(page: Page, url: str) -> None:
    """Goes there; what is saved instead of shown ends the way there with an error."""
    with suppress(Error):
        page.goto(url, wait_until="load")


@pytest.mark.parametrize("inline", [True, False])
def test_nothing_in_a_file_runs_or_calls_anybody(page: Page, portal: Portal, inline: bool) -> None:
    pages = {name: page.context.new_page() for name in FILES}
    for name, one in pages.items():
        opened(one, portal.of(name, inline=inline))
    page.wait_for_timeout(WHILE)
    ran = {name: one.evaluate("window.ran") for name, one in pages.items()}
    assert ran == dict.fromkeys(FILES)
    assert "ran" not in {one.title() for one in pages.values()}
    assert portal.beacons == []


def test_nothing_in_a_file_runs_in_a_page_that_embeds_it(page: Page, portal: Portal) -> None:
    """As a script, a style, a frame, an object: what embeds it is of the same address."""
    opened(page, portal.url.rpartition("/api")[0] + "/reference")
    page.evaluate(
        """urls => {
          for (const url of urls)
            for (const [kind, of] of [['script', 'src'], ['iframe', 'src'], ['object', 'data'],
                                      ['embed', 'src'], ['img', 'src']]) {
              const one = document.createElement(kind);
              one[of] = url; document.body.append(one);
            }
        }""",
        [portal.of(name, inline=True) for name in FILES],
    )
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(WHILE)
    assert page.evaluate("window.ran") is None
    assert portal.beacons == []


def test_the_listener_would_have_heard_of_it(page: Page, portal: Portal) -> None:
    """The same page, served as a page, does all of it: so that silence means something."""
    page.route(
        "**/control",
        lambda route: route.fulfill(
            body=HTML.replace("{beacon}", portal.beacon), content_type="text/html"
        ),
    )
    opened(page, portal.url + "/control")
    page.wait_for_timeout(WHILE)
    assert portal.beacons


def test_an_image_and_a_text_are_shown_where_they_are(page: Page, portal: Portal) -> None:
    answer = page.goto(portal.of("page.txt", inline=True))
    assert answer is not None
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "window.ran" in page.inner_text("body")
