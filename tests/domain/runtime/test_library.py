"""The library's own suites, on our recorder and our table."""

import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from unittest import TestCase

import pytest
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import (
    PostgresAggregateRecorder,
    PostgresDatastore,
    PostgresTrackingRecorder,
)
from eventsourcing.tests import application, persistence, projection
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL

from domain.runtime.recorder import LogFactory, LogProcessRecorder, LogRecorder
from tests.conftest import Database
from tests.domain.runtime.library import environment


@pytest.fixture(autouse=True)
def _told_where_the_database_is(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # As the owner: some suites make tables of their own beside the log.
    for name, value in environment(database.owner_url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SERVICE", str(conninfo_to_dict(database.url)["user"]))


class OnTheLog(TestCase):
    recorder_class: ClassVar[type[LogRecorder]] = LogRecorder
    user: ClassVar[str] = "SERVICE"

    def create_recorder(self) -> Any:  # noqa: ANN401 - each suite asks for its own kind
        datastore = PostgresDatastore(
            os.environ["POSTGRES_DBNAME"],
            os.environ["POSTGRES_HOST"],
            os.environ["POSTGRES_PORT"],
            os.environ[self.user],
            os.environ["POSTGRES_PASSWORD"],
            pool_size=5,
            max_overflow=10,
            schema="log",
        )
        self.addCleanup(datastore.close)
        recorder = self.recorder_class(datastore)
        recorder.create_table()
        return recorder


class TestApplicationRecorder(OnTheLog, persistence.ApplicationRecorderTestCase):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class WithoutPositions(LogRecorder):
    """That suite is for recorders which give no positions."""

    def insert_events(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]  # that suite wants none back  # noqa: ANN401  the library's
        super().insert_events(*args, **kwargs)


class TestAggregateRecorder(OnTheLog, persistence.AggregateRecorderTestCase):
    recorder_class = WithoutPositions


class TestNonInterleaving(OnTheLog, persistence.NonInterleavingNotificationIDsBaseCase):
    pass


class TestProcessRecorder(OnTheLog, persistence.ProcessRecorderTestCase):
    recorder_class = LogProcessRecorder
    user = "POSTGRES_USER"


class OurTrackingRecorder(PostgresTrackingRecorder):
    pass


class TestFactory(persistence.InfrastructureFactoryTestCase[LogFactory]):
    def setUp(self) -> None:
        self.env = Environment("TestCase", dict(os.environ))
        super().setUp()

    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    def expected_aggregate_recorder_class(self) -> type[PostgresAggregateRecorder]:
        return PostgresAggregateRecorder

    def expected_application_recorder_class(self) -> type[LogRecorder]:
        return LogRecorder

    def expected_tracking_recorder_class(self) -> type[PostgresTrackingRecorder]:
        return PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[OurTrackingRecorder]:
        return OurTrackingRecorder

    def expected_process_recorder_class(self) -> type[LogProcessRecorder]:
        return LogProcessRecorder


@pytest.mark.filterwarnings("default::DeprecationWarning")  # the library tests its old names too
class TestApplication(application.ApplicationTestCase):
    pass


class TestExampleApplication(application.ExampleApplicationTestCase):
    expected_factory_topic = "domain.runtime.recorder:LogFactory"


class Counters(PostgresTrackingRecorder, projection.EventCountersView):
    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:  # noqa: ANN401  the library's
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS counters (name text PRIMARY KEY, n int)").format()
        )

    def get_created_event_counter(self) -> int:
        return self._get("created")

    def get_subsequent_event_counter(self) -> int:
        return self._get("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increase("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increase("subsequent", tracking)

    def _get(self, name: str) -> int:
        with self.datastore.cursor() as cursor:
            row = cursor.execute("SELECT n FROM counters WHERE name = %s", (name,)).fetchone()
            return int(row["n"]) if row else 0

    def _increase(self, name: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO counters VALUES (%s, 1)"
                " ON CONFLICT (name) DO UPDATE SET n = counters.n + 1",
                (name,),
            )


class TestProjection(projection.AggregateEventCountersProjectionTestCase):
    view_class = Counters


@pytest.fixture
def _a_second_log(
    databases: Callable[[str], Iterator[str]], migrated: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """For the library's `Counters`, an application that follows another one."""
    for name in databases(migrated):
        monkeypatch.setenv("COUNTERS_POSTGRES_DBNAME", name)
        yield


@pytest.mark.usefixtures("_a_second_log")
class TestEventSourcedProjection(projection.EventSourcedProjectionTestCase):
    pass


# Or pytest would take the suites themselves for tests of this module.
del application, persistence, projection
