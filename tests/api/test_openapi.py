"""The description of the API: valid, complete, and true."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from api.described import recorded
from api.errors import STATUS
from api.problems import KINDS
from tests.api.http import Http

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def described(asked: Http) -> dict[str, Any]:
    found: dict[str, Any] = asked.client.get("/openapi.json").json()
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_a_description_of_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    validate(described)


def test_each_operation_has_a_name_of_its_own_and_says_what_it_does(
    described: dict[str, Any],
) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(set(names)) == len(names) > 70
    for path, _, operation in operations(described):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
        assert operation["summary"], path
        assert operation["description"], path
        assert len(operation["tags"]) == 1, path
        for parameter in operation.get("parameters", ()):
            in_path = parameter["in"] == "path"
            assert in_path or parameter.get("description"), (path, parameter["name"])


def test_each_operation_shows_what_is_sent_and_answered_and_that_fits_its_schema(
    described: dict[str, Any],
) -> None:
    shown = {operation["operationId"] for _, _, operation in operations(described)}
    assert shown == set(recorded())
    for path, _, operation in operations(described):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            fits(described, body, path)
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if status.startswith("2") and status != "204":
                of = content.get("application/json")
                assert of or next(iter(content.values()))["example"], path
                if of:
                    fits(described, of, path)
            for problem in content.get("application/problem+json", {}).get("examples", {}).values():
                name = problem["$ref"].rpartition("/")[2]
                value = described["components"]["examples"][name]["value"]
                assert str(value["status"]) == status


def fits(described: dict[str, Any], content: dict[str, Any], path: str) -> None:
    assert "example" in content, path
    schema = {**content["schema"], "components": described["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(content["example"])


def test_each_operation_says_what_can_go_wrong(described: dict[str, Any]) -> None:
    told: set[str] = set()
    for path, _, operation in operations(described):
        problems = {
            status: set(response["content"]["application/problem+json"]["examples"])
            for status, response in operation["responses"].items()
            if "application/problem+json" in response.get("content", {})
        }
        told |= set().union(*problems.values())
        if "security" in operation:
            assert problems["401"] == {"token-refused"} or "sign" in path, path
            assert "429" in problems, path
        assert {"500", "503"} <= set(problems), path
    never = {"bad-request", "not-found", "method-not-allowed"}  # of no operation of ours
    at_the_command_line = {"case-erased"}
    assert set(KINDS) - told - never - at_the_command_line == set()


def test_every_error_that_has_a_status_is_a_documented_problem(asked: Http) -> None:
    told = {problem["type"] for problem in asked.client.get("/problems").json()}
    assert told == {f"/problems/{name}" for name in KINDS}
    assert len(KINDS) > len(STATUS)


def test_where_a_type_leads_it_is_explained_to_people_and_to_programs(asked: Http) -> None:
    for name, kind in KINDS.items():
        for_programs = asked.client.get(f"/problems/{name}")
        assert for_programs.json()["status"] == kind.status
        for_people = asked.client.get(f"/problems/{name}", headers={"accept": "text/html"})
        assert kind.title in for_people.text
    assert asked.client.get("/problems/none").json()["type"] == "/problems/not-found"
    assert "<table>" in asked.client.get("/problems", headers={"accept": "text/html"}).text


def test_the_reference_is_one_page_without_a_script_or_a_foreign_address(
    asked: Http, described: dict[str, Any]
) -> None:
    answer = asked.client.get("/reference")
    for _, _, operation in operations(described):
        assert f'id="{operation["operationId"]}"' in answer.text
    assert "<script" not in answer.text
    links = re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", answer.text)
    assert all(link.startswith(("/", "#")) for link in links)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
