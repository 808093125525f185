"""A frame: one event as the bytes that are stored; and how frames travel to `log.append`."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import orjson

MOST_STATE_BYTES = 256 * 1024
NO_KEYS: Mapping[str, bytes] = MappingProxyType({})


class Destruction(NamedTuple):
    """Which keys of an event's own stream, older than the event, its append destroys."""

    version: int | None
    """None: of all versions."""
    slot: str | None
    """None: of both slots."""
    destroyed_as: str
    """`redacted` or `erased`."""


class Frame(NamedTuple):
    stream: UUID
    version: int
    """1, 2, 3 … in the stream."""
    topic: str
    """The stored name, such as `case.escalated`."""
    state: bytes
    """The recorded event as canonical JSON: what is hashed and proved."""
    keys: Mapping[str, bytes] = NO_KEYS
    """Slot (`text`, `personal`) -> wrapped key; empty when nothing in the event is encrypted."""
    destroys: Sequence[Destruction] = ()


class StateTooLarge(Exception):
    """An event may have {most} bytes; {topic} has {size}. Nothing of its command was written."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__((self.__doc__ or "").format(most=MOST_STATE_BYTES, topic=topic, size=size))


def encode(command_id: UUID, frames: Sequence[Frame]) -> bytes:
    """One item of the batch of `log.append`: a command and what it made happen.

    Raises:
        StateTooLarge: an event is above 256 KiB.
        TypeError: a text is no Unicode.
    """
    assert frames, "a command that changed nothing is remembered by encode_unchanged"
    item: list[Any] = [command_id, [_encode(frame) for frame in frames]]
    if destroyed := [(f.stream, f.version, *which) for f in frames for which in f.destroys]:
        item.append(destroyed)
    return orjson.dumps(item)


def encode_unchanged(command_id: UUID, digest: str, stream: UUID, version: int) -> bytes:
    """One item of the batch: a command that changed nothing while `stream` stood at `version`."""
    return orjson.dumps([command_id, [[stream, version, None, digest]]])


def encode_batch(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _encode(frame: Frame) -> list[Any]:
    stream, version, topic, state, keys, _ = frame
    if len(state) > MOST_STATE_BYTES:
        raise StateTooLarge(topic, len(state))
    wrapped = {slot: b64encode(key).decode() for slot, key in keys.items()} if keys else None
    try:
        text = state.decode()
    except UnicodeDecodeError:
        text = "\0"
    # Ours is JSON. The library's own events may be anything, and no text of PostgreSQL has a zero.
    if "\0" in text:
        return [stream, version, topic, b64encode(state).decode(), wrapped, True]
    return [stream, version, topic, text, wrapped]
