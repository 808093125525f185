"""The end of the log is looked at while somebody waits there, and only then."""

from tests import examples as x
from tests.api.http import Http
from tests.deploy.running import within


def test_nobody_looks_where_nobody_waits(http: Http) -> None:
    tail = http.client.app.state.services.tail  # type: ignore[attr-defined]  # the application's
    http.raised()
    http.shown()
    assert not within(0.5, lambda: tail.head > 0)
    end = http.get(x.ANNA, "/events/head").json()["position"]
    assert http.get(x.ANNA, f"/events/stream?to={end}").status_code == 200
    assert within(5, lambda: (tail.head, tail.through) == (0, 0))
