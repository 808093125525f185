"""What is sent as it happens, described for programs: stream, webhooks and Kafka.

Source: AsyncAPI 3.1; CloudEvents 1.0.2 with its JSON format and its Kafka protocol binding.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.deps import Given
from api.schemas import said_of
from domain.runtime.codec import NAMES
from projections.envelope import JSON, SPECVERSION, schema_address
from projections.topics import Topics

router = APIRouter(include_in_schema=False)

Described = dict[str, Any]
STREAM: Final = "/api/v1/events/stream"
STRUCTURED: Final = "application/cloudevents+json"
BINARY: Final = ".binary"  # the same event, with its context in headers
OF_CASES: Final = "case."
CONTEXT: Final[Described] = {
    "id": {"type": "string", "description": "Stream and version."},
    "source": {"type": "string", "description": "The log, and its epoch."},
    "subject": {"type": "string", "description": "The stream: the id of the case."},
    "time": {"type": "string", "format": "date-time", "description": "When it happened."},
    "sequence": {"type": "string", "description": "The position in the log, in 20 digits."},
    "version": {"description": "1, 2, 3 … in the stream."},
    "visibility": {"enum": ["public", "internal"]},
    "withheld": {"type": "string", "description": "Fields that are left out, by commas."},
}
REQUIRED: Final = ("specversion", "id", "source", "type", "subject", "time", "sequence", "version")


@router.get("/asyncapi.json")
async def asyncapi(request: Request, given: Given) -> Response:
    """How events are had as they happen."""
    return JSONResponse(described(given.site, request.app.version))


def described(site: str, release: str) -> Described:
    """The description of all that is sent."""
    messages = {name: _structured(name) for name in NAMES}
    messages |= {name + BINARY: _binary(name) for name in NAMES}
    topics = Topics()
    channels = {
        "stream": _channel(STREAM, "Server-sent events; the id of each is its position.", NAMES)
        | {"servers": [{"$ref": "#/servers/http"}]},
        "webhooks": _channel(None, "The address that a subscription names.", NAMES),
        "cases": _topic(topics.cases.name, "By case.", lambda name: name.startswith(OF_CASES)),
        "configuration": _topic(
            topics.configuration.name, "By document.", lambda name: not name.startswith(OF_CASES)
        ),
    }
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Casebook",
            "version": release,
            "description": "What happens in support cases, in the order of one log without a gap.",
        },
        "defaultContentType": STRUCTURED,
        "servers": {"http": {"host": site.split("//")[1], "protocol": site.partition(":")[0]}},
        "channels": channels,
        "operations": {
            name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}} for name in channels
        },
        "components": {"messages": messages},
    }


def _channel(address: str | None, title: str, names: Iterable[str]) -> Described:
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    return {"address": address, "title": title, "messages": refs}


def _topic(name: str, title: str, has: Callable[[str], bool]) -> Described:
    # An erased stream is told where its stream is.
    there = [one + BINARY for one in NAMES if has(one) or one == "erased"]
    return _channel(name, f"A topic of Kafka, where one is configured. {title}", there)


def _structured(name: str) -> Described:
    context = {
        "specversion": {"const": SPECVERSION},
        "type": {"const": name},
        **CONTEXT,
        "prev": {"type": "string", "description": "The one before, in the reader's own view."},
    }
    payload = {
        "type": "object",
        "required": [*REQUIRED, "data"],
        "properties": {**context, "data": {"$ref": schema_address(name)}},
    }
    return {**_titled(name), "contentType": STRUCTURED, "payload": payload}


def _binary(name: str) -> Described:
    context = {
        "specversion": {"const": SPECVERSION},
        "type": {"const": name},
        **CONTEXT,
        "leaf": {"type": "string", "description": "SHA-256 of the stored bytes, in hex."},
    }
    headers = {
        "type": "object",
        "required": [f"ce_{attribute}" for attribute in (*REQUIRED, "leaf")],
        "properties": {f"ce_{attribute}": of for attribute, of in context.items()},
    }
    return {
        **_titled(name),
        "contentType": JSON,
        "headers": headers,
        "payload": {"$ref": schema_address(name)},
    }


def _titled(name: str) -> Described:
    return {"name": name, "title": said_of(name)}
