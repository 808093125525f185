"""The schemas of events: what is published stays so, and every event is as it says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from api.schemas import schema_of
from domain.events import Event
from domain.recorded import Recorded
from domain.runtime.codec import NAME_OF, NAMES, current_version
from projections.shown import data_of
from tests import examples as x
from tests.api.http import Http
from tests.domain.runtime.every_event import EVERY

# What somebody may have read one day, by type and version. A new one is added by running this
# module; what stands there is never changed.
PUBLISHED: Final = Path(__file__).parent / "published.json"
ANNOTATIONS: Final = {"title", "description"}


def published() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(PUBLISHED.read_text())
    return told


def now() -> dict[str, Any]:
    return {f"{name}/{current_version(name)}": schema_of(name) for name in NAMES}


def differences(old: Any, new: Any, where: str = "#") -> Iterator[str]:  # noqa: ANN401  JSON
    """How a schema differs, but for words for people and fields that nobody must send."""
    if isinstance(old, dict) and isinstance(new, dict):
        is_object = where.endswith(("/properties", "/$defs"))
        for key in old.keys() | new.keys():
            if key in ANNOTATIONS and not is_object:
                continue
            if key not in old and is_object:
                continue
            yield from differences(old.get(key), new.get(key), f"{where}/{key}")
    elif old != new:
        yield where


def test_what_is_published_changes_by_optional_fields_alone() -> None:
    there = now()
    assert published().keys() == there.keys(), "a new type or version: run this module once"
    assert [
        f"{name} {where}"
        for name, schema in published().items()
        for where in differences(schema, there[name])
    ] == []


@pytest.mark.parametrize(
    "change",
    [
        {"required": ["entry", "text"]},
        {"properties": {"entry": {"type": "string"}}},
        {"properties": {"entry": None}},
        {"type": "array"},
    ],
)
def test_any_other_change_would_be_found(change: dict[str, Any]) -> None:
    old = schema_of("case.posted")
    new = {**old, **change}
    if "properties" in change:
        new["properties"] = {**old["properties"], **change["properties"]}
    assert list(differences(old, new))


def test_an_optional_field_more_is_no_change() -> None:
    old = schema_of("case.posted")
    new = {**old, "properties": {**old["properties"], "mood": {"type": "string"}}}
    assert list(differences(old, new)) == []


@pytest.mark.parametrize("event", EVERY, ids=lambda event: NAME_OF[type(event)])
def test_every_event_is_as_its_schema_says_for_every_reader(event: Event) -> None:
    name = NAME_OF[type(event)]
    Draft202012Validator.check_schema(schema_of(name))
    validator = Draft202012Validator(schema_of(name), format_checker=FormatChecker())
    recorded = Recorded(event, x.CASE, 1, x.MONDAY, x.ANNA)
    for viewer in (x.ANNA, x.CLARA):
        for unseen in ((), (x.CASE, x.OTHER_CASE)):
            for named in (True, False):
                data, _ = data_of(recorded, viewer, unseen, names_assignee=named)
                validator.validate(orjson.loads(orjson.dumps(data)))


def test_each_schema_stands_where_events_say(asked: Http) -> None:
    there = asked.client.get("/schemas/").json()
    assert there.keys() == NAMES.keys()
    for name, path in there.items():
        answer = asked.client.get(path)
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"].endswith(path)
        assert answer.json()["description"] == schema_of(name)["description"]
    assert asked.client.get("/schemas/case.posted/99").status_code == 404
    assert asked.client.get("/schemas/case.unheard/1").status_code == 404
    assert "case.posted" in asked.client.get("/schemas/", headers={"accept": "text/html"}).text


def references(value: Any) -> Iterator[str]:  # noqa: ANN401  JSON
    if isinstance(value, dict):
        if isinstance(ref := value.get("$ref"), str):
            yield ref
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_whatever_the_description_of_what_is_sent_refers_to_is_there(asked: Http) -> None:
    told = asked.client.get("/asyncapi.json").json()
    assert told["asyncapi"] == "3.1.0"
    assert told["components"]["messages"].keys() == {n + e for n in NAMES for e in ("", ".binary")}
    assert {one["address"] for one in told["channels"].values()} == {
        "/api/v1/events/stream",
        None,
        "cases.events.v1",
        "configuration.events.v1",
    }
    found = list(references(told))
    assert found
    for ref in found:
        if ref.startswith("/"):
            assert asked.client.get(ref).status_code == 200, ref
            continue
        here: Any = told
        for part in ref.removeprefix("#/").split("/"):  # no name has a slash
            here = here[part]
        assert here


if __name__ == "__main__":
    kept = {**now(), **(published() if PUBLISHED.exists() else {})}
    PUBLISHED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
