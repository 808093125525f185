"""An event as it is published: a CloudEvent in Kafka's binary mode, thin unless asked otherwise.

Source: CloudEvents 1.0.2, Kafka protocol binding 3.2. Of our own: the key is always the stream, for
order must hold within a case; and the time of a record is when it was published, so that topics
that keep a week keep what was published in a week, and not what happened in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from domain.events import unshown_fields
from domain.runtime.codec import NAMES, Codec
from domain.runtime.sealing import Destroyed, Stored
from domain.values import Erased
from projections.envelope import context, schema_address

Headers = Sequence[tuple[str, bytes]]

# Every record has these: to make their names anew would take longer than to look them up.
_NAMES: Final = (
    *("specversion", "id", "source", "type", "subject", "time", "sequence", "version"),
    *("visibility", "leaf", "by"),
)
HEADERS: Final = {"datacontenttype": "content-type", **{name: f"ce_{name}" for name in _NAMES}}

# In the place of each key: no word can get out that was never decrypted.
_WITHHELD: Final = Destroyed("withheld", datetime.fromtimestamp(0, UTC))


@dataclass(frozen=True, slots=True)
class Publishing:
    """How events of a log are published: from which source, and with words or without.

    `site` is where the schemas stand; what lacks words is not as they say, and names none.
    """

    codec: Codec
    source: str
    full: bool = False
    site: str = ""

    def event(self, row: Stored) -> tuple[bytes, Headers]:
        """The value and the headers.

        Raises:
            StateUnreadable: it is no event of this release.
        """
        if not self.full:
            row = row._replace(text=_WITHHELD, personal=_WITHHELD)
        state = self.codec.newest(row)
        name, data, by = state["type"], state["data"], state["by"]
        kind, withheld = NAMES[name], list[str]()
        for field in unshown_fields(kind):
            data.pop(field, None)
        value = orjson.dumps(without_erased(data, "", withheld))
        internal = kind.always_internal or bool(data.get("internal"))
        place = (row.version, row.position, state["at"])
        told = context(name, state["stream"], *place, self.source, internal=internal)
        told["leaf"] = sha256(row.state).hexdigest()
        told["by"] = by["on_behalf_of"] or by["id"]
        if by["on_behalf_of"]:
            told["via"] = by["id"]
        if withheld:
            told["withheld"] = ",".join(withheld)
        if self.full and self.site:
            told["dataschema"] = schema_address(name, self.site)
        return value, headers_of(told)


def headers_of(told: dict[str, Any]) -> Headers:
    """The attributes of a CloudEvent as headers of a record."""
    return [
        (HEADERS.get(name) or f"ce_{name}", value.encode() if type(value) is str else b"%d" % value)
        for name, value in told.items()
    ]


def without_erased(value: Any, path: str, withheld: list[str]) -> Any:  # noqa: ANN401  any JSON
    """Leaves out the words that nobody is to have here, or can have any more, and names them.

    A list of such words is left out whole.
    """
    if isinstance(value, dict):
        told = {}
        for field, inner in value.items():
            here = f"{path}{field}"
            if isinstance(inner, Erased) or (isinstance(inner, list) and _has_erased(inner)):
                withheld.append(here)
            else:
                told[field] = without_erased(inner, f"{here}.", withheld)
        return told
    return value


def _has_erased(values: list[Any]) -> bool:
    return any(isinstance(value, Erased) for value in values)
