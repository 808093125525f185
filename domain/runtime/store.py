"""From a command to its answer: load, decide, append. Entered once and left once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from uuid import UUID, uuid4, uuid5
from weakref import WeakValueDictionary

from domain import administration
from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.case import Case
from domain.decide import decide
from domain.fold import case_of
from domain.permitted import permitted
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.appending import AppendQueue
from domain.runtime.codec import Codec
from domain.runtime.database import Pool
from domain.runtime.documents import document_of
from domain.runtime.history import COMMAND, STREAM_FOR_COMMAND, read, sight, stored
from domain.runtime.lookup import Lookup
from domain.runtime.reader import Reader
from domain.sight import sees
from domain.terms import Terms
from domain.values import Actor

MOST_TRIES: Final = 5
KEYS: Final = UUID("0b9d6a9e-6a0f-5c1e-8d43-1f5f0c3f8f59")  # the namespace of idempotency keys


@dataclass(frozen=True)
class Outcome:
    """What a command came to.

    `history` is the stream's up to and with the command; `position` that of the command's last
    event, or the log's head where it changed nothing. `replayed`: it had been carried out before.
    """

    history: Sequence[Recorded]
    position: int
    replayed: bool = False
    terms: Terms | None = None

    @cached_property
    def case(self) -> Case:
        """The case right after the command."""
        case = case_of(self.history)
        assert case is not None, "only what is asked of a case may be asked for its case"
        return case


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command with everything that stays the same when it is decided again."""

    stream: UUID | None
    id: UUID
    command: c.Command
    digest: str
    by: Actor
    cause: Cause
    expecting: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A stream as it was read, and what the log remembers of the command in it."""

    history: Sequence[Recorded] = ()
    unchanged: tuple[int, str, int] | None = None  # index in the history, digest, position


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is to be written where: `heads` are the versions at which the streams stand."""

    stream: UUID
    at: datetime
    events: e.Events
    documents: Mapping[str, int]
    heads: Mapping[UUID, int]
    terms: Terms | None = None


