"""Kafka is away: nobody waits for it, everybody is told, and what gathers comes in its order."""

from itertools import pairwise

import pytest

from domain.runtime.checkup import findings
from domain.runtime.database import connect
from domain.runtime.settings import Settings
from projections.broker import Broker
from projections.follower import ONE_FOLLOWS
from projections.relay import Relayed, lead
from projections.streaming import ONE_STREAMS, Events
from tests import examples as x
from tests.api.http import serving
from tests.api.test_metrics import figures
from tests.desks import Desk
from tests.projections.following import codec_of, head, key_of
from tests.projections.published import events_in, published, publishing

NOWHERE = "127.0.0.1:1"
FAILURE = "Kafka does not answer (NobodyListens)."


def led(settings: Settings) -> None:
    """One term of the relay, until something fails."""
    broker = Broker(settings)
    events = Events(key_of(settings), settings, broker)
    with (
        connect(settings.database_url, "casebook test relay", autocommit=True) as conn,
        connect(settings.database_url, "casebook test ear", autocommit=True) as ear,
    ):
        lead(conn, ear, broker, Relayed("events", ONE_STREAMS, "events", events.begin))


def told(settings: Settings) -> list[str]:
    """What the doctor says of Kafka."""
    found = findings(settings.database_url, codec_of(settings), ONE_FOLLOWS)
    return [one.what for one in found if one.what.startswith("Kafka")]


def test_nobody_waits_for_kafka_and_what_gathered_comes_in_its_order(
    desk: Desk, kafka: str
) -> None:
    settings = publishing(desk.settings.database_url, kafka)
    published(settings)
    before = head(settings)
    with serving(desk) as http:
        led(settings.model_copy(update={"kafka": NOWHERE}))
        for _ in range(5):
            http.done(x.ANNA, http.raised()["number"], "take")
        ready = http.client.get("/readyz")
        behind = ready.json()["behind"]["Kafka events"]
        metrics = http.client.get("/metrics").text
        assert ready.status_code == 200
        assert ready.json()["because"] == f"Kafka has events up to position {before}: {FAILURE}"
        assert behind == head(settings) - before == 10
        assert figures(metrics, "casebook_kafka_lag_events") == {'{topics="events"}': 10}
        assert figures(metrics, "casebook_kafka_stopped") == {'{topics="events"}': 1}
        assert told(settings) == [f"Kafka has events up to {before} of {before + 10}: {FAILURE}"]
        published(settings)
        assert http.client.get("/readyz").json()["behind"]["Kafka events"] == 0
    assert told(settings) == [f"Kafka has events up to {before + 10} of {before + 10}."]
    by_partition: dict[object, list[int]] = {}
    for one in events_in(settings):
        position = int(one.headers["ce_sequence"])
        by_partition.setdefault((one.topic, one.partition), []).append(position)
    for positions in by_partition.values():
        assert all(one < next_ for one, next_ in pairwise(positions))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("kafka", "kafka"),
        ("kafka", "http://kafka:9092"),
        ("kafka_prefix", "a/b"),
        ("kafka_content", "words"),
        ("kafka_partitions", "0"),
    ],
)
def test_a_setting_of_kafka_that_is_wrong_is_refused(setting: str, value: str) -> None:
    with pytest.raises(ValueError, match=setting):
        publishing("postgresql://nowhere/x", NOWHERE, **{setting: value})
