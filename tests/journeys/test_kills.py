"""Whatever is killed comes back by itself, and no acknowledged command is lost or doubled."""

from pathlib import Path

import pytest

from tests.journeys.kills import survive


def test_the_api_the_follower_and_postgresql_are_killed_under_working_clients(
    folder: Path,
) -> None:
    survive(folder, kills=4)


@pytest.mark.soak
def test_everything_is_killed_twenty_times_under_working_clients(folder: Path) -> None:
    survive(folder, kills=20)
