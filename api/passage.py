"""One request on its way through the layers: what whoever comes to know of it says here."""

from dataclasses import dataclass

from starlette.types import Scope

KEY = "casebook.passage"


@dataclass(slots=True)
class Passage:
    """What is known of a request."""

    id: str
    route: str = "none"
    limit: tuple[bytes, bytes] | None = None
    """The fields RateLimit-Policy and RateLimit of the answer."""
    status: int = 0
    took: float = 0.0
    """Seconds until the answer began."""
    endless: bool = False
    """Whether the answer goes on until somebody ends it."""


def passage_of(scope: Scope) -> Passage:
    """What is known of the request of this scope."""
    found: Passage = scope[KEY]
    return found
