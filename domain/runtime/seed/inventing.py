"""Invents cases by themselves: decided by the rules, encoded and encrypted like any other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from random import Random
from typing import Final, NamedTuple, cast
from uuid import UUID, uuid5

from domain import commands as c
from domain.calendar import Calendar
from domain.case import Case
from domain.configuration import Account, Catalogue, Person
from domain.decide import decide
from domain.events import Event, Posted
from domain.fold import evolve
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.codec import Codec
from domain.runtime.frames import Frame
from domain.runtime.keys import Keyring
from domain.runtime.seed import desk
from domain.runtime.seed.lives import TOPICS
from domain.terms import Terms
from domain.values import Actor, ResolutionType, ResolvedBy, Severity

SEED: Final = Cause("seed")
_SEVERITIES: Final = (
    *[Severity.STANDARD] * 12,
    *[Severity.LOW] * 5,
    *[Severity.URGENT] * 3,
    Severity.CRITICAL,
)
TAKE: Final = c.Take()
_POSTS: Final = (
    "Could you send us the log of the last hour?",
    "We can see it here, too, and look for the cause.",
    "It happens about twice a day, mostly in the morning.",
    "The correction is in test, we expect it this week.",
    "Is there any news? Our colleagues ask us every day.",
    "We restarted the service at 14:10; please watch it.",
)


@dataclass(frozen=True, slots=True)
class Company:
    """An account with its people."""

    id: UUID
    account: Account
    people: Mapping[UUID, Person]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all invented cases share; it goes to other processes."""

    master_key: bytes
    build: str
    log: UUID
    seed: int
    now: datetime
    companies: Sequence[Company]
    agents: Sequence[UUID]
    people: Mapping[UUID, Person]
    catalogue: Catalogue
    versions: Mapping[UUID, Mapping[str, int]]
    """By account: the versions of the documents that its cases are judged by."""


class Invented(NamedTuple):
    """Lines for COPY: events without position and time of recording, and keys."""

    cases: int
    events: list[bytes]
    keys: list[bytes]


def invent(setting: Setting, start: int, first: int, count: int) -> Invented:
    """The cases from the `start`-th on; `first` is the number of the first of them."""
    codec = _codec(setting.master_key)
    made = Invented(count, [], [])
    for n in range(count):
        for command in story(setting, codec, start + n, first + n):
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
    company = chance.choice(setting.companies)
    new = uuid5(setting.log, f"case {number}")
    terms = _terms(setting, company, new, number)
    at = setting.now - timedelta(hours=chance.expovariate(1 / 2_400) % 17_000)
    case: Case | None = None
    version = 0
    for n, (by, command) in enumerate(_life(setting, company, chance)):
        id_ = UUID(bytes=blake2b(b"%d" % n, key=terms.command.bytes, digest_size=16).digest())
        talk = isinstance(command, c.Post | c.Note)
        events = _said(command, id_) if talk else _decided(case, command, by, at, terms, id_)
        if not events:
            continue
        digest = codec.digest(new if version else None, command, by)
        ref = CommandRef(id_, type(command).__name__, digest, len(events))
        told: list[Recorded] = []
        for event in events:
            version += 1
            recorded = Recorded(
                event=event,
                stream=new,
                version=version,
                at=at,
                by=by,
                command=ref,
                cause=SEED,
                documents=terms.versions,
                build=setting.build,
            )
            case = case if talk else evolve(case, recorded)
            told.append(recorded)
        yield told
        at = min(at + timedelta(minutes=chance.expovariate(1 / 300)), setting.now)


def _said(command: c.Command, id_: UUID) -> Sequence[Event]:
    """What `decide` says of a post or a note here, where nothing waits for a customer's word.

    Most of what happens is talk, and no later step of a life asks for it: so it is neither decided
    nor folded, which doubles the speed. A law holds it to what the rules say.
    """
    assert isinstance(command, c.Post | c.Note), "nothing else is said without being decided"
    internal = isinstance(command, c.Note)
    return [Posted(entry=uuid5(id_, "entry"), text=command.text, internal=internal)]


def _decided(
    case: Case | None, command: c.Command, by: Actor, at: datetime, terms: Terms, id_: UUID
) -> Sequence[Event]:
    # A whole new one takes a third of the time that `replace` does.
    asked = Terms(
        command=id_,
        account_id=terms.account_id,
        account=terms.account,
        catalogue=terms.catalogue,
        calendar=terms.calendar,
        people=terms.people,
        new_case=terms.new_case,
        versions=terms.versions,
    )
    events = decide(case, command, by=by, at=at, terms=asked)
    assert all(isinstance(event, Event) for event in events), "none of these writes elsewhere"
    return cast("Sequence[Event]", events)


