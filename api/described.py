"""The description of the API (OpenAPI 3.1), completed: what is answered, and what can go wrong."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi.routing import APIRoute

from api.problems import KINDS
from domain.errors import Conflict, NotPermitted, Unfit

Described = dict[str, Any]

# What the API answered when it was asked for everything: `python -m tests.api.recorded` asks again.
EXAMPLES: Final = Path(__file__).parent / "examples.json"
PROBLEM: Final[Described] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "What it is; stable."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What it is this time, in one sentence."},
        "request_id": {"type": "string", "description": "Also in the header Request-Id."},
        "errors": {
            "type": "array",
            "description": "What is wrong with the request, each with a JSON pointer (RFC 6901).",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}
HEADERS: Final[Mapping[str, str]] = {
    "Request-Id": "The id of the request: the one that was sent, or a new one.",
    "RateLimit-Policy": "How many requests the token has in how many seconds.",
    "RateLimit": "How many are left, and in how many seconds all of them are again.",
}
OF_COMMANDS: Final[Mapping[str, str]] = {
    "ETag": "The version of the case after the command: send it as If-Match.",
    "Position": "Where in the log: send it as At-Least to read what was written.",
    "Idempotent-Replayed": "`true` where the command had been carried out before.",
}

ALWAYS: Final = ("unexpected-error", "database-away", "took-too-long")
SIGNED: Final = ("token-refused", "too-many-requests", "header-refused", "not-on-their-behalf")
WITH_BODY: Final = ("malformed-json", "not-json", "body-too-large", "invalid-request")
WRITTEN: Final = (
    "command-refused",
    "queue-full",
    "queue-closed",
    "outcome-unknown",
    "state-too-large",
)
READ: Final = ("not-yet-there", "beyond-the-head")
RULES: Final = tuple(
    name
    for name, kind in KINDS.items()
    if kind.refusal and issubclass(kind.refusal, NotPermitted | Unfit | Conflict)
)
RECORDED: Final = (*WRITTEN, "version-differs", "command-id-taken", "too-much-contention")
SET: Final = (
    *("type-unknown", "owner-may-not", "internal-for-the-desk", "account-unknown"),
    "document-unknown",
)
OF_THE_FEED: Final = ("ahead-of-the-log", "epoch-differs", "case-unknown")
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "list_cases": (
        *("cursor-not-ours", "filter-for-the-desk"),
        *("nothing-to-rank", "search-too-broad"),
    ),
    "case_facets": ("filter-for-the-desk", "search-too-broad"),
    "export_cases": ("filter-for-the-desk", "column-unknown"),
    "case_attachment": (
        *("file-unknown", "file-gone", "range-not-there", "file-damaged", "files-away"),
    ),
    "begin_upload": ("too-many-uploads",),
    "upload_file": (
        *("too-many-uploads", "file-too-large", "file-empty", "files-away"),
        *("file-infected", "scanner-away"),
    ),
    "read_upload": ("upload-not-there",),
    "put_part": ("upload-not-there", "upload-complete", "file-too-large", "files-away"),
    "complete_upload": (
        *("upload-not-there", "part-missing", "file-empty", "digest-differs"),
        *("file-infected", "scanner-away", "files-away"),
    ),
    "remove_upload": ("upload-not-there",),
    "add_view": ("too-many-views", "column-unknown", "filter-for-the-desk"),
    "set_view": ("view-unknown", "column-unknown", "filter-for-the-desk"),
    "remove_view": ("view-unknown",),
    "keep_choices": ("column-unknown", "filter-for-the-desk"),
    "case_deliveries": ("cursor-not-ours", "role-may-not"),
    "list_notifications": ("cursor-not-ours",),
    "read_notification": ("notification-unknown",),
    "list_changes": ("ahead-of-the-log",),
    "feed": OF_THE_FEED,
    "stream_events": (*OF_THE_FEED, "rights-changed", "process-ends", "reader-too-slow"),
    "export_events": OF_THE_FEED,
    "event_frame": ("event-unknown", "role-may-not"),
    "list_people": ("cursor-not-ours",),
    "list_accounts": ("cursor-not-ours",),
    "list_calendars": ("cursor-not-ours",),
    "set_account": ("calendar-unknown", "document-too-large"),
    "set_person": (
        *("address-taken", "own-roles", "account-unknown"),
        *("role-needs-account", "role-not-for-people"),
    ),
    "set_calendar": ("another-calendar",),
    "list_tokens": ("document-unknown",),
    "create_token": ("document-unknown", "scopes-required"),
    "rotate_token": ("token-unknown", "two-tokens-live"),
    "revoke_token": ("token-unknown",),
    "invite": ("document-unknown", "role-may-not"),
    "deactivate": (
        *("document-unknown", "role-may-not", "own-roles"),
        *("successor-required", "not-yet-there"),
    ),
    "add_subscription": (*SET, "role-may-not", *RECORDED),
    "list_subscriptions": ("role-may-not",),
    "read_subscription": ("document-unknown",),
    "set_subscription": SET,
    "enable_subscription": ("document-unknown", "role-may-not", *RECORDED),
    "disable_subscription": ("document-unknown", "role-may-not", *RECORDED),
    "rotate_secret": ("document-unknown", "role-may-not"),
    "rewind_subscription": ("document-unknown", "role-may-not", "ahead-of-the-log"),
    "test_subscription": ("document-unknown", "role-may-not"),
    "subscription_attempts": ("document-unknown",),
    "parked_cases": ("document-unknown",),
    "retry_parked": ("document-unknown", "role-may-not", "not-set-aside"),
    "skip_parked": ("document-unknown", "role-may-not", "not-set-aside"),
    "sign_in": ("not-signed-in", "sign-in-paused"),
    "set_password": ("link-unknown", "password-refused"),
    "list_read_models": ("role-may-not",),
    "rebuild_read_models": ("role-may-not", "read-model-unknown"),
    "verify_read_models": ("role-may-not", "read-model-unknown"),
    "drop_old_read_models": ("role-may-not",),
    "list_operations": ("role-may-not",),
    "read_operation": ("role-may-not", "operation-unknown"),
}
PEOPLE_ALONE: Final = frozenset(
    {"tokens", "people", "signing in", "configuration", "read models", "views", "notifications"}
)


def operation_id(route: APIRoute) -> str:
    """The operation by the name of its function, which no other has."""
    return route.name


def completed(described: Described) -> Described:
    """The description with security, headers, problems and examples."""
    components = described["components"]
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    components["schemas"]["Problem"] = PROBLEM
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["examples"] = {name: {"value": kind.example()} for name, kind in KINDS.items()}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    return described


def _complete(path: str, method: str, operation: Described) -> None:
    responses, is_command = operation["responses"], _is_command(path, method)
    operation["summary"] = operation["description"].partition(".")[0].partition(":")[0]
    responses.pop("422", None)
    given = HEADERS if "security" in operation else {"Request-Id": HEADERS["Request-Id"]}
    for response in responses.values():
        headers = {**given, **(OF_COMMANDS if is_command else {})}
        response["headers"] = {
            name: {"description": said, "schema": {"type": "string"}}
            for name, said in headers.items()
        }
    _exemplify(operation)
    by_status: dict[str, list[str]] = {}
    for name in _problems(path, method, operation):
        by_status.setdefault(str(int(KINDS[name].status)), []).append(name)
    for status, names in sorted(by_status.items()):
        if status not in responses:
            responses[status] = _problem(names)
        else:  # a process that is not ready says so in its own words
            responses[status]["content"] |= _problem(names)["content"]


def _problem(names: list[str]) -> Described:
    examples = {name: {"$ref": f"#/components/examples/{name}"} for name in names}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    description = " ".join(f"`{name}`" for name in names)
    return {"description": description, "content": {"application/problem+json": content}}


def _is_command(path: str, method: str) -> bool:
    return method == "post" and path.startswith("/api/v1/cases") and not path.endswith("/bulk")


def _problems(path: str, method: str, operation: Described) -> Iterator[str]:
    found = list(ALWAYS)
    if "security" in operation:
        found += SIGNED
        whole = method != "get" and bool(PEOPLE_ALONE & set(operation["tags"]))
        found.append("no-scope-for-that" if whole else "scope-missing")
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        found += WITH_BODY
    elif operation.get("parameters"):
        found.append("invalid-request")
    if _is_command(path, method):
        found += [*WRITTEN, *RULES]
    elif method == "put" and not {"views", "files", "notifications"} & set(operation["tags"]):
        found += [*WRITTEN, "role-may-not", "document-unknown"]
        found += ["version-differs", "command-id-taken", "too-much-contention"]
    elif "security" in operation and method == "get":
        found += READ
    if method == "get" and "{case}" in path:
        found.append("case-unknown")
    if method == "get" and "configuration" in operation["tags"]:
        found.append("document-unknown")
    yield from dict.fromkeys([*found, *OWN.get(operation["operationId"], ())])


def _exemplify(operation: Described) -> None:
    """What was sent and what was answered, once."""
    told = recorded().get(operation["operationId"])
    if told is None:
        return
    if "requestBody" in operation and told["sent"] is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = told["sent"]
    response = operation["responses"].get(str(told["status"]))
    if response and told["answered"] is not None:
        kind = next(iter(response["content"]))  # JSON but for files
        response["content"][kind]["example"] = told["answered"]


@cache
def recorded() -> Mapping[str, Described]:
    """Requests and answers by operation."""
    if not EXAMPLES.exists():
        return {}
    found: Mapping[str, Described] = json.loads(EXAMPLES.read_text())
    return found
