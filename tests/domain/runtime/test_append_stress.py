"""Five seconds of everything at once; tests/soak has the minute."""

from tests.conftest import Database
from tests.domain.runtime.append_stress import agree, stress


def test_the_log_agrees_with_everybody_who_wrote_while_connections_were_cut(
    database: Database,
) -> None:
    run = stress(database, seconds=5, kill_every=0.3)
    print(run)
    agree(database, run)
    assert run.killed >= 3
    assert any(line.found_again for line in run.journal)
    assert min(run.outcomes[kind] for kind in ("conflict", "unchanged", "refused")) > 0
