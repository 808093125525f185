"""Links that are good once and for a day: whoever has one sets the password of its person."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from api.auth import digest_of

LINK: Final = timedelta(hours=24)

INVITE: Final = """
INSERT INTO desk.invitations (digest, person, made_by, expires_at)
VALUES (%(digest)s, %(person)s, %(made_by)s, %(expires_at)s)
"""
WITHDRAW: Final = """
UPDATE desk.invitations SET expires_at = now() WHERE person = %(person)s AND expires_at > now()
"""
USE: Final = """
UPDATE desk.invitations SET used_at = now()
 WHERE digest = %(digest)s AND used_at IS NULL AND expires_at > now() RETURNING person
"""


class LinkUnknown(Exception):
    """This link is not good: it was used, or it is older than a day."""


async def make_link(
    conn: AsyncConnection[TupleRow], person: UUID, *, made_by: str
) -> tuple[str, datetime]:
    """The secret of a new link, and until when it is good; those before it are not any more."""
    secret, expires = secrets.token_urlsafe(32), datetime.now(UTC) + LINK
    values = {
        "digest": digest_of(secret),
        "person": person,
        "made_by": made_by,
        "expires_at": expires,
    }
    async with conn.transaction():
        await conn.execute(WITHDRAW, {"person": person})
        await conn.execute(INVITE, values)
    return secret, expires


async def used(conn: AsyncConnection[TupleRow], secret: str) -> UUID:
    """Whom the link was made for; it is good no longer once the transaction commits.

    Raises:
        LinkUnknown: it was used, it is too old, or there never was one.
    """
    row = await (await conn.execute(USE, {"digest": digest_of(secret)})).fetchone()
    if row is None:
        raise LinkUnknown
    person: UUID = row[0]
    return person
