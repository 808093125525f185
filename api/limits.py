"""How much a request may send: counted while it arrives, whatever length it declares."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

# The largest document, every character of it written as an escape.
MOST_BYTES: Final = 2 * 1024 * 1024
# Bytes of files: what stands behind these says itself how much it takes, while it arrives.
FILES: Final = "/api/v1/uploads/"
FILE_SECONDS: Final = 900.0


def takes_files(path: str, method: str) -> bool:
    """Whether the body of such a request is a file or a part of one."""
    whole = method == "POST" and path == f"{FILES}file"
    return whole or (method == "PUT" and path.startswith(FILES))


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
