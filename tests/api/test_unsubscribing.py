"""The link in a mail ends the mails of its case, by one click, for its recipient alone."""

import re
from collections.abc import Iterator

import pytest

from domain.preferences import Digest, Preferences
from tests import examples as x
from tests.api.http import Http
from tests.consumers.mail import Sink, sinking
from tests.consumers.notifying import notified
from tests.consumers.test_mailer import CLARA, ROB, due_again, mailed
from tests.consumers.test_notifier import prefer

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with sinking() as sink:
        yield sink


def link(sink: Sink, address: str) -> str:
    """The path of the link in the last mail that somebody had."""
    message = sink.to(address)[-1].message
    assert message["list-unsubscribe-post"] == ONE_CLICK
    found = re.fullmatch(r"<https://desk\.example(/unsubscribe/\w+)>", message["list-unsubscribe"])
    assert found
    assert found[1] in sink.to(address)[-1].text
    return found[1]


def told(http: Http, sink: Sink) -> None:
    notified(http.desk)
    mailed(http.desk, sink)


def a_case(http: Http) -> str:
    case: str = http.raised()["id"]
    http.done(x.CLARA, case, "change-recipients", add=[ROB])
    return case


@pytest.mark.parametrize("address", [ROB, CLARA])
def test_one_click_ends_the_mails_of_this_case_alone(http: Http, sink: Sink, address: str) -> None:
    case, other = a_case(http), a_case(http)
    http.done(x.ANNA, case, "post", text="First.")
    told(http, sink)
    answer = http.client.post(link(sink, address), content=ONE_CLICK, headers=FORM)
    assert answer.status_code == 200
    before = len(sink.to(address))
    http.done(x.ANNA, case, "post", text="Second.")
    http.done(x.ANNA, other, "post", text="Third.")
    told(http, sink)
    assert [("Third." in one.text) for one in sink.to(address)[before:]] == [True]
    others = {ROB, CLARA} - {address}
    assert "Second." in "".join(one.text for one in sink.to(others.pop()))


def test_reading_the_link_ends_nothing(http: Http, sink: Sink) -> None:
    case = a_case(http)
    told(http, sink)
    page = http.client.get(link(sink, ROB))
    assert page.status_code == 200
    assert "<button>End the mails of this case</button>" in page.text
    assert page.headers["cache-control"] == "no-store"
    http.done(x.ANNA, case, "post", text="Second.")
    told(http, sink)
    assert "Second." in sink.to(ROB)[-1].text


def test_what_waits_when_it_is_ended_is_not_sent(http: Http, sink: Sink) -> None:
    case = a_case(http)
    told(http, sink)
    http.done(x.ANNA, case, "post", text="Second.")
    notified(http.desk)
    http.client.post(link(sink, ROB), content=ONE_CLICK, headers=FORM)
    mailed(http.desk, sink)
    assert "Second." not in sink.to(ROB)[-1].text


def test_the_link_in_a_digest_ends_mail_and_not_what_the_portal_tells(
    http: Http, sink: Sink
) -> None:
    prefer(http.desk, str(x.id_of(x.CLARA)), Preferences(digest=Digest.DAILY))
    case = a_case(http)
    http.done(x.ANNA, case, "post", text="First.")
    notified(http.desk)
    due_again(http.desk)
    mailed(http.desk, sink)
    assert http.client.post(link(sink, CLARA)).status_code == 200
    silence = {"channel": "email", "kind": None, "relation": None}
    assert http.get(x.CLARA, "/me/preferences").json()["off"] == [silence]
    http.done(x.ANNA, case, "post", text="Second.")
    notified(http.desk)
    due_again(http.desk)
    mailed(http.desk, sink)
    http.shown()
    assert len(sink.to(CLARA)) == 1
    assert http.get(x.CLARA, "/notifications").json()["unread"] == 2


@pytest.mark.parametrize("changed", ["", "0", "zzz", "a" + "0" * 64, "é"])
def test_a_link_that_is_not_ours_is_told_so(asked: Http, changed: str) -> None:
    for answer in (
        asked.client.get(f"/unsubscribe/{changed}"),
        asked.client.post(f"/unsubscribe/{changed}", content=ONE_CLICK, headers=FORM),
    ):
        assert answer.status_code in {404, 405}
    assert asked.client.get("/unsubscribe/c" + "0" * 64).status_code == 404
