"""A minute of everything at once."""

import pytest

from tests.conftest import Database
from tests.domain.runtime.append_stress import agree, stress


@pytest.mark.soak
def test_the_log_agrees_with_everybody_who_wrote_for_a_minute_while_connections_were_cut(
    database: Database,
) -> None:
    run = stress(database, seconds=60, kill_every=0.3)
    print(run)
    agree(database, run)
    assert run.killed >= 50
    assert any(line.found_again for line in run.journal)
    assert min(run.outcomes[kind] for kind in ("conflict", "unchanged", "refused")) > 0
    assert run.outcomes["cancelled"] > 0
