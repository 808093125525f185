"""What stands around an event where it leaves this house: the attributes of CloudEvents 1.0.

Source: CloudEvents 1.0.2; `sequence` is an extension of its own there. `visibility`, `version` and
`dataschema` below `/schemas/` are ours. All are strings, or integers of 32 bits, so that every
protocol binding has them alike.
"""

from typing import Any, Final
from uuid import UUID

from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF, current_version

SPECVERSION: Final = "1.0"
SCHEMAS: Final = "/schemas/"
DIGITS: Final = 20  # of a position, so that texts of them are in their order
JSON: Final = "application/json"


def source_of(log: UUID, epoch: int) -> str:
    """Where events come from: this log, in this epoch. A restored one says so in each event."""
    return f"urn:uuid:{log}#{epoch}"


def in_order(position: int) -> str:
    """A position as a text that sorts like the number."""
    return f"{position:0{DIGITS}}"


def schema_address(name: str, site: str = "") -> str:
    """Where the schema stands of the data of events of this name, as they are written now."""
    return f"{site}{SCHEMAS}{name}/{current_version(name)}"


def attributes(recorded: Recorded, *, source: str, site: str = "") -> dict[str, Any]:
    """The context of an event, without its data.

    `site` is where this house is reached, such as https://desk.example; without it no schema is
    named, for that must be an absolute URI.
    """
    name, at = NAME_OF[type(recorded.event)], recorded.at.isoformat().replace("+00:00", "Z")
    stream, place = str(recorded.stream), (recorded.version, recorded.position)
    told = context(name, stream, *place, at, source, internal=recorded.event.is_internal)
    if site:
        told["dataschema"] = schema_address(name, site)
    return told


def context(
    name: str, stream: str, version: int, position: int, at: str, source: str, *, internal: bool
) -> dict[str, Any]:
    """The same of an event that nobody has decoded."""
    return {
        "specversion": SPECVERSION,
        "id": f"{stream}:{version}",
        "source": source,
        "type": name,
        "subject": stream,
        "time": at,
        "datacontenttype": JSON,
        "sequence": in_order(position),
        "version": version,
        "visibility": "internal" if internal else "public",
    }
