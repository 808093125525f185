"""The projections remove the bytes that nobody can read any more, as long as they run."""

from collections.abc import Iterator

import psycopg
import pytest

from domain.runtime.blobs import Blobs, FilesAway
from projections import sweeper
from projections.filling import Key
from tests import examples as x
from tests.api.http import Http, serving
from tests.api.test_files import attached, listed, read, sent
from tests.deploy.running import within
from tests.desks import FILES, Desk
from tests.projections.following import head, key_of
from tests.projections.test_generation import followed


@pytest.fixture
def http(desk: Desk) -> Iterator[Http]:
    with serving(desk) as http:
        yield http


def test_the_projections_sweep_from_their_start_on(
    http: Http, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was redacted before they started, and what expires; a file of a case stays."""
    monkeypatch.setenv("CASEBOOK_FILES", FILES.as_uri())
    case = http.raised(x.CLARA)["number"]
    gone, kept, late = (sent(http, x.CLARA, "a.txt", b"So.")["id"] for _ in range(3))
    attached(http, x.CLARA, case, gone, kept)
    http.done(x.SUE, case, "redact", attachment=gone, reason="A name.")
    with psycopg.connect(desk.settings.database_url, autocommit=True) as conn:
        conn.execute("UPDATE desk.uploads SET expires_at = now()")
        with followed(desk):
            files = [FILES / "files" / id_ for id_ in (gone, late)]
            assert within(30, lambda: not any(file.exists() for file in files))
        (swept,) = conn.execute("SELECT position FROM desk.swept").fetchone() or (0,)
        (left,) = conn.execute("SELECT count(*) FROM desk.uploads").fetchone() or (1,)
    assert (swept, left) == (head(desk.settings), 0)
    assert read(http, x.CLARA, case, kept).content == b"So."
    assert {file["id"] for file in listed(http, x.CLARA, case)} == {gone, kept}


def test_a_defect_costs_one_look_and_never_all_that_come_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    async def fails(_key: Key, _blobs: Blobs) -> None:
        looks.append(len(looks))
        raise (RuntimeError, FilesAway, SystemExit)[looks[-1]]

    monkeypatch.setattr(sweeper, "_connected", fails)
    monkeypatch.setattr(sweeper, "PAUSE_SECONDS", 0)
    with pytest.raises(SystemExit):
        sweeper.sweep(key_of(desk.settings), FILES.as_uri())
    assert looks == [0, 1, 2]
