"""Who asks: a bearer token, the person behind it, and what it may be used for."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
FRESH_SECONDS: Final = 5.0  # as long as a token that was revoked may still be taken
MOST_REMEMBERED: Final = 50_000
USED_AT_MOST_EVERY: Final = timedelta(minutes=1)

MAKE: Final = """
INSERT INTO desk.tokens (digest, hint, person, scopes, label, made_by, expires_at)
VALUES (%(digest)s, %(hint)s, %(person)s, %(scopes)s, %(label)s, %(made_by)s, %(expires_at)s)
"""
FIND: Final = """
SELECT id, person, scopes, expires_at, used_at FROM desk.tokens
 WHERE digest = %(digest)s AND revoked_at IS NULL
"""
USED: Final = "UPDATE desk.tokens SET used_at = now() WHERE id = %(id)s"


class TokenRefused(Exception):
    """A valid bearer token is required."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: never the secret."""

    id: UUID
    person: UUID
    scopes: Sequence[str]
    expires_at: datetime | None
    used_at: datetime | None


async def make_token(
    conn: AsyncConnection[TupleRow],
    person: UUID,
    *,
    scopes: Sequence[str],
    label: str,
    made_by: str,
    expires_at: datetime | None,
) -> str:
    """A new token. This is the only time that it can be read."""
    secret = PREFIX + secrets.token_urlsafe(32)
    await conn.execute(
        MAKE,
        {
            "digest": _digest(secret),
            "hint": f"{secret[:6]}…{secret[-4:]}",
            "person": person,
            "scopes": list(scopes),
            "label": label,
            "made_by": made_by,
            "expires_at": expires_at,
        },
    )
    return secret


class Tokens:
    """Finds out who a token belongs to, and remembers it for a few seconds."""

    def __init__(self, pool: Pool, documents: Documents) -> None:
        self._pool, self._documents = pool, documents
        self._remembered: dict[str, tuple[float, Token]] = {}

    async def actor(self, secret: str) -> Actor:
        """Who acts with this token, in the role that the person has now.

        Raises:
            TokenRefused: it is unknown, revoked or expired, or its person is gone.
        """
        until, token = self._remembered.get(secret, (0.0, None))
        if token is None or until < monotonic():
            token = await self._find(secret)
        if token.expires_at is not None and token.expires_at <= datetime.now(UTC):
            raise TokenRefused
        found = await self._documents.one(token.person, Person)
        if found is None or not found[0].active:
            raise TokenRefused
        return _actor(token.person, found[0].role, found[0].account)

    async def _find(self, secret: str) -> Token:
        async with (
            self._pool.connection() as conn,
            conn.cursor(row_factory=class_row(Token)) as cursor,
        ):
            await cursor.execute(FIND, {"digest": _digest(secret)})
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
def _actor(person: UUID, role: Role, account: UUID | None) -> Actor:
    return Actor(id=person, role=role, account=account)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
