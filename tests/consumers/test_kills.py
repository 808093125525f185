"""Each event has its effect once, whatever is killed between the log and the effect."""

from collections import Counter
from pathlib import Path

from tests.brokers import Running
from tests.consumers.kills import hold_the_sink_to_the_log, survive
from tests.desks import Desk
from tests.projections.following import head
from tests.projections.published import events_in, publishing

KILLS = {"relay": 3, "consumer": 3, "broker": 3, "backend": 3}


def test_none_is_lost_or_doubled_or_out_of_order_while_everything_is_killed(
    sink: Desk, broker: Running, tmp_path: Path
) -> None:
    settings = publishing(sink.settings.database_url, broker.address)
    survive(sink, settings, broker, tmp_path, KILLS)
    hold_the_sink_to_the_log(sink)
    wire = Counter(int(one.headers["ce_sequence"]) for one in events_in(settings))
    doubled = sum(count - 1 for count in wire.values())
    print(f"{head(settings)} events, {doubled} doubled on the wire")
    assert set(wire) == set(range(1, head(settings) + 1))
