"""What happens to the seeded cases: each life is a few steps, told in the words of its topic."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain import commands as c
from domain.values import (
    Awaited,
    EscalationReason,
    LinkKind,
    ResolutionType,
    ResolvedBy,
    Severity,
)

TOPICS: Final[Sequence[Mapping[str, str]]] = tomllib.loads(
    (Path(__file__).parent / "cases.toml").read_text()
)["case"]


@dataclass
class Story:
    """One case while it is told: its words, and the entries that later steps name."""

    topic: Mapping[str, str]
    other: Callable[[], str]
    """The number of another open case of the account."""
    agent: UUID
    now: datetime
    entries: dict[str, UUID] = field(default_factory=dict)

    def resolve(self) -> c.Resolve:
        return c.Resolve(
            type=ResolutionType.PROVIDED,
            root_cause=self.topic["root_cause"],
            summary=self.topic["summary"],
        )


Tells = Callable[[Story], c.Command]


class Step(NamedTuple):
    """So many hours after the step before, somebody gives a command; `who` by their part in it."""

    hours: float
    who: str
    tells: Tells


def _says(command: c.Command) -> Tells:
    return lambda _story: command


def _words(kind: type[c.Command], of: str, field_: str = "text") -> Tells:
    return lambda story: kind.model_validate({field_: story.topic[of]})


TAKE: Final = Step(1.2, "agent", _says(c.Take()))
ASK: Final = Step(0.6, "agent", _words(c.Post, "question"))
REPLY: Final = Step(
    5.5, "customer",
    lambda s: c.Comment(post=s.entries["agent"], text=s.topic["reply"]),
)  # fmt: skip
NOTE: Final = Step(2.0, "agent", _words(c.Note, "note"))
RESOLVE: Final = Step(20.0, "agent", Story.resolve)
ACCEPT: Final = Step(19.0, "customer", _says(c.AcceptResolution(comment="Works, thank you.")))
REQUEST: Final = Step(
    26.0, "customer",
    _says(c.RequestClose(resolved_by=ResolvedBy.PROVIDED, comment="That was it, thank you.")),
)  # fmt: skip
CONFIRM: Final = Step(3.0, "agent", _says(c.Close()))
GIVE_UP: Final = Step(
    120.0, "agent", _says(c.Close(reason="No answer to three questions; we close for now."))
)
ESCALATE: Final = Step(
    24.0, "customer",
    _says(c.Escalate(comment="This stops our work.", reason=EscalationReason.UNRESOLVED)),
)  # fmt: skip
CALM: Final = Step(
    4.0, "agent",
    _says(c.Deescalate(
        justification="Specialist is on it, workaround accepted by phone.",
        message="A workaround is in place; the correction follows this week.",
    )),
)  # fmt: skip
WATCH: Final = Step(0.4, "admin", _says(c.Watch()))
TAG: Final = Step(0.1, "agent", _says(c.ChangeTags(add=("known-error",))))
REOPEN: Final = Step(50.0, "customer", _says(c.Reopen(comment="It is back since this morning.")))


def _rate(score: int, comment: str) -> Step:
    return Step(30.0, "customer", _says(c.Rate(score=score, comment=comment)))


def _await(awaited: Awaited, reason: str, days: int | None = None) -> Step:
    def tells(story: Story) -> c.Command:
        until = story.now + timedelta(days=days) if days else None
        return c.Await(awaited=awaited, until=until, reason=reason)

    return Step(0.3, "agent", tells)


TALK: Final = (TAKE, ASK, REPLY, NOTE)
MISHAP: Final = (
    Step(0.2, "agent", _says(c.Post(text="Tell them nothing of the contract yet."))),
    Step(0.1, "agent", lambda s: c.MakeInternal(entry=s.entries["agent"])),
    Step(0.2, "agent", _says(c.Post(text="We are looking into it, and come back today."))),
    Step(0.1, "agent", lambda s: c.EditEntry(
        entry=s.entries["agent"], text="We are looking into it and come back by noon.")),
    _await(Awaited.CUSTOMER, "The list of nodes."),
    Step(1.0, "customer", _says(c.Post(text="Wrong case, sorry."))),
    Step(0.1, "customer", lambda s: c.RemoveEntry(entry=s.entries["customer"])),
)  # fmt: skip
OFFICE: Final = (
    Step(0.2, "agent", _says(c.ChangeSeverity(severity=Severity.URGENT))),
    Step(0.2, "agent", _says(c.ChangeDetails(customer_reference="PO-2026-118", external_ids={}))),
    _await(Awaited.THIRD_PARTY, "The carrier looks into it."),
    Step(0.3, "agent", _says(c.Resume())),
    Step(0.2, "admin", _says(c.ChangeRecipients(add=("it-lead@partner.example",)))),
    WATCH,
    Step(0.2, "admin", _says(c.Unwatch())),
    Step(0.3, "agent", lambda s: c.Link(kind=LinkKind.RELATED, case=s.other())),
    Step(0.1, "agent", lambda s: c.Unlink(kind=LinkKind.RELATED, case=s.other())),
    Step(0.1, "agent", lambda s: c.Link(kind=LinkKind.CAUSED_BY, case=s.other())),
    Step(0.5, "agent", _says(c.Unassign(reason="Off until Monday."))),
    Step(0.1, "agent", _says(c.Assign(team="platform"))),
    Step(0.9, "agent", lambda s: c.Assign(assignee=s.agent, team="platform")),
)  # fmt: skip


class Life(NamedTuple):
    """Steps, and where they lie: the first so many days ago, or the last on a certain day.

    `closed`: the last closing lies so many working days ago, of those in which it may be reopened.
    """

    steps: Sequence[Step]
    days: float = 0.0
    closed: int | None = None


LIVES: Final[Sequence[Life]] = (
    Life((), 0.3),
    Life((TAKE, ASK), 0.9),
    Life((*TALK, WATCH), 2.1),
    Life((TAKE, ASK, _await(Awaited.CUSTOMER, "The value of the setting.")), 1.8),
    Life((*TALK, _await(Awaited.THIRD_PARTY, "The carrier looks into it.")), 3.2),
    Life((*TALK, _await(Awaited.DATE, "Window agreed with operations.", 12)), 4.0),
    Life((*TALK, ESCALATE), 2.6),
    Life((*TALK, ESCALATE, CALM, *OFFICE), 9.0),
    Life((*TALK, REQUEST), 3.4),
    Life((*TALK, REQUEST, Step(2.0, "customer", _says(c.WithdrawCloseRequest())),
          Step(20.0, "customer", REQUEST.tells),
          Step(2.0, "agent", _says(c.DeclineCloseRequest(reason="One node is still slow.")))), 8.0),
    Life((*TALK, RESOLVE), 2.9),
    Life((*TALK, RESOLVE, Step(9.0, "customer", _says(c.RejectResolution(
        comment="We did that and it is the same."))), RESOLVE, Step(3.0, "customer", _words(
        c.Post, "reply")), RESOLVE), 8.0),
    Life((*TALK, TAG, RESOLVE, ACCEPT, _rate(5, "Quick and friendly."))),
    Life((*TALK, *MISHAP, REQUEST, CONFIRM, _rate(2, "Took long, but it works."))),
    Life((TAKE, ASK, GIVE_UP)),
    Life((*TALK, RESOLVE, Step(0.0, "timer", _says(c.Close())))),
    Life((*TALK, REQUEST, Step(0.0, "timer", _says(c.Close())))),
    Life((*TALK, RESOLVE, ACCEPT), closed=13),
    Life((*TALK, RESOLVE, ACCEPT), closed=15),
    Life((*TALK, RESOLVE, ACCEPT, REOPEN, NOTE), 12.0),
)  # fmt: skip

# Once each, after the others: what needs two cases, or destroys words.
FOLLOW_UP: Final = Step(0.0, "customer", _says(c.FollowUp(
    description="It began again, with the same picture as last time.")))  # fmt: skip
REDACT: Final = Step(0.0, "support", _says(c.Redact(version=1, reason="It named a patient.")))
MERGE: Final = Step(0.0, "agent", lambda s: c.Merge(into=s.other()))
UNMERGE: Final = Step(0.5, "agent", _says(c.Unmerge()))
ERASE: Final = Step(0.0, "operator", _says(c.Erase(reason="The company asked for it.")))


def create(topic: Mapping[str, str], recipients: Sequence[str], external: str | None) -> c.Create:
    """How a case begins."""
    given: dict[str, Any] = {k: topic[k] for k in ("application", "type", "severity", "subject")}
    ids = {"jira": external} if external else {}
    return c.Create(
        description=topic["description"], recipients=recipients, external_ids=ids, **given
    )
