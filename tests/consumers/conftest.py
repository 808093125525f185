from collections.abc import Callable, Iterator

import pytest

from consumers.runner import Consumer
from tests.api.http import Http
from tests.conftest import Database
from tests.consumers.hooks import sending
from tests.consumers.sinks import SINK, drained, drained_by_kafka, with_a_sink
from tests.desks import Desk
from tests.projections.published import publishing

Drain = Callable[..., None]


@pytest.fixture
def sink(database: Database, desk: Desk) -> Desk:
    """The examples' desk, with a table in which a consumer writes down what it handles."""
    with_a_sink(database)
    return desk


@pytest.fixture(scope="module")
def hooks(asked: Http) -> Iterator[Http]:
    """The same with a deliverer of webhooks at work."""
    with sending(asked.desk.settings):
        yield asked


@pytest.fixture(params=["the log", "Kafka"])
def drain(request: pytest.FixtureRequest, sink: Desk) -> Drain:
    """Brings a consumer to the head, by way of one source or of the other."""
    if request.param == "the log":
        return lambda consumer=SINK: drained(sink, consumer)
    kafka: str = request.getfixturevalue("kafka")
    settings = publishing(sink.settings.database_url, kafka)

    def by_kafka(consumer: Consumer = SINK) -> None:
        drained_by_kafka(settings, consumer)

    return by_kafka
