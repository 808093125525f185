"""The seeded cases as they are told in the .toml files: what was raised, and who then did what.

A step is `[hours, who, what, words, {fields}]`: so many hours after the one before (negative: so
long before now), somebody by their first name, a command by its path. The words go to the field in
`WORDS`; words and fields may be left out. `answer` comments below the last post and `discuss` below
the last note. `"#trucks"` means that case, `"#tom"` that person, `until` counts days.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args
from uuid import UUID

from domain import commands as c
from domain import events as e
from domain.recorded import Recorded
from domain.runtime.seed import desk
from domain.values import Actor, Role

FILES: Final = ("nordwind", "cascade", "paulista")
COMMANDS: Final[Mapping[str, type[c.CaseCommand]]] = {
    **{kind.path(): kind for kind in get_args(c.CaseCommand)},
    **dict.fromkeys(("answer", "discuss"), c.Comment),
}
WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("post", "note", "answer", "discuss", "edit-entry"), "text"),
    **dict.fromkeys(("escalate", "accept-resolution", "reject-resolution"), "comment"),
    **dict.fromkeys(("request-close", "reopen", "rate"), "comment"),
    **dict.fromkeys(("await", "close", "decline-close-request", "unassign"), "reason"),
    **dict.fromkeys(("redact", "erase"), "reason"),
    "resolve": "summary",
    "follow-up": "description",
}
BELOW: Final = {"answer": False, "discuss": True}  # whether it is below what is internal
OF_THEIR_OWN: Final = ("edit-entry", "remove-entry", "make-internal")
PEOPLE: Final[Mapping[str, UUID]] = {
    (person.email or "").split("@")[0].split(".")[0]: id_ for id_, person in desk.PEOPLE.items()
}
NOBODY: Final[Mapping[str, Actor]] = {
    "timer": Actor(id="system:timekeeper", role=Role.SYSTEM),
    "operator": desk.SEEDER,
}
Numbers = Callable[[str], str]


class Step(NamedTuple):
    """What somebody does next in a case."""

    hours: float
    who: str
    what: str
    words: str | None
    fields: Mapping[str, Any]


class Story(NamedTuple):
    """A case from beginning to end.

    It begins `ago` days before now, or its last closing lies `closed` working days back.
    """

    key: str
    by: str
    via: str | None
    ago: float | None
    closed: int | None
    raised: Mapping[str, Any]
    steps: Sequence[Step]

    def create(self) -> c.Create:
        """How it is raised: whoever raises it for somebody names them."""
        given = dict(self.raised)
        if self.via:
            given |= {"account": account_of(self), "contact": PEOPLE[self.by]}
        return c.Create.model_validate(given)


def account_of(story: Story) -> UUID:
    """Whose case it is."""
    account = desk.PEOPLE[PEOPLE[story.by]].account
    assert account is not None, "the contact is a customer"
    return account


def actor(who: str) -> Actor:
    """Somebody by their first name."""
    if who in NOBODY:
        return NOBODY[who]
    of = desk.PEOPLE[PEOPLE[who]]
    return Actor(id=PEOPLE[who], role=of.role, account=of.account)


def raised_by(story: Story) -> Actor:
    """The contact, an agent for them, or a program on their behalf."""
    by = actor(story.via or story.by)
    if by.role is not Role.SERVICE:
        return by
    contact = actor(story.by)
    return contact.model_copy(update={"id": by.id, "on_behalf_of": contact.id})


def command(
    step: Step, history: Sequence[Recorded], at: datetime, number_of: Numbers
) -> c.CaseCommand:
    """What the step asks for, of a case with this history."""
    given = {name: _meant(name, value, at, number_of) for name, value in step.fields.items()}
    if step.words is not None:
        given[WORDS[step.what]] = step.words
    if step.what in OF_THEIR_OWN:
        given["entry"] = _last_by(step.who, history)
    elif step.what == "redact":
        given["entry"] = _last_by(str(given.pop("of")), history)
    elif step.what in BELOW:
        given["post"] = _last_post(history, internal=BELOW[step.what])
    return COMMANDS[step.what].model_validate(given)


def _last_by(who: str, history: Sequence[Recorded]) -> UUID:
    """The last entry of this person."""
    return next(
        r.event.entry
        for r in reversed(history)
        if isinstance(r.event, e.Posted | e.Commented) and r.by.person == PEOPLE[who]
    )


def _last_post(history: Sequence[Recorded], *, internal: bool) -> UUID:
    """The last post, or note, that is what it was when it was written."""
    gone = {r.event.entry for r in history if isinstance(r.event, e.EntryRemoved | e.MadeInternal)}
    return next(
        r.event.entry
        for r in reversed(history)
        if isinstance(r.event, e.Posted)
        and r.event.internal == internal
        and r.event.entry not in gone
    )


def _meant(name: str, value: object, at: datetime, number_of: Numbers) -> object:
    match value:
        case float() | int() if name == "until":
            return (at + timedelta(days=value)).replace(minute=0, second=0)
        case str() if value.startswith("#"):
            return PEOPLE[value[1:]] if name == "assignee" else number_of(value[1:])
    return value


def _step(told: Sequence[Any]) -> Step:
    hours, who, what, *more = told
    words = next((one for one in more if isinstance(one, str)), None)
    fields = next((one for one in more if isinstance(one, dict)), {})
    return Step(hours, who, what, words, fields)


def _stories() -> Iterator[Story]:
    for name in FILES:
        text = (Path(__file__).parent / f"{name}.toml").read_text()
        for case in tomllib.loads(text)["case"]:
            key, by, via = case.pop("key"), case.pop("by"), case.pop("via", None)
            ago, closed = case.pop("ago", None), case.pop("closed", None)
            steps = [_step(one) for one in case.pop("told")]
            yield Story(key, by, via, ago, closed, case, steps)


STORIES: Final[Sequence[Story]] = tuple(_stories())
