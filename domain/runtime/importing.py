"""A foreign system's history becomes ours, with its own times and people; a second time, nothing.

Each row is a command of its own: the log knows which of them it has. So whatever ended an import,
importing the file again, or one that has grown, adds what is missing.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from domain import errors as no
from domain import events as e
from domain.case import Case
from domain.fold import case_of, evolve, fold
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.appending import Answer, CommandRefused
from domain.runtime.foreign import Refused, Row, read_history
from domain.runtime.history import LAST_OF, read, stored
from domain.runtime.mapping import ForeignMapping
from domain.runtime.meaning import Setting, created, meant
from domain.runtime.newcomers import IMPORT, Import, find_setting, import_id, settle
from domain.runtime.store import MOST_TRIES, Store
from domain.values import Actor

AT_ONCE: Final = 512  # cases: what fills two flushes
_CHUNK: Final = 2_000

KNOWN: Final = "SELECT command_id FROM log.events WHERE command_id = ANY(%(commands)s)"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the rows: events now, in the log already, or nothing, and why.

    `cases` and `people` are those that the rows tell of.
    """

    events: int
    repeats: int
    refusals: tuple[Refused, ...]
    cases: int
    people: int

    @property
    def rows(self) -> int:
        """All rows of the file."""
        return self.events + self.repeats + len(self.refusals)


class _Step(NamedTuple):
    """A row as a command."""

    row: Row
    id: UUID
    digest: str


class _Place(NamedTuple):
    """An event, and where and when it goes into the log."""

    stream: UUID
    version: int
    at: datetime
    event: e.Event


@dataclass(slots=True)
class _Tally:
    rows: int
    progress: Progress
    events: int = 0
    repeats: int = 0
    refused: list[Refused] = field(default_factory=list)

    def tell(self) -> None:
        self.progress(self.events + self.repeats + len(self.refused), self.rows)


async def import_history(
    file: Path,
    mapping: ForeignMapping,
    store: Store,
    *,
    by: Actor,
    build: str,
    dry_run: bool = False,
    progress: Progress = lambda _done, _rows: None,
) -> Report:
    """Appends what the log has not of a file's rows. `by` adds the account and the people.

    Raises:
        FileUnreadable: nothing was written.
        CalendarUnknown: the account's calendar; nothing was written.
        AppendError: the database went away; what was written stays, and the next import goes on.
    """
    foreign = read_history(file, mapping, datetime.now(UTC))
    tally = _Tally(foreign.rows, progress, refused=list(foreign.refused))
    stories = {case: list(_steps(store, mapping, rows)) for case, rows in foreign.cases.items()}
    known = await _known(store, [step.id for steps in stories.values() for step in steps])
    missing = {case: left for case, steps in stories.items() if (left := _without(steps, known))}
    new = sum(map(len, missing.values()))
    tally.repeats = tally.rows - len(tally.refused) - new
    tally.tell()
    setting, newcomers = await find_setting(foreign, mapping, store)
    if dry_run:
        tally.events = new
        tally.tell()
    elif missing:
        cause = Cause("import", file.name)
        began = min(row.at for rows in foreign.cases.values() for row in rows)
        await settle(newcomers, store, at=began, by=by, cause=cause, build=build)
        await _write(missing, _Work(store, setting, cause, build, tally))
    refusals = tuple(sorted(tally.refused))
    return Report(tally.events, tally.repeats, refusals, len(stories), len(setting.people))


def _steps(store: Store, mapping: ForeignMapping, rows: Iterable[Row]) -> Iterator[_Step]:
    for row in rows:
        words = tuple(row.cells.values())
        command = Import(source=mapping.source, what="row", words=words, occurrence=row.occurrence)
        yield _Step(row, *import_id(store.codec, command))


async def _known(store: Store, commands: Sequence[UUID]) -> set[UUID]:
    """Those of the commands that are in the log."""
    found: set[UUID] = set()
    for start in range(0, len(commands), _CHUNK):
        async with store.pool.connection() as conn:
            rows = await read(conn, KNOWN, commands=list(commands[start : start + _CHUNK]))
        found |= {command for (command,) in rows}
    return found


def _without(steps: Iterable[_Step], known: set[UUID]) -> list[_Step]:
    return [step for step in steps if step.id not in known]


@dataclass(frozen=True, slots=True)
class _Work:
    """What all cases of an import share."""

    store: Store
    setting: Setting
    cause: Cause
    build: str
    tally: _Tally

    async def claims(self, cases: Sequence[str]) -> dict[str, Recorded]:
        """What was said last of each foreign id that the log has heard of."""
        streams = {self.setting.claim(case): case for case in cases}
        async with self.store.pool.connection() as conn:
            rows = await read(conn, LAST_OF, streams=list(streams))
        found = self.store.codec.decode_all(stored(row) for row in rows)
        return {streams[recorded.stream]: recorded for recorded in found}


