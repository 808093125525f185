"""What a command must know beside its own stream: documents, the other case, numbers, claims."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from domain import commands as c
from domain import errors as no
from domain.administration import Known
from domain.calendar import Calendar
from domain.case import Case
from domain.configuration import (
    CATALOGUE,
    Account,
    Catalogue,
    Person,
    claim_stream,
    document_stream,
)
from domain.events import ExternalIdClaimed
from domain.fold import case_of
from domain.runtime.codec import Codec
from domain.runtime.database import Pool
from domain.runtime.documents import Documents, InForce, Kind
from domain.runtime.history import LAST_OF, NUMBERS, STREAM, read, stored
from domain.runtime.uploads import Uploads
from domain.terms import OtherCase, Terms
from domain.values import Actor, Upload

# Numbers fetched at once, more each time: a small desk leaves few unused when it stops.
FEWEST_NUMBERS, MOST_NUMBERS = 4, 256
_NAMED: Final = ("contact", "assignee", "person")
_CATALOGUE: Final = document_stream(CATALOGUE)


@dataclass(frozen=True, slots=True)
class Found:
    """The terms of a command, and where the other streams that it may write to stand."""

    terms: Terms
    heads: Mapping[UUID, int] = field(default_factory=dict)
    not_before: datetime | None = None


class Lookup:
    """Looks things up in one log."""

    def __init__(self, pool: Pool, codec: Codec, log_id: UUID, uploads: Uploads) -> None:
        self._pool, self._codec, self._log_id = pool, codec, log_id
        self.uploads = uploads
        self.documents = Documents(pool, codec)
        self._numbers: list[int] = []
        self._at_once = FEWEST_NUMBERS
        self._one_fetches = asyncio.Lock()

    def case_id(self, reference: str | int) -> UUID:
        """The id of the case that a number, or an id in writing, means.

        An id follows from the number, so that finding a case by its number asks no read model.
        """
        text = str(reference)
        if text.isascii() and text.isdecimal():
            return uuid5(self._log_id, f"case {int(text)}")
        return UUID(text)

    async def found(self, case: Case | None, command: c.Command, by: Actor, id_: UUID) -> Found:
        """What the rules need in order to decide this command.

        Raises:
            Refusal: the account that it names does not exist, or it names none.
        """
        account_id = case.account if case else _account_of(command, by)
        people = _people(case, by)
        documents = await self.documents.all({account_id, _CATALOGUE, *people})
        named = await self._named(command, by)
        account = _as(Account, documents.get(account_id))
        if account is None:
            raise no.AccountUnknown
        calendar = await self._calendar(account)
        other, heads, not_before = await self._other(case, command)
        claims, claim_heads = await self._claims(account_id, case, command)
        new_case = await self._new_case(command)
        terms = Terms(
            command=id_,
            account_id=account_id,
            account=account,
            catalogue=_as(Catalogue, documents.get(_CATALOGUE)) or Catalogue(),
            calendar=calendar[0],
            people={p: found for p in people if (found := _as(Person, documents.get(p)))} | named,
            other=other,
            uploads=await self._uploads(command, by, case.id if case else new_case),
            new_case=new_case,
            claims=claims,
            versions={
                f"account:{account_id}": documents[account_id].version,
                "catalogue": documents[_CATALOGUE].version,
                f"calendar:{account.calendar}": calendar[1],
            },
        )
        return Found(terms, {**heads, **claim_heads}, not_before)

    async def known(self, command: c.DocumentCommand) -> Known:
        """What the document that is to be set refers to, as far as it exists."""
        match command:
            case c.SetPerson(document=Person(account=UUID() as account)):
                found = await self.documents.one(account, Account)
                return Known(accounts=frozenset({account} if found else ()))
            case c.SetAccount(document=account):
                stream = document_stream("calendar", account.calendar)
                calendar = await self.documents.one(stream, Calendar)
                return Known(calendars=frozenset({account.calendar} if calendar else ()))
            case c.SetSubscription(document=document):
                accounts = frozenset({document.account} if document.account else ())
                found_all = await self.documents.fresh([document.owner, *accounts])
                there = {a for a in accounts if _as(Account, found_all.get(a))}
                owner = _as(Person, found_all.get(document.owner))
                return Known(accounts=frozenset(there), owner=owner)
        return Known()

    async def number(self) -> int:
        """A case number that nobody had and nobody will have."""
        while not self._numbers:
            async with self._one_fetches:
                if not self._numbers:
                    async with self._pool.connection() as conn:
                        rows = await read(conn, NUMBERS, count=self._at_once)
                    self._numbers = [number for (number,) in reversed(rows)]
                    self._at_once = min(2 * self._at_once, MOST_NUMBERS)
        return self._numbers.pop()

    async def _named(self, command: c.Command, by: Actor) -> dict[UUID, Person]:
        """The people that a command names; for customers there are those of their account alone.

        Never from memory for customers: it would tell by its speed who else is known here.
        """
        asked = command.__dict__  # a model is slow to say that it lacks a field
        names = {name for field in _NAMED if isinstance(name := asked.get(field), UUID)}
        if not names:
            return {}
        found = await (self.documents.fresh if by.is_customer else self.documents.all)(names)
        people = {name: person for name in names if (person := _as(Person, found.get(name)))}
        if by.is_customer:
            return {n: person for n, person in people.items() if person.account == by.account}
        return people

    async def _new_case(self, command: c.Command) -> tuple[UUID, str] | None:
        if not isinstance(command, c.Create | c.FollowUp):
            return None
        number = await self.number()
        return self.case_id(number), f"{number:08}"

    async def _uploads(
        self, command: c.Command, by: Actor, case: UUID | tuple[UUID, str] | None
    ) -> Mapping[UUID, Upload]:
        named = command.__dict__.get("attachments")
        if not named or case is None:
            return {}
        stream = case if isinstance(case, UUID) else case[0]
        return await self.uploads.named(named, {str(by.id), str(by.person)}, stream)

    async def _calendar(self, account: Account) -> tuple[Calendar, int]:
        found = await self.documents.one(document_stream("calendar", account.calendar), Calendar)
        if found is None:
            raise no.CalendarUnknown(calendar=account.calendar)
        return found

    async def _other(
        self, case: Case | None, command: c.Command
    ) -> tuple[OtherCase | None, dict[UUID, int], datetime | None]:
        match command:
            case c.Merge(into=reference) | c.Link(case=reference) | c.Unlink(case=reference):
                other = self.case_id(reference)
            case c.Unmerge() if case and case.merge:
                other = case.merge.into
            case _:
                return None, {}, None
        async with self._pool.connection() as conn:
            rows = await read(conn, STREAM, stream=other)
        found = case_of(self._codec.decode_all(stored(row) for row in rows))
        if found is None:
            return None, {}, None
        named = OtherCase(found.id, found.number, found.account, found.is_open and not found.erased)
        return named, {found.id: found.version}, found.modified_at

    async def _claims(
        self, account: UUID, case: Case | None, command: c.Command
    ) -> tuple[dict[tuple[str, str], UUID | None], dict[UUID, int]]:
        asked = command.__dict__.get("external_ids")
        if asked is None:
            return {}, {}
        before = case.details.external_ids if case else {}
        streams = {claim_stream(account, *pair): pair for pair in {*asked.items(), *before.items()}}
        if not streams:
            return {}, {}
        claims: dict[tuple[str, str], UUID | None] = dict.fromkeys(streams.values())
        heads: dict[UUID, int] = {}
        async with self._pool.connection() as conn:
            rows = await read(conn, LAST_OF, streams=list(streams))
        for recorded in self._codec.decode_all(stored(row) for row in rows):
            heads[recorded.stream] = recorded.version
            if isinstance(recorded.event, ExternalIdClaimed):
                claims[streams[recorded.stream]] = recorded.event.case
        return claims, heads


def _account_of(command: c.Command, by: Actor) -> UUID:
    account: UUID | None = command.__dict__.get("account") or by.account
    if account is None:
        raise no.FieldRequired(field="account")
    if by.is_customer and account != by.account:
        raise no.AccountUnknown  # before anything is looked up, whether it exists or not
    return account


def _people(case: Case | None, by: Actor) -> set[UUID]:
    people: set[Any] = {by.person}
    if case:
        people |= {case.assignee, case.details.contact}
        people.add(case.life.escalated and case.life.escalated.by)
    return {person for person in people if isinstance(person, UUID)}


def _as(kind: type[Kind], found: InForce | None) -> Kind | None:
    return found.document if found and isinstance(found.document, kind) else None
