"""The activity of a case over HTTP: its conversation and the steps of its life, for people."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.auth import Scope
from api.bodies import Somebody
from api.cases import now_shown, unseen
from api.deps import READING, Asking, By, case_id
from api.showing import Showing
from domain import events as e
from domain.configuration import Person
from domain.errors import CaseUnknown
from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF
from domain.sentences import sentence
from projections import access, activity, cases
from projections.activity import Trace
from projections.shown import is_assignment, other_case, service_of

router = APIRouter(prefix="/api/v1", tags=["history"])

MODELS: Final = (access.NAME, activity.NAME, cases.NAME)
HIGHEST: Final = 2**62
TOP: Final = {"all": ("post", "step"), "posts": ("post",), "steps": ("step",)}


class Words(BaseModel):
    """An earlier version of an entry's words. For the desk and auditors."""

    text: str
    at: datetime


class File(BaseModel):
    """A file of an entry. `size` in bytes."""

    id: UUID
    name: str
    size: int
    removed: bool


class Said(BaseModel):
    """A post or a comment. `internal` is null for customers, `text` where it was removed."""

    id: UUID
    position: int
    at: datetime
    by: Somebody
    via: UUID | None
    text: str | None
    edited_at: datetime | None
    removed: bool
    internal: bool | None
    files: list[File]
    revisions: list[Words] | None


class Item(BaseModel):
    """A post with its comments, the oldest first; or a step in the life of the case.

    `last_position` is that of whatever happened in it last: what is new is above what one has seen.
    """

    kind: Literal["post", "step"]
    position: int
    last_position: int
    at: datetime
    by: Somebody
    sentence: str | None = None
    type: str | None = None
    internal: bool | None = None
    post: Said | None = None
    comments: list[Said] = []


class Activity(BaseModel):
    """What happened in a case, the newest first; `next` is to be sent as `before`."""

    items: list[Item]
    next: int | None


@router.get("/cases/{case}/activity", openapi_extra=READING)
async def case_activity(
    case: str,
    by: By,
    kind: Annotated[Literal["all", "posts", "steps"], Query(description="What is shown.")] = "all",
    before: Annotated[int, Query(ge=1, description="The `next` of the page before.")] = HIGHEST,
    limit: Annotated[int, Query(ge=1, le=100, description="Items a page.")] = 25,
) -> Activity:
    """The conversation and the life of a case, the newest first."""
    by.needs(Scope.CASES_READ)
    await by.reached(MODELS)
    row, internal = await now_shown(case_id(by.given, case), by), by.by.sees_internal
    if row is None:
        raise CaseUnknown
    async with by.given.reads.connection() as conn:
        top = await activity.top(
            conn, row.id, internal=internal, kinds=TOP[kind], before=before, most=limit + 1
        )
        posts = [one.entry for one in top[:limit] if one.kind == "post" and one.entry]
        parts = await activity.below(conn, row.id, posts, internal=internal) if posts else []
    traces = {one.position: one for one in (*top[:limit], *parts)}
    read = {r.position: r for r in await by.given.store.at(list(traces))}
    telling = await Telling.to(by, list(read.values()))
    items = [
        telling.post([read[p.position] for p in parts if p.thread == one.entry], traces)
        if one.kind == "post"
        else telling.step(read[one.position], internal=one.internal)
        for one in top[:limit]
    ]
    return Activity(items=items, next=top[limit - 1].position if len(top) > limit else None)


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells one viewer what happened, with the names that people have now."""

    by: Asking
    names: Mapping[UUID, str]
    unseen: Collection[UUID]
    names_assignee: bool

    @classmethod
    async def to(cls, by: Asking, read: Sequence[Recorded]) -> "Telling":
        """Who they are and what they do not see, of these events."""
        people = {p for r in read for p in (r.by.person, *_named(r.event)) if isinstance(p, UUID)}
        found = await by.given.documents.all(people)
        documents = {id_: in_force.document for id_, in_force in found.items()}
        names = {id_: d.name for id_, d in documents.items() if isinstance(d, Person)}
        named = (await Showing.to(by)).names_assignee
        return cls(by, names, await unseen(read, by), named)

    def step(self, recorded: Recorded, *, internal: bool) -> Item:
        """A step in the life of the case, as a sentence behind who did it."""
        return Item(
            kind="step",
            position=recorded.position,
            last_position=recorded.position,
            at=recorded.at,
            by=Somebody(id=None, name=None)
            if self._is_nameless(recorded)
            else self._somebody(recorded.by.person),
            sentence=self._sentence(recorded),
            type=NAME_OF[type(recorded.event)],
            internal=self._internal(internal=internal),
        )

    def post(self, parts: Sequence[Recorded], traces: Mapping[int, Trace]) -> Item:
        """A post with all that belongs to it, in order; the post itself is the first."""
        entries: dict[UUID, list[Recorded]] = {}
        for recorded in parts:
            if (entry := traces[recorded.position].entry) is not None:
                entries.setdefault(entry, []).append(recorded)
        said = [self._said(id_, own, traces[own[0].position]) for id_, own in entries.items()]
        return Item(
            kind="post",
            position=parts[0].position,
            last_position=parts[-1].position,
            at=parts[0].at,
            by=said[0].by,
            internal=said[0].internal,
            post=said[0],
            comments=said[1:],
        )

    def _said(self, entry: UUID, own: Sequence[Recorded], trace: Trace) -> Said:
        first = own[0]
        texts = [(r, r.event.text) for r in own if isinstance(r.event, _WITH_WORDS)]
        removed = any(isinstance(r.event, e.EntryRemoved) for r in own)
        earlier = [Words(text=text, at=r.at) for r, text in texts[: None if removed else -1]]
        return Said(
            id=entry,
            position=first.position,
            at=first.at,
            by=self._somebody(first.by.person),
            via=service_of(first.by),
            text=None if removed else texts[-1][1],
            edited_at=texts[-1][0].at if len(texts) > 1 else None,
            removed=removed,
            internal=self._internal(internal=trace.internal),
            files=_files(own),
            revisions=earlier if self.by.by.sees_internal else None,
        )

    def _sentence(self, recorded: Recorded) -> str:
        if other_case(recorded.event) in self.unseen and not isinstance(recorded.event, e.Created):
            return "tied it to another case, or untied it"
        name = _somebody_of_the_desk if self._is_nameless(recorded) else self._name
        return sentence(recorded, name, for_desk=self.by.by.sees_internal)

    def _is_nameless(self, recorded: Recorded) -> bool:
        return not self.names_assignee and is_assignment(recorded.event)

    def _internal(self, *, internal: bool) -> bool | None:
        return internal if self.by.by.sees_internal else None

    def _somebody(self, person: UUID | str) -> Somebody:
        return Somebody(
            id=person, name=self.names.get(person) if isinstance(person, UUID) else None
        )

    def _name(self, person: UUID | str) -> str:
        return self.names.get(person, "somebody") if isinstance(person, UUID) else person


def _somebody_of_the_desk(_person: UUID | str) -> str:
    return "somebody of the desk"


_WITH_WORDS: Final = (e.Posted, e.Commented, e.EntryEdited)


def _named(event: e.Event) -> Collection[UUID | None]:
    return [event.field("assignee"), event.field("person")]


def _files(own: Sequence[Recorded]) -> list[File]:
    gone = {r.event.attachment for r in own if isinstance(r.event, e.AttachmentRemoved)}
    added = [r.event for r in own if isinstance(r.event, e.AttachmentAdded)]
    return [
        File(id=f.attachment, name=f.name, size=f.size, removed=f.attachment in gone) for f in added
    ]
