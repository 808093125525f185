"""Recorded events <-> the bytes that are kept for ever.

The state is JSON as RFC 8785 writes it (sorted ASCII keys, no floats), so the bytes can be hashed.
`NAMES` is a storage format: a name or a version in it is never taken back. A field that is kept
encrypted stands in the state as {"$text": "base64 …"} or {"$personal": "base64 …"}.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag

from domain import events as e
from domain.commands import Command
from domain.recorded import NOWHERE, Cause, CommandRef, Recorded
from domain.runtime.frames import Destruction, Frame
from domain.runtime.keys import Keyring
from domain.runtime.sealing import Open, Seal, Stored, sealed_fields
from domain.values import STORED, Actor, Role

NAMES: Final[Mapping[str, type[e.Event]]] = MappingProxyType({
    "case.created": e.Created,
    "case.assigned": e.Assigned,
    "case.unassigned": e.Unassigned,
    "case.posted": e.Posted,
    "case.commented": e.Commented,
    "case.entry-edited": e.EntryEdited,
    "case.entry-removed": e.EntryRemoved,
    "case.made-internal": e.MadeInternal,
    "case.attachment-added": e.AttachmentAdded,
    "case.attachment-removed": e.AttachmentRemoved,
    "case.awaiting": e.Awaiting,
    "case.resumed": e.Resumed,
    "case.severity-changed": e.SeverityChanged,
    "case.details-changed": e.DetailsChanged,
    "case.tags-changed": e.TagsChanged,
    "case.recipients-changed": e.RecipientsChanged,
    "case.escalated": e.Escalated,
    "case.deescalated": e.Deescalated,
    "case.resolved": e.Resolved,
    "case.resolution-rejected": e.ResolutionRejected,
    "case.resolution-answered": e.ResolutionAnswered,
    "case.close-requested": e.CloseRequested,
    "case.close-request-withdrawn": e.CloseRequestWithdrawn,
    "case.close-request-declined": e.CloseRequestDeclined,
    "case.closed": e.Closed,
    "case.reopened": e.Reopened,
    "case.merged": e.Merged,
    "case.unmerged": e.Unmerged,
    "case.linked": e.Linked,
    "case.unlinked": e.Unlinked,
    "case.rated": e.Rated,
    "case.watched": e.Watched,
    "case.unwatched": e.Unwatched,
    "case.followed-up": e.FollowedUp,
    "case.redacted": e.Redacted,
    "erased": e.Erased,
    "external-id.claimed": e.ExternalIdClaimed,
    "external-id.released": e.ExternalIdReleased,
    "account.set": e.AccountSet,
    "person.set": e.PersonSet,
    "catalogue.set": e.CatalogueSet,
    "calendar.set": e.CalendarSet,
    "service-levels.set": e.ServiceLevelsSet,
    "subscription.set": e.SubscriptionSet,
})  # fmt: skip
NAME_OF: Final = {event: name for name, event in NAMES.items()}

Upcast: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
# (name, v) -> how the data of version v becomes that of version v + 1.
UPCASTS: Final[Mapping[tuple[str, int], Upcast]] = MappingProxyType({})

_JSON: Final = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z


class StateUnreadable(Exception):
    """Version {version} of {stream} cannot be read: {why}."""

    def __init__(self, stream: UUID, version: int, why: str) -> None:
        super().__init__((self.__doc__ or "").format(stream=stream, version=version, why=why))


def current_version(name: str) -> int:
    """The version in which events of this name are written now."""
    return 1 + max((v for n, v in UPCASTS if n == name), default=0)


_VERSIONS: Final = {name: current_version(name) for name in NAMES}


class Codec:
    """Turns events into frames and rows of the log into events, under one keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    @property
    def keyring(self) -> Keyring:
        """What wraps the keys of the log, and what else is kept under the master key."""
        return self._keyring

    def encode(self, recorded: Recorded) -> Frame:
        """The event as it is stored, under keys of its own; each call makes new ones."""
        event = recorded.event
        data = event.model_dump(mode="json", exclude_unset=event.partial)
        seal = Seal(self._keyring, recorded.stream, recorded.version)
        if plan := sealed_fields(type(event)):
            data = seal.fields(plan, data, "")
        name = NAME_OF[type(event)]
        command = recorded.command
        state = {
            "at": recorded.at,
            "build": recorded.build,
            "by": _actor_json(recorded.by),
            "cause": {"id": recorded.cause.id, "kind": recorded.cause.kind},
            "command": _command_json(command),
            "data": data,
            "documents": recorded.documents,
            "stream": recorded.stream,
            "type": name,
            "v": _VERSIONS[name],
            "version": recorded.version,
        }
        encoded = orjson.dumps(state, option=_JSON)
        destroys = _destroys(event)
        return Frame(recorded.stream, recorded.version, name, encoded, seal.wrapped, destroys)

    def decode(self, stored: Stored) -> Recorded:
        """The event in its newest version; words whose key was destroyed read as `Erased`.

        Raises:
            StateUnreadable: the bytes are no event of ours, or the key is not the one they need.
        """
        try:
            return self._decode(stored)
        except (KeyError, TypeError, ValueError, InvalidTag) as error:
            why = f"{type(error).__name__}: {error}"
            raise StateUnreadable(stored.stream, stored.version, why) from error

    def decode_all(self, rows: Iterable[Stored]) -> list[Recorded]:
        """The events of a page, in its order."""
        return [self.decode(row) for row in rows]

    def digest(self, stream: UUID | None, command: Command, by: Actor) -> str:
        """What tells a repeated command from another one under the same id.

        A field that was left out is not in it, so that a field which a later release adds changes
        nothing; and `stream` is None for what makes its own.
        """
        asked = command.model_dump(mode="json", exclude_unset=True)
        name = type(command).__name__
        content = orjson.dumps([stream, name, str(by.person), asked], option=orjson.OPT_SORT_KEYS)
        return self._keyring.digest(content)

    def newest(self, stored: Stored) -> dict[str, Any]:
        """The state with its data in the newest version; a third of the time of `decode`.

        Raises:
            StateUnreadable: as there.
        """
        try:
            return self._newest(stored)
        except (KeyError, TypeError, ValueError, InvalidTag) as error:
            why = f"{type(error).__name__}: {error}"
            raise StateUnreadable(stored.stream, stored.version, why) from error

    def _newest(self, stored: Stored) -> dict[str, Any]:
        state: dict[str, Any] = orjson.loads(stored.state)
        data, name = state["data"], state["type"]
        if b'{"$' in stored.state:
            data = Open(self._keyring, stored).fields(data, "")
        for v in range(state["v"], _VERSIONS[name]):
            data = UPCASTS[name, v](data)
        state["data"] = data
        return state

    def _decode(self, stored: Stored) -> Recorded:
        state = self._newest(stored)
        data, name = state["data"], state["type"]
        command, by = state["command"], state["by"]
        return Recorded(
            event=NAMES[name].model_validate(data, context=STORED),
            stream=stored.stream,
            version=stored.version,
            at=datetime.fromisoformat(state["at"]),
            by=_actor(by["id"], by["role"], by["account"], by["on_behalf_of"]),
            command=command
            and CommandRef(UUID(command["id"]), command["name"], command["digest"], command["of"]),
            cause=Cause(**state["cause"]),
            documents=state["documents"],
            build=state["build"],
            position=stored.position or NOWHERE,
            recorded_at=stored.recorded_at,
        )


def _destroys(event: e.Event) -> Sequence[Destruction]:
    """The keys that go with the event, in the transaction that appends it."""
    match event:
        case e.Redacted(versions=versions, slot=slot):
            return [Destruction(version, slot, "redacted") for version in versions]
        case e.Erased():
            return [Destruction(None, None, "erased")]
    return ()


def _command_json(command: CommandRef | None) -> dict[str, Any] | None:
    if command is None:
        return None
    return {"digest": command.digest, "id": command.id, "name": command.name, "of": command.of}


@lru_cache(maxsize=4096)
def _actor_json(actor: Actor) -> dict[str, Any]:
    return actor.model_dump(mode="json")


@lru_cache(maxsize=4096)
def _actor(id_: str, role: str, account: str | None, on_behalf_of: str | None) -> Actor:
    return Actor.model_validate(
        {"id": id_, "role": Role(role), "account": account, "on_behalf_of": on_behalf_of},
        context=STORED,
    )
