"""What an event holds for a viewer who may know of it: its data, and as a CloudEvent."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.events import (
    Assigned,
    Created,
    Event,
    FollowedUp,
    Linked,
    Unassigned,
    Unlinked,
    desk_fields,
    unshown_fields,
)
from domain.recorded import Recorded
from domain.values import Actor, Erased
from projections.envelope import attributes, in_order


@dataclass(frozen=True, slots=True)
class Eyes:
    """Whose eyes an event is shown to. `unseen`: cases that do not exist for them."""

    viewer: Actor
    unseen: Container[UUID] = ()
    names_assignee: bool = True


def cloud_event(
    recorded: Recorded, eyes: Eyes, *, before: int, source: str, site: str
) -> dict[str, Any]:
    """An event as CloudEvents 1.0 has it; `before` is the position of the one before, for them."""
    by, named = recorded.by, eyes.names_assignee
    data, withheld = data_of(recorded, eyes.viewer, eyes.unseen, names_assignee=named)
    told = attributes(recorded, source=source, site=site)
    told["prev"] = in_order(before)
    if named or not is_assignment(recorded.event):
        told["by"] = str(by.person)
    if via := service_of(by):
        told["via"] = str(via)
    if eyes.viewer.sees_internal and recorded.cause.id:
        told["cause"] = recorded.cause.id
    if withheld:
        told["withheld"] = ",".join(withheld)
    return {**told, "data": data}


def data_of(
    recorded: Recorded, viewer: Actor, unseen: Container[UUID] = (), *, names_assignee: bool = True
) -> tuple[dict[str, Any], list[str]]:
    """What an event holds for a viewer who may know of it, and which fields are withheld."""
    event = recorded.event
    data = _readable(
        event.model_dump(exclude_unset=event.partial, exclude=unshown_fields(type(event)))
    )
    hidden = frozenset() if viewer.sees_internal else desk_fields(type(event))
    if other_case(event) in unseen:
        hidden |= {"follows"} if isinstance(event, Created) else {"case", "number"}
    if not names_assignee:
        hidden |= {"assignee"}
    withheld = sorted(hidden & data.keys())
    return {field: value for field, value in data.items() if field not in withheld}, withheld


def other_case(event: Event) -> UUID | None:
    """The case that an event ties its own case to."""
    match event:
        case Linked(case=other) | Unlinked(case=other) | FollowedUp(case=other):
            return other
        case Created(follows=other):
            return other
    return None


def is_assignment(event: Event) -> bool:
    """Whether whoever did it is the one who has the case, or had it."""
    return isinstance(event, Assigned | Unassigned)


def service_of(by: Actor) -> UUID | None:
    """The service account that acted on behalf of somebody."""
    return by.id if by.on_behalf_of and isinstance(by.id, UUID) else None


def _readable(value: Any) -> Any:  # noqa: ANN401  any JSON
    """Erased words say so, and since when."""
    if isinstance(value, Erased):
        return {"erased": value.reason, "at": value.when}
    if isinstance(value, dict):
        return {field: _readable(inner) for field, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    return value
