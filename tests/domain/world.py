"""A small desk for the laws: a few cases of two accounts, kept with the state of every version."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid5

from domain import events as e
from domain.case import Case
from domain.commands import Command
from domain.configuration import Person, claim_stream
from domain.decide import decide
from domain.errors import NotPermitted, Refusal
from domain.fold import evolve, fold
from domain.permitted import permitted
from domain.recorded import CommandRef, Recorded
from domain.terms import OtherCase, Terms
from domain.values import Actor, Upload
from tests.domain import laws
from tests.domain.encoded import roundtrip
from tests.examples import ACCOUNTS, ACME, COMMAND, MONDAY, PEOPLE, TERMS

EXTERNAL_IDS = (("jira", "A"), ("jira", "B"), ("sap", "A"))


class World:
    """Asks the rules as the runtime does, and looks at each law after each answer."""

    accepted: ClassVar[Counter[type[Command]]] = Counter()
    happened: ClassVar[Counter[object]] = Counter()
    refused: ClassVar[Counter[type[Refusal]]] = Counter()

    def __init__(self) -> None:
        self.now = MONDAY
        self.histories: dict[UUID, list[Recorded]] = {}
        self.states: dict[UUID, list[Case]] = {}
        self.claims: dict[UUID, UUID | None] = {}
        self.people: dict[UUID, Person] = dict(PEOPLE)
        self.uploads: dict[UUID, Upload] = {}
        self.asked = 0

    @property
    def cases(self) -> list[Case]:
        """The cases as they are, in the order in which they were raised."""
        return [states[-1] for states in self.states.values()]

    def terms(self, case: Case | None, by: Actor, reference: str | None = None) -> Terms:
        """What the runtime would look up for the next command."""
        account = case.account if case else (by.account or ACME)
        command = uuid5(COMMAND, str(self.asked))
        other = next((x for x in self.cases if x.number == reference), None)
        return replace(
            TERMS,
            command=command,
            account_id=account,
            account=ACCOUNTS[account],
            people=self.people,
            uploads=self.uploads,
            other=OtherCase(other.id, other.number, other.account, other.is_open)
            if other
            else None,
            new_case=(uuid5(command, "case"), f"{len(self.states) + 1:08}"),
            claims={key: self.claims.get(claim_stream(account, *key)) for key in EXTERNAL_IDS},
        )

    def allowed(self, case: Case | None, by: Actor) -> Mapping[type[Command], NotPermitted | None]:
        return permitted(case, by, self.now, self.terms(case, by))

    def ask(self, case: Case | None, command: Command, by: Actor) -> None:
        """Ask, and record what happens."""
        self.asked += 1
        terms = self.terms(case, by, getattr(command, "into", getattr(command, "case", None)))
        told = permitted(case, by, self.now, terms).get(type(command))
        before = {stream: len(history) for stream, history in self.histories.items()}
        try:
            events = decide(case, command, by=by, at=self.now, terms=terms)
        except Refusal as refusal:
            World.refused[type(refusal)] += 1
            laws.refused_as_permitted_says(told, refusal)
            assert before == {stream: len(history) for stream, history in self.histories.items()}
            assert case is None or case == fold(None, self.histories[case.id])
            return
        assert told is None, f"{command!r} was accepted, and permitted said {told!r}"
        again = decide(case, command, by=by, at=self.now, terms=terms)
        assert list(events) == list(again), "a command that is decided again says the same"
        World.accepted[type(command)] += 1
        self._record(case, command, by, events, terms)
        laws.of_all_cases({case.id: case for case in self.cases})
        if case is not None:
            laws.of_an_answer(self.histories[case.id], self.states[case.id][-1], len(events))

    def _record(
        self, case: Case | None, command: Command, by: Actor, events: e.Events, terms: Terms
    ) -> None:
        assert terms.new_case is not None
        own = case.id if case else terms.new_case[0]
        name = type(command).__name__
        ref = CommandRef(id=terms.command, name=name, digest="", of=len(events))
        for item in events:
            stream, event = (
                (item.stream, item.event) if isinstance(item, e.Elsewhere) else (own, item)
            )
            self._append(stream, event, by, ref, here=stream == own)

    def _append(
        self, stream: UUID, event: e.Event, by: Actor, ref: CommandRef, *, here: bool
    ) -> None:
        history = self.histories.setdefault(stream, [])
        version = len(history) + 1
        recorded = Recorded(event, stream, version, self.now, by, command=ref)
        history.append(recorded)
        World.happened[getattr(event, "ground", type(event))] += 1
        World.happened[type(event)] += 1
        if isinstance(event, e.ExternalIdClaimed | e.ExternalIdReleased):
            self._claim(stream, event)
            return
        states = self.states.setdefault(stream, [])
        before = states[-1] if states else None
        kept = replace(before) if before else None
        after = evolve(before, recorded)
        assert fold(before, [recorded]) == after
        assert before == kept, "whoever has a case has it as it was"
        states.append(after)
        laws.of_a_step(before, recorded, after, here=here)
        if isinstance(event, e.Merged):
            assert self.states[event.into][-1].is_open
        if isinstance(event, e.Reopened) and event.assignee:
            assert self.people[event.assignee].can_have_cases

    def _claim(self, stream: UUID, event: e.ExternalIdClaimed | e.ExternalIdReleased) -> None:
        holder = self.claims.get(stream)
        if isinstance(event, e.ExternalIdClaimed):
            assert holder is None, "an external id stands for one case at a time"
            self.claims[stream] = event.case
        else:
            assert holder == event.case
            self.claims[stream] = None

    def replay(self) -> None:
        """Every prefix of every case's history gives the state as it was."""
        for stream, states in self.states.items():
            case: Case | None = None
            loaded = roundtrip(self.histories[stream])
            assert len(loaded) == len(states)
            for version, (recorded, kept) in enumerate(zip(loaded, states, strict=True), start=1):
                case = evolve(case, recorded)
                assert case == kept
                assert (recorded.version, case.version) == (version, version)

    def goes_on(self, at: datetime) -> None:
        """Time, and never back."""
        self.now = max(self.now, at)