def _life(setting: Setting, company: Company, chance: Random) -> Iterator[tuple[Actor, c.Command]]:
    """Who asks for what, in order."""
    topic = chance.choice(TOPICS)
    customer = _actor(chance.choice(list(company.people)), company.people)
    agent = _actor(chance.choice(setting.agents), setting.people)
    yield (
        customer,
        c.Create(
            application=topic["application"],
            type=topic["type"],
            severity=chance.choice(_SEVERITIES),
            subject=f"{topic['subject']} ({chance.randrange(100, 1000)})",
            description=topic["description"],
            customer_reference=f"PO-{chance.randrange(10_000)}" if chance.random() < 0.4 else None,  # noqa: PLR2004  two of five
        ),
    )
    if chance.random() < 0.06:  # noqa: PLR2004  what nobody has yet
        return
    yield agent, TAKE
    yield agent, _post(topic["question"])
    yield customer, _post(topic["reply"])
    for _ in range(int(chance.expovariate(0.5)) % 12):
        yield chance.choice((agent, customer)), _post(chance.choice(_POSTS))
    if chance.random() < 0.5:  # noqa: PLR2004  every other
        yield agent, _note(topic["note"])
        yield agent, c.ChangeTags(add=(chance.choice(("known-error", "usage", "release", "site")),))
    if chance.random() < 0.1:  # noqa: PLR2004  one of ten
        yield customer, c.Escalate(comment="This stops our work.")
        if chance.random() < 0.7:  # noqa: PLR2004  most of them
            yield agent, c.Deescalate(justification="Workaround.", message="A workaround helps.")
    end = chance.random()
    if end < 0.25:  # noqa: PLR2004  still open
        return
    if end < 0.7:  # noqa: PLR2004  solved and accepted
        yield (
            agent,
            c.Resolve(
                type=ResolutionType.PROVIDED,
                root_cause=topic["root_cause"],
                summary=topic["summary"],
            ),
        )
        yield customer, c.AcceptResolution()
        if chance.random() < 0.3:  # noqa: PLR2004  three of ten say how it went
            yield customer, c.Rate(score=chance.choice((5, 5, 4, 4, 3, 2)))
    elif end < 0.9:  # noqa: PLR2004  closed at the customer's wish
        yield customer, c.RequestClose(resolved_by=ResolvedBy.OWN)
        yield agent, c.Close()
    else:
        yield agent, c.Close(reason="No answer to three questions.")


@cache
def _post(text: str) -> c.Post:
    return c.Post(text=text)


@cache
def _note(text: str) -> c.Note:
    return c.Note(text=text)


def _terms(setting: Setting, company: Company, new: UUID, number: int) -> Terms:
    calendar = desk.MUNICH if company.account.calendar == desk.MUNICH.key else Calendar()
    return Terms(
        command=uuid5(setting.log, f"seed {setting.seed} {number}"),
        account_id=company.id,
        account=company.account,
        catalogue=setting.catalogue,
        calendar=calendar,
        people=_people(setting, company),
        new_case=(new, f"{number:08}"),
        versions=setting.versions[company.id],
    )


_KNOWN: Final[dict[UUID, Mapping[UUID, Person]]] = {}


def _people(setting: Setting, company: Company) -> Mapping[UUID, Person]:
    if company.id not in _KNOWN:
        _KNOWN[company.id] = {**setting.people, **company.people}
    return _KNOWN[company.id]


@cache
def _codec(master_key: bytes) -> Codec:
    return Codec(Keyring(master_key))


def _actor(person: UUID, people: Mapping[UUID, Person]) -> Actor:
    return Actor(id=person, role=people[person].role, account=people[person].account)


def _event(frame: Frame, command: CommandRef | None) -> bytes:
    """The columns behind position and time; the command's id stands on its first event."""
    id_ = command.id if command else "\\N"
    line = f"{frame.stream}\t{frame.version}\t{frame.topic}\t{id_}\t\\\\x"
    return line.encode() + frame.state.hex().encode() + b"\n"


def _keys(frame: Frame) -> Iterator[bytes]:
    for slot, wrapped in frame.keys.items():
        yield f"{frame.stream}\t{frame.version}\t{slot}\t\\\\x{wrapped.hex()}\n".encode()
