"""How much a request may send: counted while it arrives, whatever length it declares."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

# The largest document, every character of it written as an escape.
MOST_BYTES: Final = 2 * 1024 * 1024


class BodyTooLarge(HTTPException):
    """A request has at most 2 MiB."""

    def __init__(self) -> None:
        super().__init__(413, self.__doc__)

    def __str__(self) -> str:
        return self.detail


def limited(receive: Receive) -> Receive:
    """The same messages, as long as they are not more than `MOST_BYTES`."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST_BYTES:
            raise BodyTooLarge
        return message

    return counted
