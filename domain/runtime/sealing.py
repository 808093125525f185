"""Encrypting the fields of an event that are marked for it, and reading them again."""

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

from domain.runtime.keys import FieldCipher, Keyring
from domain.values import Erased, Sealed, Slot, Value


class Destroyed(NamedTuple):
    """A key that is no more: 'redacted' or 'erased', and since when."""

    reason: str
    when: datetime


Key: TypeAlias = bytes | Destroyed | None


class Stored(NamedTuple):
    """A row of the log with its keys: wrapped, destroyed, or None where nothing is encrypted."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes
    recorded_at: datetime | None = None
    text: Key = None
    personal: Key = None


class Each(NamedTuple):
    """A sequence whose items are encrypted by this plan."""

    plan: "Plan"


_NESTED: Final = frozenset({dict, list})  # of what JSON can be

Plan: TypeAlias = "Slot | Each | Mapping[str, Plan]"


class Seal:
    """Encrypts the marked fields of one event; a slot's key is made when its first field comes."""

    def __init__(self, keyring: Keyring, stream: UUID, version: int) -> None:
        self._keyring, self._stream, self._version = keyring, stream, version
        self._ciphers: dict[str, FieldCipher] = {}
        self.wrapped: dict[str, bytes] = {}

    def fields(self, plan: Plan, value: Any, path: str) -> Any:  # noqa: ANN401  any JSON
        if value is None:
            return None
        if isinstance(plan, Slot):
            sealed = self._cipher(plan).seal(path, value)
            return {f"${plan}": b2a_base64(sealed, newline=False).decode()}
        if isinstance(plan, Each):
            each = plan.plan
            return [self.fields(each, item, f"{path}.{n}") for n, item in enumerate(value)]
        inner = {f: self.fields(p, value[f], f"{path}.{f}") for f, p in plan.items() if f in value}
        return {**value, **inner}

    def _cipher(self, slot: Slot) -> FieldCipher:
        if slot not in self._ciphers:
            key, self.wrapped[slot.value] = self._keyring.new(self._stream, self._version, slot)
            self._ciphers[slot] = FieldCipher(key, self._stream, self._version)
        return self._ciphers[slot]


class Open:
    """Decrypts wherever an encrypted field stands, whatever the event once looked like."""

    def __init__(self, keyring: Keyring, stored: Stored) -> None:
        self._keyring, self._stored = keyring, stored
        self._ciphers: dict[str, FieldCipher] = {}

    def fields(self, value: Any, path: str) -> Any:  # noqa: ANN401  any JSON
        if isinstance(value, dict):
            if len(value) == 1 and (marker := next(iter(value))).startswith("$"):
                return self._open(marker[1:], path, value[marker])
            # Most fields are plain, and a call for each would cost as much as the decryption.
            return {
                f: self.fields(v, f"{path}.{f}") if type(v) in _NESTED else v
                for f, v in value.items()
            }
        if isinstance(value, list):
            return [self.fields(item, f"{path}.{n}") for n, item in enumerate(value)]
        return value

    def _open(self, slot: str, path: str, sealed: str) -> str:
        key = self._stored.text if slot == Slot.TEXT else self._stored.personal
        if isinstance(key, Destroyed):
            return Erased(*key)
        if key is None:
            msg = f"there is no {slot} key"
            raise ValueError(msg)
        return self._cipher(slot, key).open(path, a2b_base64(sealed))

    def _cipher(self, slot: str, wrapped: bytes) -> FieldCipher:
        if slot not in self._ciphers:
            stream, version = self._stored.stream, self._stored.version
            key = self._keyring.unwrap(wrapped, stream, version, slot)
            self._ciphers[slot] = FieldCipher(key, stream, version)
        return self._ciphers[slot]


@lru_cache(maxsize=256)
def sealed_fields(model: type[Value]) -> Mapping[str, Plan]:
    """Which fields of a model are encrypted, and under which slot's key."""
    hints = get_type_hints(model, include_extras=True)
    plans = {field: _plan(hints[field]) for field in model.model_fields}
    return {field: plan for field, plan in plans.items() if plan}


def _plan(hint: Any) -> "Plan | None":  # noqa: ANN401  any type hint
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        slots = [mark.slot for mark in args[1:] if isinstance(mark, Sealed)]
        return slots[0] if slots else _plan(args[0])
    if origin in {Union, UnionType}:
        return next((plan for arg in args if (plan := _plan(arg))), None)
    if origin is tuple:
        plan = _plan(args[0])
        return Each(plan) if plan else None
    if isinstance(hint, type) and issubclass(hint, Value):
        return sealed_fields(hint) or None
    return None
