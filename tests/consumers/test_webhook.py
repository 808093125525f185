"""Webhooks as they reach a receiver: which events, signed how, and in which order."""

from tests import examples as x
from tests.api.http import Http
from tests.consumers.hooks import Receiver, sending, standing, subscribed, until


def test_a_receiver_is_sent_what_happens_signed_and_in_order(http: Http) -> None:
    with Receiver().listening() as receiver, sending(http.desk.settings):
        subscription = subscribed(http, receiver, x.ADA, types=["case.created", "case.posted"])
        case = http.raised(x.CLARA)["id"]
        for text in ("One.", "Two.", "Three."):
            http.done(x.CLARA, case, "post", text=text)
        http.shown()
        until(lambda: len(receiver.taken) == 4)
    assert receiver.wrong == []
    assert [came.event["type"] for came in receiver.taken] == ["case.created", *["case.posted"] * 3]
    texts = [came.event["data"].get("text") for came in receiver.taken]
    assert texts == [None, "One.", "Two.", "Three."]
    assert {came.event["subject"] for came in receiver.taken} == {case}
    sequences = [came.event["sequence"] for came in receiver.taken]
    assert [came.event["prev"] for came in receiver.taken][1:] == sequences[:-1]
    assert standing(http, subscription, x.ADA)["state"] == "active"
