import pytest

from tests.conftest import Database
from tests.consumers.sinks import with_a_sink
from tests.desks import Desk


@pytest.fixture
def sink(database: Database, desk: Desk) -> Desk:
    """The examples' desk, with a table in which a consumer writes down what it handles."""
    with_a_sink(database)
    return desk