async def _write(missing: Mapping[str, Sequence[_Step]], work: _Work) -> None:
    """The cases side by side, the rows of each one after another."""
    cases = list(missing)
    claims: dict[str, Recorded] = {}
    for start in range(0, len(cases), _CHUNK):
        claims |= await work.claims(cases[start : start + _CHUNK])
    waiting = iter(cases)

    async def in_turn() -> None:
        for case in waiting:
            story = _Story(case, work)
            await story.load(claims.get(case))
            for step in missing[case]:
                await story.write(step)

    tasks = [asyncio.create_task(in_turn()) for _ in range(min(AT_ONCE, len(cases)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Story:
    """One case, and the stream that says that it is the foreign one, while rows come in."""

    def __init__(self, foreign: str, work: _Work) -> None:
        self._foreign, self._work = foreign, work
        self._claim: Recorded | None = None
        self._case: Case | None = None

    async def load(self, claim: Recorded | None) -> None:
        """Where the case stands, if the foreign id stands for one."""
        self._claim, self._case = claim, None
        if claim and isinstance(claim.event, e.ExternalIdClaimed):
            self._case = case_of(await self._work.store.history(claim.event.case))

    async def write(self, step: _Step) -> None:
        """Appends what the row says; counts it in any case."""
        tally = self._work.tally
        try:
            answer = await self._append(step)
        except (no.Refusal, CommandRefused) as why:
            tally.refused.append(Refused(step.row.line, str(why)))
        else:
            # An answer that was lost: `repeated` then tells of this very try.
            if answer.outcome == "appended" or answer.resent:
                tally.events += 1
            else:
                tally.repeats += 1
        tally.tell()

    async def _append(self, step: _Step) -> Answer:
        for _ in range(MOST_TRIES):
            recorded = await self._recorded(step)
            codec, queue = self._work.store.codec, self._work.store.queue
            answer = await queue.append([codec.encode(r) for r in recorded], step.id)
            if answer.outcome == "appended":
                self._go_on(recorded)
                return answer
            # Somebody else writes to the case, or imports the same file.
            claims = await self._work.claims([self._foreign])
            await self.load(claims.get(self._foreign))
            if answer.outcome == "repeated":
                return answer
        raise no.TooMuchContention

    def _go_on(self, recorded: Sequence[Recorded]) -> None:
        for one in recorded:
            if isinstance(one.event, e.ExternalIdClaimed):
                self._claim = one
        own = [one for one in recorded if one is not self._claim]
        self._case = fold(self._case, own)

    async def _recorded(self, step: _Step) -> list[Recorded]:
        """The row's events in their places."""
        case = self._case
        if case is None:
            return await self._begun(step)
        if case.erased:
            raise no.CaseErased
        if case.merge:
            raise no.CaseMerged(target=case.merge.number)
        at = max(step.row.at, case.modified_at)
        events = meant(step.row, case, self._work.setting, step.id, at)
        return self._placed(step, _follow(case.id, case.version, at, events))

    async def _begun(self, step: _Step) -> list[Recorded]:
        """The case itself, the row's events, and that the foreign id stands for the case."""
        row, setting, lookup = step.row, self._work.setting, self._work.store.lookup
        number = await lookup.number()
        stream, at, claim = lookup.case_id(number), row.at, self._claim
        begins = created(row, f"{number:08}", setting)
        case = evolve(None, Recorded(begins, stream, 1, at, setting.by(row)))
        events = [begins, *meant(row, case, setting, step.id, at)]
        here = setting.claim(self._foreign)
        claimed = _Place(
            here,
            claim.version + 1 if claim else 1,
            max(at, claim.at) if claim else at,
            e.ExternalIdClaimed(case=stream),
        )
        return self._placed(step, [*_follow(stream, 0, at, events), claimed])

    def _placed(self, step: _Step, places: Sequence[_Place]) -> list[Recorded]:
        work = self._work
        command = CommandRef(step.id, IMPORT, step.digest, len(places))
        by = work.setting.by(step.row)
        return [
            Recorded(
                event=place.event,
                stream=place.stream,
                version=place.version,
                at=place.at,
                by=by,
                command=command,
                cause=work.cause,
                documents=work.setting.versions,
                build=work.build,
            )
            for place in places
        ]


def _follow(stream: UUID, version: int, at: datetime, events: Iterable[e.Event]) -> list[_Place]:
    """The events one after another, after `version`."""
    return [_Place(stream, n, at, event) for n, event in enumerate(events, version + 1)]
