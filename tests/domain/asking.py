"""Well-formed commands of every kind, which name what is there and now and then what is not."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from domain import commands as c
from domain.case import Case
from domain.values import (
    Actor,
    Awaited,
    EscalationReason,
    ResolutionType,
    ResolvedBy,
    Severity,
    Upload,
)
from tests.domain.world import EXTERNAL_IDS, World
from tests.examples import (
    ALAN,
    ANNA,
    CREATE,
    DAY,
    EVERYBODY,
    HOUR,
    MOMENT,
    PEOPLE,
    TIMEKEEPER,
    id_of,
    named,
)

_T = TypeVar("_T")
RARELY: Final = 0.15
NOWHERE: Final = named("nothing")
WORDS: Final = ("Hello.", "No.", "Which version?")
ADDRESSES: Final = ("a@acme.com", "b@acme.de", "x@law.com", "g@globex.com")
FIELDS: Final[Mapping[str, tuple[object, ...]]] = MappingProxyType({
    "contact": tuple(PEOPLE),
    "phone": ("+4930901820", "030 901820", None),
    "tech_profile": ("production", None),
    "application": ("atlas", "bora"),
    "product_version": ("1.0", "7", None),
    "component": ("gateway", None),
    "type": ("services", "product-issue"),
    "category": ("performance", None),
    "customer_reference": ("PO 7", None),
    "subject": WORDS,
    "description": WORDS,
})  # fmt: skip


class Choose:
    """Chooses the words of one command; the same again for the same chance in the same world."""

    def __init__(self, chance: Random, world: World, case: Case | None, asking: Actor) -> None:
        self._chance, self.world, self.case, self.asking = chance, world, case, asking

    def one(self, options: Sequence[_T]) -> _T:
        return self._chance.choice(options)

    def rarely(self) -> bool:
        return self._chance.random() < RARELY

    def some(self, options: Sequence[_T], most: int = 2) -> tuple[_T, ...]:
        return tuple(self._chance.sample(options, self._chance.randint(0, most)))

    def there(self, known: Mapping[UUID, object]) -> UUID:
        """Something of the case; rarely something that is not."""
        return NOWHERE if not known or self.rarely() else self.one(tuple(known))

    def words(self) -> str:
        return self.one(WORDS)

    def person(self) -> UUID:
        return self.one((*PEOPLE, NOWHERE))

    def agent(self) -> UUID:
        return self.person() if self.rarely() else self.one((id_of(ANNA), id_of(ALAN)))

    def number(self) -> str:
        return self.one([case.number for case in self.world.cases] + ["99999999"])

    def files(self, least: int = 0) -> tuple[UUID, ...]:
        """New uploads; rarely one of one's own that is attached already."""
        own = [id_ for id_, file in self.world.uploads.items() if file.by == self.asking.id]
        if own and self.rarely():
            return (self.one(own),)
        new = tuple(
            uuid5(NOWHERE, f"{self.world.asked}/{n}")
            for n in range(max(least, self.one((0, 0, 0, 1))))
        )
        for id_ in new:
            self.world.uploads[id_] = Upload(
                id=id_,
                name="a.log",
                size=1,
                media_type="text/plain",
                digest="ab",
                by=self.asking.id,
            )
        return new

    def fields(self) -> dict[str, object]:
        return {name: self.one(FIELDS[name]) for name in self.some(tuple(FIELDS), 3)}

    def external_ids(self) -> dict[str, str]:
        return dict(self.some(EXTERNAL_IDS, 1))

    def create(self) -> dict[str, object]:
        needed = {"type": "services", "application": "atlas", "subject": "x", "description": "x"}
        contact = (
            {} if self.asking.is_customer and not self.rarely() else {"contact": self.person()}
        )
        more = self.some(ADDRESSES), self.files(), self.external_ids()
        optional = dict(zip(("recipients", "attachments", "external_ids"), more, strict=True))
        return needed | contact | (self.fields() if self.rarely() else {}) | optional

    def waiting(self) -> dict[str, object]:
        awaited = self.one(tuple(Awaited))
        until = self.world.now + self.one((DAY, -DAY, 3 * DAY))
        return {"awaited": awaited, "until": until if awaited is Awaited.DATE else None}

    def target(self) -> dict[str, object]:
        assert self.case is not None
        kind = self.one(("entry", "attachment", "version"))
        targets: dict[str, object] = {
            "entry": self.there(self.case.entries),
            "attachment": self.there(self.case.attachments),
            "version": self.one(range(1, self.case.version + 2)),
        }
        return {kind: targets[kind], "reason": "Private."}

    def link(self) -> dict[str, object]:
        return {"kind": self.one(c.LINKABLE), "case": self.number()}

    def entry(self) -> dict[str, object]:
        """Mostly an own one."""
        assert self.case is not None
        entries, person = self.case.entries, self.asking.person
        own = {id_: entry for id_, entry in entries.items() if entry.author == person}
        return {"entry": self.there(own if own and not self.rarely() else entries)}

    def comment(self) -> dict[str, object]:
        assert self.case is not None
        posts = {id_: x for id_, x in self.case.entries.items() if not x.post or self.rarely()}
        return {"post": self.there(posts), "text": self.words(), "attachments": self.files()}

    def attachment(self) -> dict[str, object]:
        assert self.case is not None
        return {"attachment": self.there(self.case.attachments)}

    def watcher(self) -> dict[str, object]:
        return {"person": self.person() if self.rarely() else None}


