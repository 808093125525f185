"""Invents cases by themselves: decided by the rules, encoded and encrypted like any other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from random import Random
from struct import Struct
from typing import Final, NamedTuple, cast
from uuid import UUID, uuid5

from domain import commands as c
from domain.calendar import Calendar
from domain.case import Case
from domain.configuration import Catalogue
from domain.decide import decide
from domain.events import Event, Posted
from domain.fold import fold
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.codec import Codec
from domain.runtime.frames import Frame
from domain.runtime.keys import Keyring
from domain.runtime.seed.plots import Company, plot
from domain.terms import Terms
from domain.values import Actor

SEED: Final = Cause("seed")
SPAN: Final = timedelta(days=730)  # how long ago the first one was raised
OLD: Final = timedelta(days=45)
WORK_BEGINS, WORK_ENDS = 7, 17  # o'clock, UTC
LAST_WORKING_DAY: Final = 5
_MORNING, _NIGHT = timedelta(hours=7), timedelta(hours=14)
_WEEKEND: Final = timedelta(days=2)

# COPY's binary format: each field behind its length in bytes; -1 is NULL.
_VERSION: Final = Struct("!i16siii")
_ID: Final = Struct("!i16s")
_LENGTH: Final = Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_KEY_COLUMNS: Final = (4).to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Desk:
    """The documents by which the cases are judged.

    `versions` are those of an account's documents, as its events name them.
    """

    companies: Sequence[Company]
    agents: Sequence[Actor]
    catalogue: Catalogue
    calendars: Mapping[str, Calendar]
    versions: Mapping[UUID, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all invented cases share; it goes to other processes."""

    master_key: bytes
    build: str
    log: UUID
    seed: int
    cases: int
    now: datetime
    desk: Desk


class Invented(NamedTuple):
    """Rows for COPY: events from the third column on, and keys."""

    cases: int
    events: list[bytes]
    keys: list[bytes]


def invent(setting: Setting, start: int, numbers: Sequence[int]) -> Invented:
    """The cases from the `start`-th on, under these numbers."""
    codec = _codec(setting.master_key)
    made = Invented(len(numbers), [], [])
    for index, number in enumerate(numbers, start):
        for command in story(setting, codec, index, number):
            for place, recorded in enumerate(command):
                frame = codec.encode(recorded)
                made.events.append(_event(frame, None if place else recorded.command))
                made.keys.extend(_keys(frame))
    return made


def story(setting: Setting, codec: Codec, index: int, number: int) -> Iterator[list[Recorded]]:
    """One case from beginning to end, the events of one command after those of another.

    It is the same for the same seed and index, whatever number it has.
    """
    chance = Random(f"{setting.seed}:{index}")  # noqa: S311  repeatable, and no secret
    company = chance.choice(setting.desk.companies)
    new = uuid5(setting.log, f"case {number}")
    command_ids = uuid5(setting.log, f"seed {setting.seed} {number}").bytes
    ago = SPAN * (1 - (index + chance.random()) / setting.cases)
    at = min(_at_work(setting.now - ago), setting.now)
    documents = setting.desk.versions[company.id]
    case: Case | None = None
    decided: list[Recorded] = []  # what is folded once something is decided after it
    version = 0
    turns = plot(company, setting.desk.agents, chance, old=ago > OLD)
    for n, (by, command) in enumerate(turns):
        id_ = UUID(bytes=blake2b(b"%d" % n, key=command_ids, digest_size=16).digest())
        events = talk = _said(command, id_)
        if not talk:
            case = fold(case, decided)
            terms = _terms(setting.desk, company, id_, (new, f"{number:08}"))
            events = _decided(case, command, by, at, terms)
        digest = codec.digest(new if version else None, command, by)
        ref = CommandRef(id_, type(command).__name__, digest, len(events))
        told = [
            Recorded(
                event=event,
                stream=new,
                version=place,
                at=at,
                by=by,
                command=ref,
                cause=SEED,
                documents=documents,
                build=setting.build,
            )
            for place, event in enumerate(events, version + 1)
        ]
        yield told
        version += len(told)
        decided = decided if talk else told
        at = min(_at_work(at + timedelta(minutes=chance.expovariate(1 / 300))), setting.now)


def _said(command: c.Command, id_: UUID) -> Sequence[Event]:
    """What `decide` says of a post or a note here, where nothing waits for a customer's word.

    Most of what happens is talk, and no later step of a plot asks for it: so it is neither decided
    nor folded, which doubles the speed. A law holds it to what the rules say. Empty for the rest.
    """
    if not isinstance(command, c.Post | c.Note):
        return ()
    internal = isinstance(command, c.Note)
    return [Posted(entry=uuid5(id_, "entry"), text=command.text, internal=internal)]


def _decided(
    case: Case | None, command: c.Command, by: Actor, at: datetime, terms: Terms
) -> Sequence[Event]:
    events = decide(case, command, by=by, at=at, terms=terms)
    assert events, "no step of a plot changes nothing"
    assert all(isinstance(event, Event) for event in events), "none of these writes elsewhere"
    return cast("Sequence[Event]", events)


def _at_work(at: datetime) -> datetime:
    """That instant, or one in the next working hours."""
    if at.hour >= WORK_ENDS:
        at += _NIGHT
    elif at.hour < WORK_BEGINS:
        at += _MORNING
    return at + _WEEKEND if at.isoweekday() > LAST_WORKING_DAY else at


def _terms(desk: Desk, company: Company, command: UUID, new: tuple[UUID, str]) -> Terms:
    # A whole new one takes a third of the time that `replace` does.
    return Terms(
        command=command,
        account_id=company.id,
        account=company.account,
        catalogue=desk.catalogue,
        calendar=desk.calendars[company.account.calendar],
        people=company.people,
        new_case=new,
        versions=desk.versions[company.id],
    )


@cache
def _codec(master_key: bytes) -> Codec:
    return Codec(Keyring(master_key))


def _event(frame: Frame, command: CommandRef | None) -> bytes:
    """The columns behind position and time; the command's id stands on its first event."""
    topic = frame.topic.encode()
    return b"".join(
        (
            _VERSION.pack(16, frame.stream.bytes, 4, frame.version, len(topic)),
            topic,
            _ID.pack(16, command.id.bytes) if command else _NULL,
            _LENGTH.pack(len(frame.state)),
            frame.state,
        )
    )


def _keys(frame: Frame) -> Iterator[bytes]:
    for slot, wrapped in frame.keys.items():
        name = slot.encode()
        place = _VERSION.pack(16, frame.stream.bytes, 4, frame.version, len(name))
        yield b"".join((_KEY_COLUMNS, place, name, _LENGTH.pack(len(wrapped)), wrapped))
