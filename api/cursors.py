"""Where a page of a list ended, as an opaque text."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

import orjson

from projections.listing import SORTS, Cursor

RELEVANCE = "relevance"
HIGHEST = 2**62  # above every position
FIRST_PLACE = (HIGHEST, UUID(int=2**128 - 1))


class CursorNotOurs(Exception):
    """The cursor is not one that this list gave; begin again without it."""


def write_cursor(cursor: Cursor, sort: str) -> str:
    """The cursor beside a row of a list that is sorted like this."""
    written = [sort, cursor.value, cursor.id, cursor.before]
    return base64.urlsafe_b64encode(orjson.dumps(written)).decode().rstrip("=")


def read_cursor(text: str, sort: str) -> Cursor:
    """What `write_cursor` was given.

    Raises:
        CursorNotOurs: it did not write this, or for a list that is sorted otherwise.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        of, value, case, before = orjson.loads(raw)
        # By relevance a place is a number.
        type_ = "smallint" if sort == RELEVANCE else SORTS[sort.removeprefix("-")].type
        if of != sort or not _fits(value, type_):
            raise CursorNotOurs
        return Cursor(value, UUID(case), bool(before))
    except (binascii.Error, TypeError, ValueError, AttributeError):
        raise CursorNotOurs from None


def write_name_cursor(name: str, id_: UUID) -> str:
    """The cursor behind a line of the directory."""
    return base64.urlsafe_b64encode(orjson.dumps([name, id_])).decode().rstrip("=")


def read_name_cursor(text: str) -> tuple[str, UUID]:
    """What `write_name_cursor` was given.

    Raises:
        CursorNotOurs: it did not write this.
    """
    try:
        name, id_ = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not _fits(name, "text"):
            raise CursorNotOurs
        return name, UUID(id_)
    except (binascii.Error, TypeError, ValueError, AttributeError):
        raise CursorNotOurs from None


def write_place(position: int, id_: UUID) -> str:
    """The cursor behind one of several things at a position."""
    return base64.urlsafe_b64encode(orjson.dumps([position, id_])).decode().rstrip("=")


def read_place(text: str) -> tuple[int, UUID]:
    """What `write_place` was given.

    Raises:
        CursorNotOurs: it did not write this.
    """
    try:
        position, id_ = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(position, int) or not 0 <= position < HIGHEST:
            raise CursorNotOurs
        return position, UUID(id_)
    except (binascii.Error, TypeError, ValueError, AttributeError):
        raise CursorNotOurs from None


def _fits(value: object, type_: str) -> bool:
    """Whether the server can read the value as one of this type."""
    if type_ == "smallint":
        return isinstance(value, int) and 0 <= value < 2**15
    if not isinstance(value, str) or "\0" in value:
        return False
    return type_ == "text" or datetime.fromisoformat(value).tzinfo is not None
