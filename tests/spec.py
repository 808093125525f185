"""The grammar of the rules' tests: given what happened, when this is asked, then that happens.

As in emmett. No database: `given` folds, `when` decides, `then` compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest

from domain.case import Case
from domain.commands import Command
from domain.decide import decide
from domain.errors import Refusal
from domain.events import Elsewhere, Event
from domain.fold import fold
from domain.permitted import permitted
from domain.recorded import Recorded
from domain.terms import Terms
from domain.values import Actor
from tests.examples import ANNA, CASE, HOUR, MONDAY, TERMS, Happened


def recorded(*past: Event | Happened, after: Sequence[Recorded] = ()) -> list[Recorded]:
    """What happened, in its place in the history of Clara's case; a bare event is Anna's."""
    history = list(after)
    for item in past:
        happened = item if isinstance(item, Happened) else Happened(item, ANNA)
        last = history[-1].at if history else MONDAY - HOUR
        history.append(
            Recorded(
                event=happened.event,
                stream=CASE,
                version=len(history) + 1,
                at=happened.at or last + HOUR,
                by=happened.by,
            )
        )
    return history


def given(*past: Event | Happened) -> "Given":
    return Given(recorded(*past))


@dataclass(frozen=True)
class Given:
    history: list[Recorded]

    @property
    def case(self) -> Case:
        case = fold(None, self.history)
        assert case is not None
        return case

    def allowed(
        self, *, by: Actor, at: datetime | None = None, terms: Terms = TERMS
    ) -> set[type[Command]]:
        """The commands that role and state would let through."""
        told = permitted(self.case, by, at or self.history[-1].at + HOUR, terms)
        return {command for command, refused in told.items() if refused is None}

    def when(
        self, command: Command, *, by: Actor, at: datetime | None = None, terms: Terms = TERMS
    ) -> "Outcome":
        """`at` None: an hour after what happened last."""
        last = self.history[-1].at if self.history else MONDAY - HOUR
        return Outcome(self.history, command, by, at or last + HOUR, terms)


@dataclass(frozen=True)
class Outcome:
    history: list[Recorded]
    command: Command
    by: Actor
    at: datetime
    terms: Terms

    @property
    def events(self) -> Sequence[Event | Elsewhere]:
        """What the command makes happen."""
        case = fold(None, self.history)
        return decide(case, self.command, by=self.by, at=self.at, terms=self.terms)

    @property
    def case(self) -> Case:
        """The case after it."""
        return self.so.case

    @property
    def so(self) -> Given:
        """What has happened then: for a story of several commands."""
        own = [Happened(x, self.by, self.at) for x in self.events if isinstance(x, Event)]
        return Given(recorded(*own, after=self.history))

    def then(self, *expected: Event | Elsewhere) -> None:
        assert list(self.events) == list(expected)
        assert _given_fields(self.events) == _given_fields(expected)

    def then_nothing(self) -> None:
        self.then()

    def then_refused(self, refusal: type[Refusal], **details: object) -> Refusal:
        """`details`: those that matter; the refusal, for those that want to read its sentence."""
        with pytest.raises(refusal) as raised:
            _ = self.events
        assert type(raised.value) is refusal
        assert raised.value.details | details == raised.value.details
        return raised.value


def _given_fields(events: Sequence[Event | Elsewhere]) -> list[set[str]]:
    """Pydantic holds a field that was emptied and one that was left out for equal; we do not."""
    told = (item.event if isinstance(item, Elsewhere) else item for item in events)
    return [event.model_fields_set for event in told if event.partial]
