import asyncio
from collections.abc import Callable, Iterator

import pytest

from consumers.runner import Consumer
from deploy.local.postgres import SERVICE, EmbeddedPostgres
from tests.api.http import Http, serving
from tests.conftest import Database
from tests.consumers.hooks import sending
from tests.consumers.sinks import SINK, drained, drained_by_kafka, with_a_sink
from tests.desks import Desk, a_desk, settings_for
from tests.projections.published import publishing

Drain = Callable[..., None]


@pytest.fixture
def sink(database: Database, desk: Desk) -> Desk:
    """The examples' desk, with a table in which a consumer writes down what it handles."""
    with_a_sink(database)
    return desk


@pytest.fixture
def http(desk: Desk) -> Iterator[Http]:
    with serving(desk) as http:
        yield http


@pytest.fixture(scope="module")
def asked(
    postgres: EmbeddedPostgres, databases: Callable[[str], Iterator[str]], migrated: str
) -> Iterator[Http]:
    """One API for all tests of a module that do not mind what others left behind."""
    for name in databases(migrated):
        desk: Desk = asyncio.run(a_desk(settings_for(postgres.url(name, SERVICE))))
        with serving(desk) as http:
            yield http


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
