from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.running import new_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a whole Casebook runs."""
    with new_folder() as path:
        yield path
