"""What a route needs: the open services of this process, who asks, and what the headers say."""

import re
import threading
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Depends, Request

from api.auth import NoScopeForThat, Scope, ScopeMissing, Signed, TokenRefused, Tokens
from api.passage import passage_of
from api.rates import Buckets, TooManyRequests
from api.tail import Tail
from domain.errors import CaseUnknown
from domain.recorded import Cause
from domain.runtime.database import Pool, Reading
from domain.runtime.documents import Documents
from domain.runtime.store import Store
from domain.values import Actor
from projections.finding import looking
from projections.positions import Positions
from projections.query import Query

MOST_KEY: Final = 255
_VERSION: Final = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')
_POSITION: Final = re.compile(r"[0-9]{1,18}")


class HeaderRefused(Exception):
    """The header {header} must be {what}."""

    def __init__(self, header: str, what: str) -> None:
        super().__init__((self.__doc__ or "").format(header=header, what=what))


@dataclass(frozen=True, slots=True)
class Services:
    """What this process has open."""

    reads: Pool
    reads_url: str
    """Of the same database, for what needs a connection of its own."""
    searches: Pool
    """The same, for words: bounded, and few, so that what takes long keeps nobody else waiting."""
    store: Store
    tokens: Tokens
    positions: Positions
    tail: Tail
    leaving: threading.Event
    """Set when this process is to end: whoever waits here goes."""
    rates: Buckets
    failures: Buckets
    metrics_for: Literal["loopback", "all"]
    site: str
    """What an address of ours begins with."""

    @property
    def documents(self) -> Documents:
        """The documents in force."""
        return self.store.lookup.documents


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and what the request's headers say. What is absent is None."""

    given: Services
    signed: Signed
    cause: Cause
    key: str | None
    expecting: int | None
    at_least: int | None

    @property
    def by(self) -> Actor:
        """Who acts."""
        return self.signed.by

    def needs(self, scope: Scope) -> None:
        """Refuses a token that was not made for this.

        Raises:
            ScopeMissing: it has scopes, and this is none of them.
        """
        if self.signed.scopes is not None and scope not in self.signed.scopes:
            raise ScopeMissing(scope)

    def needs_a_person(self) -> None:
        """Refuses a token with scopes where none of them would do."""
        if self.signed.scopes is not None:
            raise NoScopeForThat

    def looking(self, query: Query | None) -> AbstractAsyncContextManager[Reading]:
        """A connection to look for cases with, by words or without; see `projections.finding`."""
        return looking(self.given.searches) if query else self.given.reads.connection()

    async def reached(self, models: Collection[str]) -> None:
        """Waits until these read models have the position that `At-Least` names, if it does."""
        if self.at_least is not None:
            await self.given.positions.wait(self.at_least, models)


async def services(request: Request) -> Services:
    """What the application opened when it started."""
    found: Services = request.app.state.services
    return found


async def asking(request: Request) -> Asking:
    """The headers that every route understands.

    Read by hand, in one coroutine: a dependency for each costs more than all that a command does,
    and a plain function another 0.25 ms for the thread that FastAPI hands it to.

    Raises:
        TokenRefused: there is no token, or it is not good.
        HeaderRefused: a header is not what it must be.
    """
    given: Services = request.app.state.services
    said: dict[bytes, bytes] = dict(request.scope["headers"])
    signed = await _signed(given, _secret(said), _person(said), request)
    passage = passage_of(request.scope)
    try:
        passage.limit = given.rates.take(signed.token.id)
    except TooManyRequests:
        passage.limit = given.rates.empty(signed.token.id)
        raise
    return Asking(
        given=given,
        signed=signed,
        cause=Cause("request", passage.id),
        key=_text(said, "Idempotency-Key", MOST_KEY),
        expecting=_number(said, "If-Match", _VERSION, "a version"),
        at_least=_number(said, "At-Least", _POSITION, "a position"),
    )


async def signed_again(request: Request) -> Signed:
    """Who asks, for an answer that goes on: with the rights of a few seconds ago at most.

    Raises:
        TokenRefused: the token is good no more.
        NotOnTheirBehalf: it may not act for the other one any more.
    """
    given: Services = request.app.state.services
    said: dict[bytes, bytes] = dict(request.scope["headers"])
    return await given.tokens.signed(_secret(said), _person(said))


def _secret(said: Mapping[bytes, bytes]) -> str:
    scheme, _, secret = said.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise TokenRefused
    return secret.strip()


async def _signed(
    given: Services, secret: str, on_behalf_of: UUID | None, request: Request
) -> Signed:
    """Who asks. Whoever tries tokens is stopped before each try costs a look at the database."""
    address = address_of(request)
    if not given.tokens.knows(secret):
        given.failures.refuse_if_empty(address)
    try:
        return await given.tokens.signed(secret, on_behalf_of)
    except TokenRefused:
        given.failures.take(address)
        raise


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "here"


def case_id(given: Services, reference: str) -> UUID:
    """The case that a number or an id in a URL means.

    Raises:
        CaseUnknown: it is neither; told like a case that is not there.
    """
    try:
        return given.store.lookup.case_id(reference)
    except ValueError:
        raise CaseUnknown from None


def _text(said: Mapping[bytes, bytes], header: str, most: int) -> str | None:
    value = said.get(header.lower().encode())
    if value is not None and not 0 < len(value) <= most:
        raise HeaderRefused(header, f"a text of up to {most} characters")
    return None if value is None else value.decode("latin-1")


def _person(said: Mapping[bytes, bytes]) -> UUID | None:
    value = said.get(b"on-behalf-of")
    try:
        return UUID(value.decode("latin-1")) if value is not None else None
    except ValueError:
        raise HeaderRefused("On-Behalf-Of", "the id of a person") from None


def _number(
    said: Mapping[bytes, bytes], header: str, pattern: re.Pattern[str], what: str
) -> int | None:
    value = said.get(header.lower().encode())
    if value is None:
        return None
    if not (found := pattern.fullmatch(value.decode("latin-1").strip())):
        raise HeaderRefused(header, what)
    return int(found[found.lastindex or 0])


Given = Annotated[Services, Depends(services)]
By = Annotated[Asking, Depends(asking)]


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"name": name, "in": "header", "description": description, "schema": schema}


# What `asking` reads, as the description of the API says it.
SECURITY: Final[dict[str, Any]] = {"security": [{"token": []}]}
_BEHALF: Final = _header(
    "On-Behalf-Of",
    "For service accounts: the person of their account for whom they act; events keep both.",
    type="string",
    format="uuid",
)
READING: Final[dict[str, Any]] = {
    **SECURITY,
    "parameters": [
        _BEHALF,
        _header("At-Least", "Wait until the read models have this position.", type="integer"),
    ],
}
WRITING: Final[dict[str, Any]] = {
    **SECURITY,
    "parameters": [
        _BEHALF,
        _header(
            "Idempotency-Key",
            "Repeated under the same key, the command is answered as the first time, for ever.",
            type="string",
            minLength=1,
            maxLength=MOST_KEY,
        ),
        _header("If-Match", "The version that one saw; 412 when it is another.", type="string"),
        _header("Request-Id", "Stands in the event as its cause.", type="string"),
    ],
}
