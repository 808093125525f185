"""What a route needs: the open services of this process, who asks, and what the headers say."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import TokenRefused, Tokens
from domain.recorded import Cause
from domain.runtime.database import Pool
from domain.runtime.documents import Documents
from domain.runtime.store import Store
from domain.values import Actor
from projections.positions import Positions

SCHEME: Final = HTTPBearer(auto_error=False, description="A token made by `casebook token`.")


@dataclass(frozen=True, slots=True)
class Services:
    """What this process has open."""

    reads: Pool
    store: Store
    tokens: Tokens
    positions: Positions

    @property
    def documents(self) -> Documents:
        """The documents in force."""
        return self.store.lookup.documents


def services(request: Request) -> Services:
    """What the application opened when it started."""
    found: Services = request.app.state.services
    return found


Given = Annotated[Services, Depends(services)]


async def actor(
    given: Given, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(SCHEME)]
) -> Actor:
    """Whoever's token it is.

    Raises:
        TokenRefused: there is none, or it is not good.
    """
    if shown is None:
        raise TokenRefused
    return await given.tokens.actor(shown.credentials)


By = Annotated[Actor, Depends(actor)]


def why(
    request_id: Annotated[str | None, Header(alias="Request-Id", max_length=200)] = None,
) -> Cause:
    """What an event names as its cause: this request."""
    return Cause("request", request_id)


def expected_version(
    if_match: Annotated[str | None, Header(pattern=r'^(W/)?"?[0-9]{1,9}"?$', max_length=20)] = None,
) -> int | None:
    """The version of `If-Match`: of the case as the caller saw it."""
    return int(if_match.removeprefix("W/").strip('"')) if if_match else None


Why = Annotated[Cause, Depends(why)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
IfMatch = Annotated[int | None, Depends(expected_version)]
AtLeast = Annotated[int | None, Header(alias="At-Least", ge=0)]
