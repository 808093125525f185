"""The reference: the description of the API as one plain page, made once."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.page import page

router = APIRouter(include_in_schema=False)

Operation = dict[str, Any]
INTRO = """<p>One POST is one command; its body is the command. Send
<code>Authorization: Bearer …</code>, and <code>Idempotency-Key</code> with whatever must not happen
twice. The same for programs: <a href="/openapi.json">/openapi.json</a>.
What can go wrong: <a href="/problems">/problems</a>. What happens, as events:
<a href="/schemas/">/schemas/</a>.</p>"""


@router.get("/reference")
async def reference(request: Request) -> Response:
    """Every operation, with its parameters, an example and its problems."""
    described = request.app.openapi()
    groups: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            groups.setdefault(tag, []).append("".join(_operation(path, method, operation)))
    links = " · ".join(f'<a href="#{_anchor(tag)}">{escape(tag)}</a>' for tag in groups)
    sections = "".join(
        f'<h2 id="{_anchor(tag)}">{escape(tag.capitalize())}</h2>{"".join(operations)}'
        for tag, operations in groups.items()
    )
    return page("The Casebook API", f"{INTRO}<p>{links}</p>{sections}")


def _anchor(tag: str) -> str:
    return escape(tag.replace(" ", "-"))


def _operation(path: str, method: str, operation: Operation) -> Iterator[str]:
    kind = "get" if method == "get" else "other"
    summary = escape(operation["summary"])
    yield f'<details id="{escape(operation["operationId"])}"><summary>'
    yield f'<b class="{kind}">{method.upper()}</b>'
    yield f"<code>{escape(path)}</code><span>{summary}</span></summary>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        yield "<h3>Parameters</h3><table><tbody>"
        yield "".join(_parameter(parameter) for parameter in parameters)
        yield "</table>"
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in sent:
        yield f"<h3>Sent</h3>{_json(sent['example'])}"
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if "example" in content and kind == "application/json":
                yield f"<h3>Answered: {escape(status)}</h3>{_json(content['example'])}"
    yield "<h3>Problems</h3><table><tbody>"
    yield "".join(_problems(operation["responses"]))
    yield "</table></details>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    name, place = escape(parameter["name"]), escape(parameter["in"])
    said = escape(parameter.get("description", ""))
    return f'<tr><td><code>{name}</code><td class="soft">{place}<td>{said}'


def _problems(responses: Mapping[str, Any]) -> Iterator[str]:
    for status, response in responses.items():
        content = response.get("content", {}).get("application/problem+json")
        if content:
            names = (escape(name) for name in content["examples"])
            links = ", ".join(f'<a href="/problems/{name}">{name}</a>' for name in names)
            yield f"<tr><td>{escape(status)}<td>{links}"


def _json(example: object) -> str:
    return f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
