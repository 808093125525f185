"""Where a page of a list ended, as an opaque text."""

import base64
import binascii
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import orjson

Cursor: TypeAlias = tuple[datetime, UUID]


class CursorNotOurs(Exception):
    """The cursor is not one that a list gave; begin again without it."""


def write_cursor(at: datetime, case: UUID) -> str:
    """The cursor behind a row."""
    return base64.urlsafe_b64encode(orjson.dumps([at, case])).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """What `write_cursor` was given.

    Raises:
        CursorNotOurs: it did not write this.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        at, case = orjson.loads(raw)
        return datetime.fromisoformat(at), UUID(case)
    except (binascii.Error, TypeError, ValueError, AttributeError):
        raise CursorNotOurs from None
