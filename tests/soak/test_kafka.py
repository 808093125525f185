"""The way of an event by Kafka, under many kills."""

from collections import Counter
from pathlib import Path

import pytest

from tests.brokers import Running
from tests.consumers.conftest import sink
from tests.consumers.kills import hold_the_sink_to_the_log, survive
from tests.desks import Desk
from tests.projections.following import head
from tests.projections.published import events_in, publishing

__all__ = ["sink"]

KILLS = {"relay": 20, "broker": 5, "consumer": 20, "backend": 10}


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_none_is_lost_or_doubled_or_out_of_order_under_fifty_kills(
    sink: Desk, broker: Running, tmp_path: Path
) -> None:
    settings = publishing(sink.settings.database_url, broker.address)
    survive(sink, settings, broker, tmp_path, KILLS)
    hold_the_sink_to_the_log(sink)
    wire = Counter(int(one.headers["ce_sequence"]) for one in events_in(settings))
    print(f"{head(settings)} events, {sum(wire.values()) - len(wire)} doubled on the wire")
    assert set(wire) == set(range(1, head(settings) + 1))