class Store(Reader):
    """The streams of one log: read, and written by commands."""

    def __init__(
        self, pool: Pool, queue: AppendQueue, codec: Codec, lookup: Lookup, *, build: str
    ) -> None:
        super().__init__(pool, codec)
        self.queue, self.lookup = queue, lookup
        self._build = build
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def allowed(
        self, outcome: Outcome, by: Actor
    ) -> Mapping[type[c.Command], no.NotPermitted | None]:
        """What this actor may do after a command, and for the rest why not."""
        case, terms = outcome.case, outcome.terms
        if terms is None:
            terms = (await self.lookup.found(case, c.Take(), by, case.id)).terms
        return permitted(case, by, datetime.now(UTC), terms)

    async def handle(
        self,
        stream: UUID | None,
        command: c.Command,
        *,
        by: Actor,
        cause: Cause,
        key: str | None = None,
        expecting: int | None = None,
        at: datetime | None = None,
    ) -> Outcome:
        """Carries a command out, once: repeated under the same `key`, it is answered as then.

        `stream` is the case's or the document's, None for what makes a case. `expecting` is the
        version that the caller saw. `at` is for seeding alone: when it is to have happened.

        Raises:
            Refusal: nothing happened, and the same key may be used again.
            AppendError: see appending.py.
        """
        id_ = uuid5(KEYS, f"{by.person} {key}") if key else uuid4()
        digest = self.codec.digest(stream, command, by)
        asked = _Asked(stream, id_, command, digest, by, cause, expecting, at)
        if stream is None:
            outcome = await self._handle(asked)
        else:
            async with self._locks.setdefault(stream, asyncio.Lock()):
                outcome = await self._handle(asked)
        if uploads := command.__dict__.get("attachments"):
            await self.lookup.uploads.attached(uploads)
        return outcome

    async def _handle(self, asked: _Asked) -> Outcome:
        for _ in range(MOST_TRIES):
            loaded = await self._load(asked.stream, asked) if asked.stream else _Loaded()
            if before := _as_then(loaded, asked):
                return before
            try:
                decision = await self._decide(loaded.history, asked)
            except no.Refusal:
                # What makes a case has no stream to look in: only now is the look worth its price.
                if asked.stream is None and (before := await self._repeated(asked)):
                    return before
                raise
            if outcome := await self._write(decision, loaded.history, asked):
                return outcome
        raise no.TooMuchContention

    async def _load(self, stream: UUID, asked: _Asked) -> _Loaded:
        async with self.pool.connection() as conn:
            # The only document that a customer sets; whoever asks has looked whose it is.
            own = isinstance(asked.command, c.SetSubscription)
            seen = {"account": None, "person": None} if own else sight(asked.by)
            rows = await read(conn, STREAM_FOR_COMMAND, stream=stream, command=asked.id, **seen)
        unchanged = next(((n, row[12], row[13]) for n, row in enumerate(rows) if row[12]), None)
        return _Loaded(self.codec.decode_all(stored(row) for row in rows), unchanged)

    async def _repeated(self, asked: _Asked) -> Outcome | None:
        """The answer of then, wherever in the log the command stands."""
        async with self.pool.connection() as conn:
            rows = await read(conn, COMMAND, command=asked.id)
        return _as_then(await self._load(rows[0][0], asked), asked) if rows else None

    async def _decide(self, history: Sequence[Recorded], asked: _Asked) -> _Decision:
        case, by = case_of(history), asked.by
        if isinstance(asked.command, c.DocumentCommand) or (
            isinstance(asked.command, c.Erase) and history and case is None
        ):
            return await self._decide_document(history, asked)
        if asked.stream and (case is None or not sees(case, by.person, by)):
            raise no.CaseUnknown
        if case and asked.expecting not in {None, case.version_for(by)}:
            raise no.VersionDiffers(expected=asked.expecting, current=case.version_for(by))
        found = await self.lookup.found(case, asked.command, by, asked.id)
        at = _not_before(asked.at, case.modified_at if case else None, found.not_before)
        events = decide(case, asked.command, by=by, at=at, terms=found.terms)
        stream = case.id if case else _new_case(found.terms)
        heads = {**found.heads, stream: case.version if case else 0}
        return _Decision(stream, at, events, found.terms.versions, heads, found.terms)

    async def _decide_document(self, history: Sequence[Recorded], asked: _Asked) -> _Decision:
        assert asked.stream is not None, "a document has a stream before it is set"
        version = history[-1].version if history else 0
        if asked.expecting not in {None, version}:
            raise no.VersionDiffers(expected=asked.expecting, current=version)
        current = document_of(history[-1]) if history else None
        if isinstance(asked.command, c.Erase):
            events = administration.erase_person(current, asked.command.reason, by=asked.by)
        else:
            assert isinstance(asked.command, c.DocumentCommand), "the caller has looked"
            document = asked.command.document
            # A stream stays what it began as: an account set over a case would end both.
            if history and type(document_of(history[0])) is not type(document):
                raise no.DocumentUnknown(kind=type(document).__name__.lower())
            known = await self.lookup.known(asked.command)
            events = administration.set_document(
                current, asked.command, stream=asked.stream, by=asked.by, known=known
            )
        at = _not_before(asked.at, history[-1].at if history else None)
        return _Decision(asked.stream, at, events, {}, {asked.stream: version})

    async def _write(
        self, decision: _Decision, history: Sequence[Recorded], asked: _Asked
    ) -> Outcome | None:
        """The outcome once it is in the log; None: somebody else was faster, so decide again."""
        if not decision.events:
            version = decision.heads[decision.stream]
            answer = await self.queue.remember(
                asked.id, digest=asked.digest, stream=decision.stream, version=version
            )
            recorded: list[Recorded] = []
        else:
            recorded = self._place(decision, asked)
            frames = [self.codec.encode(r) for r in recorded]
            answer = await self.queue.append(frames, asked.id)
        if answer.outcome == "conflict":
            return None
        if answer.outcome == "repeated":
            return await self._repeated(asked)
        assert answer.first_position is not None, "only a conflict has no position"
        self.lookup.documents.forget(decision.stream)
        own = [r for r in recorded if r.stream == decision.stream]
        last = answer.first_position + max(len(recorded), 1) - 1
        return Outcome([*history, *own], last, terms=decision.terms)

    def _place(self, decision: _Decision, asked: _Asked) -> list[Recorded]:
        """The events in their streams, each with the next version there."""
        heads = dict(decision.heads)
        name = type(asked.command).__name__
        ref = CommandRef(asked.id, name, asked.digest, len(decision.events))
        placed = []
        for event in decision.events:
            stream = event.stream if isinstance(event, e.Elsewhere) else decision.stream
            heads[stream] = heads.get(stream, 0) + 1
            placed.append(
                Recorded(
                    event=event.event if isinstance(event, e.Elsewhere) else event,
                    stream=stream,
                    version=heads[stream],
                    at=decision.at,
                    by=asked.by,
                    command=ref,
                    cause=asked.cause,
                    documents=decision.documents,
                    build=self._build,
                )
            )
        return placed


def _as_then(loaded: _Loaded, asked: _Asked) -> Outcome | None:
    """The answer that the command had, if this stream knows it.

    Raises:
        CommandIdTaken: it was another command.
    """
    if loaded.unchanged:
        last, digest, position = loaded.unchanged
    else:
        own = [n for n, r in enumerate(loaded.history) if r.command and r.command.id == asked.id]
        if not own:
            return None
        first, last = loaded.history[own[0]], own[-1]
        assert first.command is not None, "it was found by its command"
        digest, position = first.command.digest, first.position + first.command.of - 1
    if digest != asked.digest:
        raise no.CommandIdTaken
    return Outcome(loaded.history[: last + 1], position, replayed=True)


def _not_before(at: datetime | None, *instants: datetime | None) -> datetime:
    """Now, or `at`, unless a stream was written to later: there time never runs backwards."""
    return max([at or datetime.now(UTC), *(i for i in instants if i is not None)])


def _new_case(terms: Terms) -> UUID:
    assert terms.new_case is not None, "what has no case yet makes one"
    return terms.new_case[0]
