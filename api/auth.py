"""Who asks: a bearer token, the person behind it, and what it may be used for."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from time import monotonic
from typing import Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from domain.configuration import Person
from domain.runtime.database import Pool
from domain.runtime.documents import Documents
from domain.values import Actor, Role

PREFIX: Final = "cb_"
FRESH_SECONDS: Final = 4.5  # as long as a token that was revoked may still be taken
MOST_REMEMBERED: Final = 50_000
USED_AT_MOST_EVERY: Final = timedelta(minutes=1)
# For whom a program may act: never for those who could give it more than its scopes say.
ACTED_FOR: Final = frozenset({Role.CUSTOMER, Role.CUSTOMER_ADMIN, Role.AGENT})

MAKE: Final = """
INSERT INTO desk.tokens (digest, hint, person, scopes, label, made_by, expires_at, kind, replaces)
VALUES (%(digest)s, %(hint)s, %(person)s, %(scopes)s, %(label)s, %(made_by)s, %(expires_at)s,
        %(kind)s, %(replaces)s)
RETURNING id
"""
FIND: Final = """
SELECT id, person, scopes, expires_at, used_at, kind, hint FROM desk.tokens
 WHERE digest = %(digest)s AND revoked_at IS NULL
"""
USED: Final = "UPDATE desk.tokens SET used_at = now() WHERE id = %(id)s"


class Scope(StrEnum):
    """What a token may be used for; one without scopes may do all that its person may."""

    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    NOTES_READ = "notes:read"
    EVENTS_READ = "events:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    EVIDENCE_READ = "evidence:read"


class TokenRefused(Exception):
    """A valid bearer token is required."""


class ScopeMissing(Exception):
    """This token may not do that: it needs the scope {scope}."""

    def __init__(self, scope: Scope) -> None:
        super().__init__((self.__doc__ or "").format(scope=scope))
        self.scope = scope


class NoScopeForThat(Exception):
    """A token with scopes may not do that: sign in, or use a token without scopes."""


class NotOnTheirBehalf(Exception):
    """This token may not act on behalf of that person."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: never the secret."""

    id: UUID
    person: UUID
    scopes: Sequence[str]
    expires_at: datetime | None
    used_at: datetime | None
    kind: str
    hint: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Who acts, by which token. `scopes` None: it may do all that its person may."""

    by: Actor
    token: Token
    scopes: frozenset[str] | None


async def make_token(
    conn: AsyncConnection[TupleRow],
    person: UUID,
    *,
    scopes: Sequence[str],
    label: str,
    made_by: str,
    expires_at: datetime | None,
    kind: str = "token",
    replaces: UUID | None = None,
) -> tuple[UUID, str]:
    """A new token: its id, and the secret. This is the only time that it can be read."""
    secret = PREFIX + secrets.token_urlsafe(32)
    cursor = await conn.execute(
        MAKE,
        {
            "digest": digest_of(secret),
            "hint": f"{secret[:6]}…{secret[-4:]}",
            "person": person,
            "scopes": list(scopes),
            "label": label,
            "made_by": made_by,
            "expires_at": expires_at,
            "kind": kind,
            "replaces": replaces,
        },
    )
    row = await cursor.fetchone()
    assert row is not None, "an INSERT that returns has a row"
    return row[0], secret


class Tokens:
    """Finds out who a token belongs to, and remembers it for a few seconds."""

    def __init__(self, pool: Pool, documents: Documents) -> None:
        self._pool, self._documents = pool, documents
        self._remembered: dict[str, tuple[float, Token]] = {}

    async def signed(self, secret: str, on_behalf_of: UUID | None = None) -> Signed:
        """Who acts with this token, in the role that the person has now.

        Raises:
            TokenRefused: it is unknown, revoked or expired, or its person is gone.
            NotOnTheirBehalf: it may not act for the other one.
        """
        until, token = self._remembered.get(secret, (0.0, None))
        if token is None or until < monotonic():
            token = await self._find(secret)
        if token.expires_at is not None and token.expires_at <= datetime.now(UTC):
            raise TokenRefused
        found = await self._documents.one(token.person, Person)
        if found is None or not found[0].active:
            raise TokenRefused
        person = found[0]
        whole = not token.scopes and person.role is not Role.SERVICE
        scopes = None if whole else frozenset(token.scopes)
        blind = not whole and Scope.NOTES_READ not in token.scopes
        if on_behalf_of is None:
            by = _actor(token.person, person.role, person.account, None, blind)
        else:
            other = await self._acted_for(person, on_behalf_of)
            by = _actor(token.person, other.role, other.account, on_behalf_of, blind)
        return Signed(by, token, scopes)

    def knows(self, secret: str) -> bool:
        """Whether it was good a moment ago."""
        return secret in self._remembered

    def forget(self) -> None:
        """For whoever has just revoked some."""
        self._remembered.clear()

    async def _acted_for(self, service: Person, other: UUID) -> Person:
        found = await self._documents.one(other, Person)
        if (
            service.role is not Role.SERVICE
            or found is None
            or not found[0].active
            or found[0].account != service.account
            or found[0].role not in ACTED_FOR
        ):
            raise NotOnTheirBehalf
        return found[0]

    async def _find(self, secret: str) -> Token:
        async with (
            self._pool.connection() as conn,
            conn.cursor(row_factory=class_row(Token)) as cursor,
        ):
            await cursor.execute(FIND, {"digest": digest_of(secret)})
            token = await cursor.fetchone()
            if token is None:
                raise TokenRefused
            if token.used_at is None or token.used_at < datetime.now(UTC) - USED_AT_MOST_EVERY:
                await conn.execute(USED, {"id": token.id})
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[secret] = (monotonic() + FRESH_SECONDS, token)
        return token


@lru_cache(maxsize=10_000)
def _actor(
    id_: UUID,
    role: Role,
    account: UUID | None,
    on_behalf_of: UUID | None,
    blind: bool,  # noqa: FBT001  a cache's key
) -> Actor:
    return Actor(id=id_, role=role, account=account, on_behalf_of=on_behalf_of, without_notes=blind)


def digest_of(secret: str) -> bytes:
    """As secrets are kept: random ones need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
