"""What is measured, right with several workers; and what a process says of itself."""

import json
import re
import urllib.request
from pathlib import Path

import psycopg
from starlette.testclient import TestClient

from api.app import create_app
from tests import examples as x
from tests.api.http import Http
from tests.deploy.running import Running, new_folder, within
from tests.desks import Desk


def figures(text: str, name: str) -> dict[str, float]:
    """A metric's values by their labels."""
    found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_requests_are_counted_by_route_and_status_and_never_by_what_was_in_them(
    asked: Http,
) -> None:
    case = asked.raised()["id"]
    before = asked.client.get("/metrics").text
    asked.get(x.CLARA, f"/cases/{case}")
    asked.do(x.CLARA, case, "watch")
    asked.do(x.CLARA, case, "take")
    asked.get(x.CLARA, "/nowhere")
    asked.ask(x.CLARA, "BREW", "/cases")
    after = asked.client.get("/metrics").text
    assert case not in after
    route = '{method="GET",route="/api/v1/cases/{case}",status="404"}'
    counted = "casebook_http_requests_total"
    assert route in figures(after, counted)
    for labels, more in (
        ('{method="POST",route="/api/v1/cases/{case}/watch",status="200"}', 1),
        ('{method="POST",route="/api/v1/cases/{case}/take",status="403"}', 1),
        ('{method="GET",route="none",status="404"}', 1),
        ('{method="other",route="/api/v1/cases",status="405"}', 1),
    ):
        was = figures(before, counted).get(labels, 0)
        assert figures(after, counted)[labels] == was + more
    commands = figures(after, "casebook_commands_total")
    assert commands['{command="watch",outcome="done"}'] >= 1
    assert commands['{command="take",outcome="refused"}'] >= 1
    took = figures(after, "casebook_http_request_seconds_sum")
    assert 0 < took['{route="/api/v1/cases/{case}"}'] < 60
    assert 'casebook_http_request_seconds_bucket{le="0.25",route="/api/v1/cases/{case}"}' in after


def test_how_far_each_read_model_is_can_be_watched(http: Http) -> None:
    http.shown()
    http.raised()
    text = http.client.get("/metrics").text
    assert figures(text, "casebook_read_model_lag_events")['{model="cases"}'] == 1
    assert figures(text, "casebook_read_model_stopped")['{model="cases"}'] == 0
    http.shown()
    text = http.client.get("/metrics").text
    assert set(figures(text, "casebook_read_model_lag_events").values()) == {0}
    (head,) = figures(text, "casebook_log_head").values()
    assert set(figures(text, "casebook_read_model_position").values()) == {head}
    with psycopg.connect(http.desk.settings.database_url) as conn:
        conn.execute(
            "UPDATE read.models SET failed_at = now(), failure = 'KeyError: x' WHERE name = 'cases'"
        )
    text = http.client.get("/metrics").text
    stopped = {labels for labels, of in figures(text, "casebook_read_model_stopped").items() if of}
    assert stopped == {'{model="cases"}'}


def test_whichever_of_two_workers_answers_the_figures_are_of_both() -> None:
    with new_folder() as folder:
        running = Running(folder, CASEBOOK_WORKERS="2")
        try:
            assert within(60, running.is_ready), running.said
            workers, each = running.workers(), 10
            assert len(workers) == 2
            for idle in workers:  # so that the other one answers
                idle.suspend()
                for _ in range(each):
                    get(running, "/version")
                idle.resume()
            text = get(running, "/metrics")
        finally:
            running.end()
    told = figures(text, "casebook_http_requests_total")
    assert told['{method="GET",route="/version",status="200"}'] == 2 * each


def get(running: Running, path: str) -> str:
    address = f"http://127.0.0.1:{running.port}{path}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def test_a_process_says_what_it_is(asked: Http, desk: Desk) -> None:
    told = asked.client.get("/version").json()
    schema = max(Path("domain/runtime/schema").glob("*.sql")).stem
    assert (told["release"], told["epoch"], told["schema"]) == (desk.settings.build, 1, schema)
    assert json.dumps(told["log"])


def test_others_are_not_told_the_figures_unless_they_may_be(desk: Desk) -> None:
    for who, status in (("loopback", 404), ("all", 200)):
        settings = desk.settings.model_copy(update={"metrics": who})
        app = create_app(settings)
        with TestClient(app, client=("192.0.2.1", 1)) as stranger:
            assert stranger.get("/metrics").status_code == status
        with TestClient(app, client=("127.0.0.1", 1)) as here:
            assert here.get("/metrics").status_code == 200