HOW: Final[Mapping[type[c.Command], Callable[[Choose], dict[str, Any]]]] = MappingProxyType({
    c.Create: Choose.create,
    c.Take: lambda _: {},
    c.Assign: lambda x: {"assignee": x.agent(), "team": x.one(("network", "billing", None))},
    c.Unassign: lambda x: {"reason": x.words()},
    c.Post: lambda x: {"text": x.words(), "attachments": x.files()},
    c.Note: lambda x: {"text": x.words(), "attachments": x.files()},
    c.Comment: Choose.comment,
    c.MakeInternal: Choose.entry,
    c.EditEntry: lambda x: x.entry() | {"text": f"{x.words()} {x.world.asked}"},
    c.RemoveEntry: Choose.entry,
    c.AddAttachment: lambda x: {"attachments": x.files(1)} | (x.entry() if x.rarely() else {}),
    c.RemoveAttachment: Choose.attachment,
    c.Await: Choose.waiting,
    c.Resume: lambda _: {},
    c.ChangeSeverity: lambda x: {"severity": x.one(tuple(Severity))},
    c.ChangeDetails: lambda x: x.fields() | {"external_ids": x.external_ids()},
    c.ChangeTags: lambda x: {"add": x.some(("vpn", "slow")), "remove": x.some(("vpn", "slow"))},
    c.ChangeRecipients: lambda x: {"add": x.some(ADDRESSES), "remove": x.some(ADDRESSES, 1)},
    c.Escalate: lambda x: {"comment": x.words(), "reason": x.one(tuple(EscalationReason))},
    c.Deescalate: lambda x: {"justification": x.words(), "message": x.words()},
    c.Resolve: lambda x: {"type": x.one(tuple(ResolutionType)), "root_cause": "x", "summary": "x"},
    c.AcceptResolution: lambda x: {"comment": x.one((None, "Good."))},
    c.RejectResolution: lambda x: {"comment": x.words()},
    c.RequestClose: lambda x: {"resolved_by": x.one(tuple(ResolvedBy))},
    c.WithdrawCloseRequest: lambda _: {},
    c.DeclineCloseRequest: lambda x: {"reason": x.words()},
    c.Close: lambda x: {"reason": x.one((None, "Done."))},
    c.Reopen: lambda x: {"comment": x.words()},
    c.FollowUp: lambda x: {"description": x.words(), "subject": x.one((None, "Again"))},
    c.Merge: lambda x: {"into": x.number()},
    c.Unmerge: lambda _: {},
    c.Link: Choose.link,
    c.Unlink: Choose.link,
    c.Rate: lambda x: {"score": x.one(range(1, 6))},
    c.Watch: Choose.watcher,
    c.Unwatch: Choose.watcher,
    c.Redact: Choose.target,
    c.Erase: lambda x: {"reason": x.words()},
    c.Forget: lambda x: {"person": x.person(), "email": x.one(ADDRESSES), "reason": x.words()},
})  # fmt: skip


def moment(chance: Random, case: Case, now: datetime) -> datetime:
    """Soon; or just before, or at, an instant at which something ends."""
    life, rating = case.life, case.rating
    ends = [
        life.closed.window.until if life.closed else None,
        life.requested.closes_at if life.requested else None,
        life.proposed.closes_at if life.proposed else None,
        life.awaiting.until if life.awaiting else None,
        rating.first_at + timedelta(days=7) if rating else None,
    ]
    ahead = [at for end in ends if end for at in (end - MOMENT, end) if at >= now]
    soon = [now, now + HOUR, now + DAY]
    return chance.choice(ahead if ahead and chance.random() < RARELY else soon)


def who(chance: Random, case: Case | None) -> Actor:
    """Anybody; more often somebody whose case it is."""
    if case is None or chance.random() < RARELY:
        return chance.choice(EVERYBODY)
    near = [actor for actor in EVERYBODY if actor.account in {None, case.account}]
    return chance.choice([*near, TIMEKEEPER, TIMEKEEPER])


def create_for(by: Actor) -> c.Create:
    """A plain case of a customer's own."""
    return CREATE.model_copy(update={"contact": by.person})
