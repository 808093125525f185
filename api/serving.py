"""A server's connections, for answers that go on: cut off where nobody reads."""

from collections.abc import Callable
from typing import Any, Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KEY: Final = "casebook.cut"
LAST_WORDS_SECONDS: Final = 1.5


class Cuttable(HttpToolsProtocol):
    """A connection that can be ended although its reader has made no room for what was sent."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a key of our own
        scope[KEY] = self._cut

    def _cut(self) -> None:
        # What is sent now stands behind what waits, and a little later all of it is dropped.
        self.flow.resume_writing()
        self.loop.call_later(LAST_WORDS_SECONDS, self.transport.abort)


def cut(scope: Scope) -> None:
    """Ends the connection of a request in a moment; what is sent until then is still sent."""
    found: Callable[[], None] | None = scope.get(KEY)
    if found is not None:
        found()
