"""Every operation, asked whatever its description allows and more: it is answered as described."""

from typing import Any

import pytest
import schemathesis
import structlog
from httpx2 import Response
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.described import recorded
from domain.values import Actor
from tests import examples as x
from tests.api.http import Http

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# What would end the tokens with which all of this is asked.
NOT_ASKED = {"revoke_token", "rotate_token", "deactivate", "set_person", "set_account"}
ENDLESS = {"stream_events", "stream_notifications"}
OF_NOTHING = {"livez", "readyz", "version"}  # which nothing can be wrong about
UNEXPECTED = {"request_failed", "request_took_too_long"}


@pytest.fixture(scope="module")
def schema(asked: Http) -> Any:  # noqa: ANN401  schemathesis' own
    case = asked.raised()["id"]
    asked.do(x.ANNA, case, "take")
    asked.shown()
    return schemathesis.openapi.from_dict(asked.client.get("/openapi.json").json())


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (name, mode)
        for name in sorted(set(recorded()) - NOT_ASKED - ENDLESS)
        for mode in GenerationMode
        if name not in OF_NOTHING or mode is GenerationMode.POSITIVE
    ],
)
def test_it_is_answered_as_it_is_described(
    asked: Http,
    schema: Any,  # noqa: ANN401  schemathesis' own
    name: str,
    mode: GenerationMode,
) -> None:
    operation = schema.find_operation_by_id(name)

    @settings(
        max_examples=8,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def law(case: schemathesis.Case[Any]) -> None:
        for by in (x.SUE, x.CLARA):
            case.validate_response(sent(asked, by, case), checks=CHECKS)

    with structlog.testing.capture_logs() as lines:
        law()
    assert [line for line in lines if line["event"] in UNEXPECTED] == []


def sent(http: Http, by: Actor, case: schemathesis.Case[Any]) -> Response:
    """As it was made up, with a good token, and of a case that is there."""
    if case.path_parameters and "case" in case.path_parameters:
        case.path_parameters["case"] = "1"
    asked = case.as_transport_kwargs(base_url="http://testserver")
    headers = {
        name: value.encode("latin-1", "replace")
        for name, value in asked["headers"].items()
        if name.lower() != "on-behalf-of"
    }
    headers["authorization"] = f"Bearer {http.desk.token(by)}".encode()
    return http.client.request(
        asked["method"],
        asked["url"],
        params=asked.get("params"),
        json=asked.get("json"),
        content=asked.get("data"),
        headers=headers,
    )
