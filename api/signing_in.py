"""Signing in: a password is set by a link that is good once, and gives a session."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from os import urandom
from typing import Annotated, Final
from uuid import UUID

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from api.auth import make_token
from api.deps import SECURITY, By, Given, Services, address_of
from api.links import LinkUnknown, make_link, used
from api.strict import StrictRoute
from domain.configuration import Person
from domain.errors import DocumentUnknown, RoleMayNot
from domain.permitted import is_support_admin
from domain.values import EmailAddress, Role, Value
from projections import directory

router = APIRouter(prefix="/api/v1", tags=["signing in"], route_class=StrictRoute)

SESSION: Final = timedelta(hours=12)
# The second of OWASP's equivalent parameter sets for Argon2id (Password Storage Cheat Sheet).
MEMORY_KIB, ITERATIONS, LANES, SALT_BYTES, HASH_BYTES = 19_456, 2, 1, 16, 32
# A password is all that is asked for, so it is long (NIST SP 800-63B-4, 3.1.1.2) and of any words.
FEWEST_CHARACTERS, MOST_CHARACTERS, FEWEST_DIFFERENT = 15, 200, 6
# What the password of an address that nobody has is compared with: the same work for all.
NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$IKb4G9lT2sZ2aRLXVdFD/A"
    "$GpqNr7poiEweugrUcK/fePGsoeuIAPIWpkEfrF8FaYg"
)
FREE_FAILURES: Final = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=15)

SET: Final = """
INSERT INTO desk.passwords (person, hash) VALUES (%(person)s, %(hash)s)
    ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, set_at = now()
"""
END_SESSIONS: Final = """
UPDATE desk.tokens SET revoked_at = now()
 WHERE person = %(person)s AND kind = 'session' AND revoked_at IS NULL
"""
HASH: Final = "SELECT hash FROM desk.passwords WHERE person = %(person)s"
PAUSED: Final = "SELECT until FROM desk.sign_ins WHERE address = %(address)s AND until > now()"
FAILED: Final = """
INSERT INTO desk.sign_ins AS s (address, failures, until) VALUES (%(address)s, 1, now())
    ON CONFLICT (address) DO UPDATE
   SET failures = s.failures + 1,
       until = now() + CASE
           WHEN s.failures + 1 < %(free)s THEN interval '0'
           ELSE least(%(first)s * 2 ^ least(s.failures + 1 - %(free)s, 20), %(longest)s) END
"""
SUCCEEDED: Final = "DELETE FROM desk.sign_ins WHERE address = %(address)s"


class NotSignedIn(Exception):
    """The address and the password do not belong together."""


class SignInPaused(Exception):
    """There were too many attempts with this address: try again later."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after = retry_after


class PasswordRefused(Exception):
    """The password must {must}."""

    def __init__(self, must: str) -> None:
        super().__init__((self.__doc__ or "").format(must=must))


class Invitation(BaseModel):
    """A link to set a password, good once. It is shown this once."""

    link: str
    secret: str
    expires_at: datetime


class NewPassword(Value):
    """The secret of a link, and the password from now on."""

    secret: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[SecretStr, Field(max_length=MOST_CHARACTERS)]


class SignIn(Value):
    """Who signs in."""

    email: EmailAddress
    password: Annotated[SecretStr, Field(max_length=MOST_CHARACTERS)]


class Session(BaseModel):
    """A token that ends by itself. It is shown this once."""

    token: str
    expires_at: datetime
    person: UUID


