"""Bearer tokens over HTTP: made, shown once, rotated, revoked; and who one is by one's own."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from psycopg.rows import class_row, dict_row
from pydantic import BaseModel, Field

from api.auth import Scope, make_token
from api.deps import SECURITY, Asking, By
from api.strict import StrictRoute
from domain.configuration import Account, Person
from domain.errors import DocumentUnknown
from domain.permitted import is_support_admin
from domain.values import Label, Role, Value

router = APIRouter(prefix="/api/v1", tags=["tokens"], route_class=StrictRoute)

MOST_DAYS: Final = 365
OVERLAP: Final = timedelta(hours=24)

LIST: Final = """
SELECT id, person, label, hint, scopes, kind, made_at, made_by, expires_at, revoked_at, used_at,
       replaces
  FROM desk.tokens WHERE person = %(person)s ORDER BY made_at DESC, id
"""
ONE: Final = """
SELECT t.id, t.person, t.label, t.scopes, t.kind, t.expires_at,
       EXISTS (SELECT FROM desk.tokens o
                WHERE (o.replaces = t.id OR o.id = t.replaces) AND o.revoked_at IS NULL
                  AND (o.expires_at IS NULL OR o.expires_at > now())) AS paired
  FROM desk.tokens t
 WHERE t.id = %(id)s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
   FOR UPDATE
"""
SHORTEN: Final = """
UPDATE desk.tokens SET expires_at = least(expires_at, %(until)s) WHERE id = %(id)s
"""
REVOKE: Final = "UPDATE desk.tokens SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL"
REVOKE_ALL: Final = """
UPDATE desk.tokens SET revoked_at = now() WHERE person = %(person)s AND revoked_at IS NULL
"""


class TokenUnknown(Exception):
    """There is no such token."""


class ScopesRequired(Exception):
    """A service account may do just what its token's scopes say: name at least one."""


class TwoTokensLive(Exception):
    """This token and its successor are both good already: revoke one of them first."""


class Me(BaseModel):
    """Whose token this is, and what it may be used for."""

    id: UUID
    name: str
    email: str | None
    role: Role
    account: UUID | None
    account_name: str | None
    teams: list[str]
    on_behalf_of: UUID | None
    scopes: list[Scope] | None = Field(description="null: all that the person may do.")
    token: UUID
    token_hint: str
    token_kind: str
    token_expires_at: datetime | None


class Kept(BaseModel):
    """A token as it is kept: the first and the last characters, never the secret."""

    id: UUID
    person: UUID
    label: str
    hint: str
    scopes: list[Scope]
    kind: str
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    replaces: UUID | None


class Made(BaseModel):
    """A new token. `token` is shown this once."""

    id: UUID
    token: str
    expires_at: datetime


class NewToken(Value):
    """A token for oneself, or for a service account."""

    person: UUID | None = None
    label: Label
    scopes: Annotated[tuple[Scope, ...], Field(max_length=len(Scope))] = ()
    expires_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 90


@router.get("/me", openapi_extra=SECURITY)
async def me(by: By) -> Me:
    """Who one is, and what one's token may be used for."""
    token, scopes = by.signed.token, by.signed.scopes
    found = await by.given.documents.all(p for p in (token.person, by.by.account) if p)
    person = found[token.person].document
    account = found[by.by.account].document if by.by.account in found else None
    assert isinstance(person, Person), "a token belongs to a person"
    return Me(
        id=token.person,
        name=person.name,
        email=person.email,
        role=by.by.role,
        account=by.by.account,
        account_name=account.name if isinstance(account, Account) else None,
        teams=list(person.teams),
        on_behalf_of=by.by.on_behalf_of,
        scopes=None if scopes is None else sorted(map(Scope, scopes)),
        token=token.id,
        token_hint=token.hint,
        token_kind=token.kind,
        token_expires_at=token.expires_at,
    )


