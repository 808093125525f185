"""Foreign histories to import, and how tests read what became of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from domain.case import Case
from domain.configuration import Account, Person
from domain.events import Created
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.documents import document_of
from domain.runtime.importing import Report, import_history
from domain.runtime.mapping import ForeignMapping
from domain.runtime.opening import open_store
from domain.runtime.store import Store
from domain.values import Actor, Role
from tests.conftest import TEST_ALL, Database
from tests.desks import settings_for

ROOT: Final = Path(__file__).parents[3]
HELPDESK_ROWS: Final = ROOT.parent / "shared" / "data" / "helpdesk" / "helpdesk.csv.gz"
HELPDESK: Final = ROOT / "deploy" / "mappings" / "helpdesk.toml"
OPERATOR: Final = Actor(id="operator:olga", role=Role.OPERATOR)
BUILD: Final = "test"

OLD_DESK: Final = ForeignMapping.model_validate(
    {
        "source": "old-desk",
        "columns": {
            "case": "case", "activity": "activity", "who": "who", "time": "time", "text": "text",
        },
        "account": {"name": "Old customers", "zone": "Europe/Berlin", "country": "DE"},
        "contact": {"name": "Clara"},
        "application": {"key": "atlas", "name": "Atlas"},
        "type": {"key": "product-issue", "name": "Product Issue"},
        "subject": "Old case {case}: {text}",
        "description": "{text}",
        "activities": {
            "take": {"event": "assigned"},
            "drop": {"event": "unassigned"},
            "write": {"event": "posted"},
            "wait": {"event": "awaiting", "awaited": "third party"},
            "go on": {"event": "resumed"},
            "panic": {"event": "severity-changed", "severity": "critical"},
            "escalate": {"event": "escalated", "reason": "delay"},
            "calm": {"event": "deescalated"},
            "solve": {"event": "resolved", "type": "referred", "resumes": True},
            "ask to close": {"event": "close-requested", "resolved_by": "own"},
            "reject": {"event": "resolution-rejected"},
            "close": {"event": "closed"},
            "open again": {"event": "reopened"},
        },
    }
)  # fmt: skip
HEADING: Final = "case,activity,who,time,text"


def helpdesk() -> Path:
    """The real history; without it the test is skipped, and fails in CI."""
    if not HELPDESK_ROWS.exists():
        reason = f"{HELPDESK_ROWS} is not there"
        if TEST_ALL:
            pytest.fail(reason)
        pytest.skip(reason)
    return HELPDESK_ROWS


@dataclass(frozen=True)
class Log:
    """All that a log holds."""

    history: Sequence[Recorded]

    @cached_property
    def cases(self) -> dict[str, list[Recorded]]:
        """Each case's history by the foreign id with which it came."""
        streams: defaultdict[UUID, list[Recorded]] = defaultdict(list)
        for recorded in self.history:
            streams[recorded.stream].append(recorded)
        return {
            external_id: stream
            for stream in streams.values()
            if isinstance(first := stream[0].event, Created)
            for external_id in first.external_ids.values()
        }

    @property
    def documents(self) -> list[Recorded]:
        return [recorded for recorded in self.history if document_of(recorded)]

    def case(self, external_id: str) -> Case:
        case = case_of(self.cases[external_id])
        assert case is not None
        return case

    def names(self) -> dict[UUID | str, str]:
        """What the people are called."""
        found = {recorded.stream: document_of(recorded) for recorded in self.documents}
        return {id_: of.name for id_, of in found.items() if isinstance(of, Account | Person)}


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Store]:
    async with open_store(settings_for(database.url), "test import") as store:
        yield store


async def import_into(
    store: Store,
    file: Path,
    mapping: ForeignMapping = OLD_DESK,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _rows: None,
) -> Report:
    return await import_history(
        file, mapping, store, by=OPERATOR, build=BUILD, dry_run=dry_run, progress=progress
    )


def import_file(database: Database, file: Path, *args: Any, **kwargs: Any) -> Report:  # noqa: ANN401  as import_into
    async def main() -> Report:
        async with opened(database) as store:
            return await import_into(store, file, *args, **kwargs)

    return asyncio.run(asyncio.wait_for(main(), 120))


async def log_in(store: Store) -> Log:
    history: list[Recorded] = []
    while page := await store.page(len(history)):
        history += page
    return Log(history)


def log_of(database: Database) -> Log:
    async def main() -> Log:
        async with opened(database) as store:
            return await log_in(store)

    return asyncio.run(asyncio.wait_for(main(), 120))


def written(folder: Path, *rows: str, heading: str = HEADING, name: str = "old.csv") -> Path:
    """A file with these rows."""
    file = folder / name
    file.write_text("\n".join((heading, *rows)) + "\n", "utf-8")
    return file
