"""What the data of each event looks like where it leaves the house: JSON Schema.

Source: JSON Schema 2020-12.
"""

from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.deps import Given
from api.page import page
from domain.events import Event, desk_fields, unshown_fields
from domain.runtime.codec import NAMES, current_version
from domain.runtime.sealing import Each, Plan, sealed_fields
from domain.values import Slot
from projections.envelope import schema_address

router = APIRouter(include_in_schema=False)

Schema = dict[str, Any]
TYPE: Final = "application/schema+json"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# What people wrote may be there, or destroyed, and then it says so.
WORDS: Final[Schema] = {
    "description": "What somebody wrote; an object where it was destroyed for ever.",
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "required": ["erased", "at"],
            "properties": {
                "erased": {"enum": ["redacted", "erased"]},
                "at": {"type": "string", "format": "date-time"},
            },
        },
    ],
}
# Which of a case's ties and people a reader is told depends on the reader.
BY_READER: Final = frozenset({"case", "number", "follows", "assignee"})


@router.get("/schemas/")
async def all_schemas(request: Request) -> Response:
    """Every type of event, as a page or as JSON."""
    there = {name: schema_address(name) for name in NAMES}
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(there)
    rows = "".join(
        f"<tr><td><a href='{path}'>{name}</a><td>{escape(said_of(name))}."
        for name, path in there.items()
    )
    said = (
        "<p>The <code>data</code> of each type of event, by JSON Schema 2020-12. A version that is"
        " published changes by optional fields alone; be ready for more fields than you know."
        " All of it for programs: <a href='/asyncapi.json'>/asyncapi.json</a>.</p>"
    )
    return page("Events", f"{said}<table><thead><tr><th>Type<th>When</thead><tbody>{rows}</table>")


@router.get("/schemas/{name}/{version}")
async def one_schema(name: str, version: int, given: Given) -> Response:
    """The schema that `dataschema` of an event leads to."""
    if name not in NAMES or version != current_version(name):
        raise HTTPException(404)
    address = schema_address(name, given.site)
    return JSONResponse({"$schema": DIALECT, "$id": address, **schema_of(name)}, media_type=TYPE)


def said_of(name: str) -> str:
    """What events of this name tell, in a sentence."""
    told: str = schema_of(name)["description"]
    return told.partition(".")[0]


@cache
def schema_of(name: str) -> Schema:
    """What the data of events of this name looks like, as they are written now.

    Nothing that may be withheld from a reader is required, and nothing more is forbidden.
    """
    kind = NAMES[name]
    made = kind.model_json_schema(mode="serialization")
    definitions: dict[str, Schema] = made.pop("$defs", {})
    schema = _outward(made, sealed_fields(kind), definitions, withheld=_withheld(kind))
    for field in unshown_fields(kind):
        schema["properties"].pop(field, None)
    named = {key: _outward(of, {}, {}) for key, of in definitions.items() if of.get("properties")}
    named |= {key: of for key, of in definitions.items() if key not in named}
    if named or sealed_fields(kind):
        schema["$defs"] = {**named, "Words": WORDS}
    return schema


def _withheld(kind: type[Event]) -> frozenset[str]:
    return desk_fields(kind) | (BY_READER & kind.model_fields.keys())


def _outward(
    schema: Schema,
    sealed: Mapping[str, Plan],
    definitions: dict[str, Schema],
    withheld: frozenset[str] = frozenset(),
) -> Schema:
    """An object as readers have it: open, and without what may be withheld being required."""
    properties = {
        field: _words(of, sealed[field], definitions) if field in sealed else of
        for field, of in schema.get("properties", {}).items()
    }
    required = [f for f in schema.get("required", []) if f not in sealed and f not in withheld]
    kept = {k: v for k, v in schema.items() if k not in {"additionalProperties", "required"}}
    return {**kept, "properties": properties, **({"required": required} if required else {})}


def _words(of: Schema, plan: Plan, definitions: dict[str, Schema]) -> Schema:
    """A field of words: each of them may be destroyed, or be withheld."""
    if isinstance(plan, Slot):
        words = {"$ref": "#/$defs/Words"}
        return {"anyOf": [words, {"type": "null"}]} if "anyOf" in of else words
    if isinstance(plan, Each):
        return {**of, "items": _words(of["items"], plan.plan, definitions)}
    name = of["$ref"].rpartition("/")[2]
    definitions[name] = _outward(definitions[name], plan, definitions)
    return of