@router.get("/tokens", openapi_extra=SECURITY)
async def list_tokens(
    by: By,
    person: Annotated[UUID | None, Query(description="Whose; one's own without it.")] = None,
) -> list[Kept]:
    """The tokens and sessions of a person, the newest first: one's own unless another is named."""
    whose = await _whose(by, person, making=False)
    async with (
        by.given.store.pool.connection() as conn,
        conn.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        await cursor.execute(LIST, {"person": whose})
        return await cursor.fetchall()


@router.post("/tokens", status_code=201, openapi_extra=SECURITY)
async def create_token(asked: NewToken, by: By) -> Made:
    """Make a token, for oneself or for a service account. The secret is shown this once."""
    whose = await _whose(by, asked.person, making=True)
    found = await by.given.documents.one(whose, Person)
    if found is not None and found[0].role is Role.SERVICE and not asked.scopes:
        raise ScopesRequired
    expires = datetime.now(UTC) + timedelta(days=asked.expires_in_days)
    async with by.given.store.pool.connection() as conn:
        new, secret = await make_token(
            conn,
            whose,
            scopes=asked.scopes,
            label=asked.label,
            made_by=str(by.by.person),
            expires_at=expires,
        )
    return Made(id=new, token=secret, expires_at=expires)


@router.post("/tokens/{token}/rotate", status_code=201, openapi_extra=SECURITY)
async def rotate_token(token: UUID, by: By) -> Made:
    """Make the successor of a token; the old one is good for 24 more hours at most."""
    now = datetime.now(UTC)
    async with by.given.store.pool.connection() as conn, conn.transaction():
        old = await _kept(by, token, conn)
        if old["paired"]:
            raise TwoTokensLive
        expires = now + timedelta(days=90)
        new, secret = await make_token(
            conn,
            old["person"],
            scopes=old["scopes"],
            label=old["label"],
            made_by=str(by.by.person),
            expires_at=expires,
            replaces=token,
        )
        await conn.execute(SHORTEN, {"id": token, "until": now + OVERLAP})
    by.given.tokens.forget()
    return Made(id=new, token=secret, expires_at=expires)


@router.delete("/tokens/{token}", status_code=204, openapi_extra=SECURITY)
async def revoke_token(token: UUID, by: By) -> Response:
    """End a token or a session: within five seconds nothing takes it any more."""
    async with by.given.store.pool.connection() as conn, conn.transaction():
        await _kept(by, token, conn)
        await conn.execute(REVOKE, {"id": token})
    by.given.tokens.forget()
    return Response(status_code=204)


async def _whose(by: Asking, person: UUID | None, *, making: bool) -> UUID:
    """The person whose tokens one may see or make: oneself, or a service account one looks after.

    Raises:
        DocumentUnknown: somebody else's, or nobody.
    """
    by.needs_a_person()
    if person in {None, by.by.id} and isinstance(by.by.id, UUID):
        return by.by.id
    assert person is not None, "every token belongs to a person"
    found = await by.given.documents.one(person, Person)
    if found is None or not _looks_after(by, found[0], making=making):
        raise DocumentUnknown(kind="person")
    return person


def _looks_after(by: Asking, person: Person, *, making: bool) -> bool:
    """Nobody makes a token for another person: it would be that person's word, given by them."""
    service = person.role is Role.SERVICE
    if is_support_admin(by.by):
        return service or not making
    of_account = person.account is not None and person.account == by.by.account
    return service and of_account and by.by.role is Role.CUSTOMER_ADMIN


async def _kept(by: Asking, token: UUID, conn: Any) -> dict[str, Any]:  # noqa: ANN401  a connection with rows of any kind
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(ONE, {"id": token})
        row: dict[str, Any] | None = await cursor.fetchone()
    try:
        if row is None or await _whose(by, row["person"], making=False) != row["person"]:
            raise TokenUnknown
    except DocumentUnknown:
        raise TokenUnknown from None
    return row
