"""docs/subscribers-kafka.md is true: its consumer works, over a gap, a repetition and a kill."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.runtime.settings import Settings
from projections.broker import Record
from projections.published import HEADERS
from projections.topics import Topics
from tests.bench.http import serving
from tests.consumers.sinks import in_order, logged, some_lives
from tests.consumers.test_kafka_source import settings, written_otherwise
from tests.deploy.running import within
from tests.desks import Desk
from tests.domain.runtime.test_store import on
from tests.examples import ANNA

__all__ = ["settings"]

TEXT = (Path(__file__).parent.parent.parent / "docs/subscribers-kafka.md").read_text()
TABLE = TEXT.split("## A record")[1].split("\n## ")[0]
FIXED = {"ce_specversion"}
CONSUMER = TEXT.split("<!-- consumer -->\n```python\n")[1].split("```")[0]


@contextmanager
def subscribed(folder: Path, **told: str) -> Iterator[subprocess.Popen[bytes]]:
    """The document's consumer; it is killed at the end."""
    program, said = folder / "consumer.py", folder / "said"
    program.write_text(CONSUMER)
    with said.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, program],
            env={**os.environ, **told, "DATABASE": str(folder / "effects")},
            stderr=out,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def effects(folder: Path) -> dict[str, list[int]]:
    """Which versions of each stream had an effect, in the order in which they had it."""
    found: dict[str, list[int]] = {}
    with sqlite3.connect(folder / "effects", timeout=30) as db:
        begun = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'effects'").fetchone()
        asked = "SELECT stream, version FROM effects ORDER BY rowid"
        for stream, version in db.execute(asked) if begun else ():
            found.setdefault(stream, []).append(version)
    db.close()
    return found


def test_the_consumer_of_the_document_has_each_event_once_over_gaps_and_kills(
    sink: Desk, settings: Settings, kafka: str, tmp_path: Path
) -> None:
    """What is gone on the way comes from the API, what comes again has no second effect."""

    def changed(records: list[Record]) -> list[Record]:
        left = [one for one in records if one.headers["ce_version"] != "2"]
        return left + left[5:]

    on(sink, some_lives)
    other = written_otherwise(settings, kafka, changed)
    cases = {
        str(stream): [version for _, version in versions]
        for stream, versions in in_order(logged(sink)).items()
        if len(versions) > 3
    }
    with serving("casebook", 1, sink.settings.database_url) as port:
        told = {
            "KAFKA": kafka,
            "TOPIC": Topics(other.kafka_prefix).cases.name,
            "API": f"http://127.0.0.1:{port}",
            "TOKEN": sink.token(ANNA),
        }
        with subscribed(tmp_path, **told):
            assert within(60, lambda: effects(tmp_path) != {}), (tmp_path / "said").read_text()
        with subscribed(tmp_path, **told):
            assert within(60, lambda: effects(tmp_path) == cases), (tmp_path / "said").read_text()
    assert (tmp_path / "said").read_text().count("ALARM") == len(cases)


def test_it_has_forty_lines() -> None:
    lines = [line for line in CONSUMER.splitlines() if line.strip()]
    assert len(lines) <= 40


def test_every_header_that_is_described_is_one_that_is_written() -> None:
    described = set(re.findall(r"`(ce_\w+)`", TABLE))
    also = {"ce_via", "ce_withheld", "ce_dataschema"}  # where there is something to say
    assert described == {name for name in HEADERS.values() if name.startswith("ce_")} - FIXED | also
