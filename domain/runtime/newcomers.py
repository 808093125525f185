"""Whom a foreign history tells of: their ids, and what the log must know of them first."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID, uuid5

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.calendar import Calendar
from domain.configuration import CATALOGUE, Account, Catalogue, Person, document_stream
from domain.recorded import Cause, CommandRef, Recorded
from domain.runtime.codec import Codec
from domain.runtime.documents import document_of
from domain.runtime.foreign import ForeignHistory
from domain.runtime.history import LAST_OF, read, stored
from domain.runtime.mapping import ForeignMapping, SaysAssigned
from domain.runtime.meaning import Setting, contact_of
from domain.runtime.store import Store
from domain.values import Actor, Role

IMPORT: Final = "Import"
_IDS: Final = UUID("5b0f7b5c-1d53-5d8a-9d0e-8f1f6a0c9d37")
_IMPORTER: Final = Actor(id="system:import", role=Role.SYSTEM)


class Import(c.Command):
    """One thing of a foreign system that is to be here once: a row, or somebody it names."""

    source: str
    what: Literal["row", "person"]
    words: tuple[str, ...]
    occurrence: int = 1


class Newcomer(NamedTuple):
    """A document that the log has not."""

    stream: UUID
    command: c.SetAccount | c.SetPerson

    @property
    def event(self) -> e.DocumentEvent:
        """What its being there is told by."""
        match self.command:
            case c.SetAccount(document=account):
                return e.AccountSet(document=account)
            case c.SetPerson(document=person):
                return e.PersonSet(document=person)


def import_id(codec: Codec, command: Import) -> tuple[UUID, str]:
    """The id of what is imported, and the digest from which it follows.

    Without the server's key nobody can tell whether a guessed name or text has this id.
    """
    digest = codec.digest(None, command, _IMPORTER)
    return uuid5(_IDS, digest), digest


async def find_setting(
    foreign: ForeignHistory, mapping: ForeignMapping, store: Store
) -> tuple[Setting, list[Newcomer]]:
    """What the rows are read against, and whom the log does not know yet.

    Raises:
        CalendarUnknown: the account's calendar.
    """
    documents = store.lookup.documents
    account_id = mapping.account.id or document_stream("account", mapping.account.name.casefold())
    of_mapping = Account(**mapping.account.model_dump(exclude={"id"}))
    in_force = await documents.one(account_id, Account)
    account, account_version = in_force or (of_mapping, 1)
    calendar = await documents.one(document_stream("calendar", account.calendar), Calendar)
    if calendar is None:
        raise no.CalendarUnknown(calendar=account.calendar)
    catalogue = await documents.one(document_stream(CATALOGUE), Catalogue)
    assert catalogue is not None, "one is shipped"
    people, new = await _people(foreign, mapping, account_id, store)
    if in_force is None:
        new.insert(0, Newcomer(account_id, c.SetAccount(document=account)))
    versions = {
        f"account:{account_id}": account_version,
        "catalogue": catalogue[1],
        f"calendar:{account.calendar}": calendar[1],
    }
    setting = Setting(mapping, account_id, account, calendar[0], catalogue[0], people, versions)
    return setting, new


async def settle(
    newcomers: Sequence[Newcomer],
    store: Store,
    *,
    at: datetime,
    by: Actor,
    cause: Cause,
    build: str,
) -> None:
    """Appends the newcomers' documents, as of `at`; whoever came in between stays as they are."""
    frames = []
    for new in newcomers:
        digest = store.codec.digest(new.stream, new.command, by)
        ref = CommandRef(uuid5(new.stream, IMPORT), IMPORT, digest, 1)
        recorded = Recorded(new.event, new.stream, 1, at, by, ref, cause, build=build)
        frames.append((store.codec.encode(recorded), ref.id))
    await asyncio.gather(*(store.queue.append([frame], id_) for frame, id_ in frames))
    for new in newcomers:
        store.lookup.documents.forget(new.stream)


async def _people(
    foreign: ForeignHistory, mapping: ForeignMapping, account: UUID, store: Store
) -> tuple[dict[str, Actor], list[Newcomer]]:
    """Everybody whom the rows name, as the log knows them, and those whom it does not know."""
    contacts, names = _names(foreign, mapping)
    ids = {_person_id(store.codec, mapping.source, name): name for name in sorted(names)}
    async with store.pool.connection() as conn:
        rows = await read(conn, LAST_OF, streams=list(ids))
    known = {one.stream: one for one in store.codec.decode_all(stored(row) for row in rows)}
    people: dict[str, Actor] = {}
    new: list[Newcomer] = []
    for id_, name in ids.items():
        person = _person(name, mapping, account if name in contacts else None)
        if id_ not in known:
            new.append(Newcomer(id_, c.SetPerson(document=person)))
        elif isinstance(found := document_of(known[id_]), Person):
            person = found
        people[name] = Actor(id=id_, role=person.role, account=person.account)
    return people, new


def _names(foreign: ForeignHistory, mapping: ForeignMapping) -> tuple[set[str], set[str]]:
    """The contacts, and everybody: whoever did something, or was given a case."""
    contacts: set[str] = set()
    names: set[str] = set()
    for story in foreign.cases.values():
        for row in story:
            contacts.add(contact_of(row, mapping))
            says = mapping.meaning(row.activity)
            assignee = row.named(says.column) if isinstance(says, SaysAssigned) else ""
            names |= {row.who, assignee}
    return contacts, (names | contacts) - {""}


def _person(name: str, mapping: ForeignMapping, account: UUID | None) -> Person:
    """Somebody of this account, or of the desk where there is none."""
    email = mapping.contact.email if name == mapping.contact.name else None
    role = Role.CUSTOMER if account else Role.AGENT
    return Person(name=name, email=email, role=role, account=account)


def _person_id(codec: Codec, source: str, name: str) -> UUID:
    return import_id(codec, Import(source=source, what="person", words=(name,)))[0]