@router.post("/people/{person}/invite", status_code=201, openapi_extra=SECURITY)
async def invite(person: UUID, request: Request, by: By) -> Invitation:
    """Make a link by which a person sets their password, also anew; good once, for 24 hours.

    Links that were made before are good no longer.
    """
    by.needs_a_person()
    if not is_support_admin(by.by):
        raise RoleMayNot(role=by.by.role, command="invite")
    found = await by.given.documents.one(person, Person)
    if found is None or not found[0].active or found[0].role is Role.SERVICE:
        raise DocumentUnknown(kind="person")
    async with by.given.store.pool.connection() as conn:
        secret, expires = await make_link(conn, person, made_by=str(by.by.person))
    link = f"{str(request.base_url).rstrip('/')}/welcome/{secret}"
    return Invitation(link=link, secret=secret, expires_at=expires)


@router.post("/passwords", status_code=204)
async def set_password(asked: NewPassword, request: Request, given: Given) -> Response:
    """Set a password with the secret of a link; all sessions of the person end."""
    given.failures.take(address_of(request))
    await redeem(asked.secret, asked.password.get_secret_value(), given)
    return Response(status_code=204)


async def redeem(secret: str, password: str, given: Services) -> None:
    """Sets the password of whom the link was made for.

    Raises:
        LinkUnknown: it was used, it is too old, or there never was one.
        PasswordRefused: the link is still good.
    """
    if must := _must(password):
        raise PasswordRefused(must)
    hashed = await asyncio.to_thread(_hash, password)
    async with given.store.pool.connection() as conn, conn.transaction():
        person = await used(conn, secret)
        found = await given.documents.one(person, Person)
        if found is None or not found[0].active:
            raise LinkUnknown
        name = (found[0].email or found[0].name).partition("@")[0].lower()
        if name in password.lower():
            raise PasswordRefused("not contain one's own address")
        await conn.execute(SET, {"person": person, "hash": hashed})
        await conn.execute(END_SESSIONS, {"person": person})
    given.tokens.forget()


@router.post("/sessions", status_code=201)
async def sign_in(asked: SignIn, request: Request, given: Given) -> Session:
    """Sign in with address and password; the token is good for 12 hours.

    Whether somebody has the address is told neither by the answer nor by the time it takes.
    """
    given.failures.take(address_of(request))
    address = hashlib.sha256(asked.email.encode()).digest()
    async with given.store.pool.connection() as conn:
        row = await (await conn.execute(PAUSED, {"address": address})).fetchone()
        if row is not None:
            raise SignInPaused(row[0] - datetime.now(UTC))
        people = await directory.of_address(conn, asked.email)
        person = people[0] if len(people) == 1 else None
        row = await (await conn.execute(HASH, {"person": person})).fetchone()
    stored: str = row[0] if row else NOBODYS
    right = await asyncio.to_thread(_verify, asked.password.get_secret_value(), stored)
    found = await given.documents.one(person, Person) if person else None
    async with given.store.pool.connection() as conn:
        if person is None or found is None or not found[0].active or row is None or not right:
            values = {"free": FREE_FAILURES, "first": FIRST_PAUSE, "longest": LONGEST_PAUSE}
            await conn.execute(FAILED, {"address": address, **values})
            raise NotSignedIn
        await conn.execute(SUCCEEDED, {"address": address})
        expires = datetime.now(UTC) + SESSION
        _id, secret = await make_token(
            conn,
            person,
            scopes=(),
            label="session",
            made_by=str(person),
            expires_at=expires,
            kind="session",
        )
    return Session(token=secret, expires_at=expires, person=person)


def _must(password: str) -> str | None:
    """What a password lacks; None: it will do."""
    if not FEWEST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        return f"have {FEWEST_CHARACTERS} to {MOST_CHARACTERS} characters"
    if len(set(password.lower())) < FEWEST_DIFFERENT:
        return f"have {FEWEST_DIFFERENT} different characters at least"
    if "casebook" in password.lower():
        return "not contain the name of this service"
    return None


def _argon2(salt: bytes) -> Argon2id:
    return Argon2id(
        salt=salt,
        length=HASH_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )


def _hash(password: str) -> str:
    return _argon2(urandom(SALT_BYTES)).derive_phc_encoded(password.encode())


def _verify(password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True
