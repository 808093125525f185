"""Whoever opens a stream and does not read is cut off, and nobody pays for it."""

import json

import psutil
import pytest

from tests import examples as x
from tests.api.http import CREATE
from tests.api.test_streaming import Stream, running
from tests.deploy.running import within
from tests.desks import Desk

MEGABYTE = 2**20


def holds(process: psutil.Process, stream: Stream) -> bool:
    """Whether the connection of a stream is still the process's."""
    port = stream.wire.getsockname()[1]
    return port in [getattr(one.raddr, "port", None) for one in process.net_connections()]


@pytest.mark.soak
def test_a_reader_who_does_not_read_is_cut_off_with_a_reason_and_nothing_gathers(
    desk: Desk,
) -> None:
    with running(desk, 1) as here:
        for n in range(600):  # 18 MB: more than a socket takes
            if n % 20 == 0:
                case = here.post(x.CLARA, "/cases", CREATE)["id"]
            here.post(x.ANNA, f"/cases/{case}/post", {"text": f"{n} " + "x" * 30_000})
        process = psutil.Process(here.api.pid)
        before = process.memory_info().rss
        with here.stream(x.ANNA) as slow, here.stream(x.ANNA) as quick:
            end = here.client.get(f"{here.address}/events/head", headers=here.by(x.ANNA)).json()
            assert quick.until(end["position"])[-1] == end["position"]
            assert within(30, lambda: not holds(process, slow)), "it was never cut off"
            assert process.memory_info().rss - before < 64 * MEGABYTE
            while slow.read(5):
                pass
        # What was sent before is there in whole, and the last number is good to go on with.
        assert slow.positions == list(range(1, slow.positions[-1] + 1))
        assert slow.positions[-1] < end["position"]
        told = [json.loads(one["data"]) for one in slow.messages if "event" in one]
        assert [one["type"] for one in told] in ([], ["/problems/reader-too-slow"])
        with here.stream(x.ANNA, slow.positions[-1]) as again:
            assert again.until(end["position"])[0] == slow.positions[-1] + 1
