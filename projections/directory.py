"""Which accounts, people and calendars are there, under which name and address?"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed, Identifier

from domain.calendar import Calendar
from domain.configuration import Account, Person
from domain.events import Erased
from domain.recorded import Recorded
from domain.runtime.documents import document_of
from domain.values import Actor
from domain.values import Erased as ErasedWord
from projections.page import Page

NAME: Final = "directory"


@dataclass(frozen=True, slots=True)
class Listing:
    """A line of the directory; each field is a column of `read.directory`.

    `kind` is account, person or calendar; `email`, `role`, `account` and `teams` are a person's.
    """

    id: UUID
    kind: str
    key: str | None
    name: str
    email: str | None
    role: str | None
    account: UUID | None
    teams: list[str]
    active: bool
    version: int
    position: int


_COLUMNS: Final = tuple(column.name for column in fields(Listing))
_NAMES: Final = SQL(", ").join(map(Identifier, _COLUMNS))
FILL: Final = SQL("""
INSERT INTO directory ({names})
SELECT {names} FROM jsonb_populate_recordset(NULL::directory, %(rows)s::jsonb)
""").format(names=_NAMES)
WRITE: Final = FILL + SQL("ON CONFLICT (id) DO UPDATE SET ({names}) = ROW ({new})").format(
    names=_NAMES, new=SQL(", ").join(Identifier("excluded", name) for name in _COLUMNS)
)
FORGET: Final = "DELETE FROM directory WHERE id = ANY(%(gone)s)"

READ: Final = SQL("SELECT {} FROM read.directory d WHERE d.kind = %(kind)s").format(_NAMES)
CONDITIONS: Final[Mapping[str, LiteralString]] = {
    "account": "d.account = %(account)s",
    "own_account": "d.id = %(own_account)s",
    "role": "d.role = %(role)s",
    "active": "d.active = %(active)s",
    "starting": "(starts_with(lower(d.name), %(starting)s) OR starts_with(d.email, %(starting)s))",
    "called": "starts_with(lower(d.name), %(called)s)",
    "beyond": '(lower(d.name) COLLATE "C", d.id) > (%(name)s::text, %(beyond)s::uuid)',
}
IN_ORDER: Final = SQL(' ORDER BY lower(d.name) COLLATE "C", d.id LIMIT %(most)s')
OF_ADDRESS: Final = """
SELECT id FROM read.directory WHERE kind = 'person' AND email = %(email)s AND active ORDER BY id
"""


def apply(conn: Connection[TupleRow], page: Page) -> None:
    """Writes the documents of the page; who was erased is gone."""
    now: dict[UUID, Listing | None] = {}
    for recorded in page.documents:
        if isinstance(recorded.event, Erased) and recorded.stream not in page.cases:
            now[recorded.stream] = None
        elif line := _line(recorded):
            now[recorded.stream] = line
    gone = [id_ for id_, line in now.items() if line is None]
    if gone and not page.is_whole:
        conn.execute(FORGET, {"gone": gone})
    if rows := [line for line in now.values() if line]:
        statement = FILL if page.is_whole else WRITE
        conn.execute(statement, {"rows": orjson.dumps(rows).decode()})


def _line(recorded: Recorded) -> Listing | None:
    document = document_of(recorded)
    place: dict[str, Any] = {
        "id": recorded.stream,
        "version": recorded.version,
        "position": recorded.position,
    }
    match document:
        case Person():
            return Listing(
                **place,
                kind="person",
                key=None,
                name=document.name,
                email=None if isinstance(document.email, ErasedWord) else document.email,
                role=document.role,
                account=document.account,
                teams=list(document.teams),
                active=document.active,
            )
        case Account():
            return Listing(
                **place, **_NO_PERSON, kind="account", key=None, name=document.name,
                active=document.active,
            )  # fmt: skip
        case Calendar():
            return Listing(
                **place, **_NO_PERSON, kind="calendar", key=document.key, name=document.name,
                active=True,
            )  # fmt: skip
    return None


_NO_PERSON: Final[Mapping[str, Any]] = {"email": None, "role": None, "account": None, "teams": []}


def visible_to(viewer: Actor, kind: str) -> dict[str, Any] | None:
    """The conditions under which a viewer is shown a line of this kind; None: there is none.

    Customers see their account and its people, and no calendars; whoever is of no account sees all.
    """
    if viewer.account is None:
        return {}
    return {"person": {"account": viewer.account}, "account": {"own_account": viewer.account}}.get(
        kind
    )


async def listed(
    conn: AsyncConnection[TupleRow],
    kind: str,
    conditions: Mapping[str, Any],
    *,
    after: tuple[str, UUID] | None = None,
    most: int = 100,
) -> list[Listing]:
    """The lines of this kind in the order of their names; `after` is where a page ended."""
    given = {name: value for name, value in conditions.items() if value is not None}
    values = {**given, "kind": kind, "most": most}
    if after:
        given["beyond"] = after[1]
        values |= {"name": after[0], "beyond": after[1]}
    asked = SQL("").join(SQL(" AND ") + SQL(CONDITIONS[name]) for name in given)
    statement: Composed = READ + asked + IN_ORDER
    async with conn.cursor(row_factory=class_row(Listing)) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


async def of_address(conn: AsyncConnection[TupleRow], email: str) -> list[UUID]:
    """The active people with this address; more than one only if they were set at once."""
    cursor = await conn.execute(OF_ADDRESS, {"email": email.lower()})
    return [person for (person,) in await cursor.fetchall()]
