"""`make up KAFKA=1`: the whole product on a Kafka of its own."""

import asyncio
import json
import signal
import urllib.request

from deploy.local.postgres import SERVICE, EmbeddedPostgres
from tests.brokers import Running as RunningBroker
from tests.deploy.running import Running, new_folder, within
from tests.desks import a_desk, settings_for

BROKER = "kafka.Kafka"


def lacking(running: Running) -> dict[str, int]:
    """What `/readyz` says of how far everything is; nothing where Kafka has failed."""
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/readyz", timeout=5) as answer:
        told = json.load(answer)
    behind: dict[str, int] = {} if told.get("because") else told.get("behind", {})
    return {name: lacks for name, lacks in behind.items() if name.startswith("Kafka")}


def test_it_publishes_over_a_kill_of_kafka_and_ends_in_order(broker: RunningBroker) -> None:
    """The run's broker is not used: that it is there says that one can be."""
    all_of_it = {"Kafka events": 0, "Kafka state": 0}
    with new_folder() as folder:
        running = Running(folder, "--kafka")
        try:
            assert within(90, running.is_ready), running.said
            server = EmbeddedPostgres(folder / "var/pg")
            key = (folder / "var/master.key").read_text().strip()
            there = settings_for(server.url(SERVICE, SERVICE), master_key=key)
            asyncio.run(a_desk(there))
            assert within(60, lambda: lacking(running) == all_of_it), running.said
            (first,) = running.of(BROKER)
            first.kill()
            assert within(60, lambda: running.of(BROKER) not in ([], [first])), running.said
            assert within(60, lambda: lacking(running) == all_of_it), running.said
            assert "kafka ended" in running.said
            assert running.signal(signal.SIGTERM) == 0
            assert running.left() == []
            assert "did not end in time" not in running.said
        finally:
            running.end()
