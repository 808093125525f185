"""Asks the API for everything once and keeps what was sent and answered: api/examples.json.

`python -m tests.api.recorded` after an operation has changed; the description shows them.
"""

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

import psycopg

from api.described import EXAMPLES
from deploy.local.postgres import SERVICE
from domain.values import Actor
from tests import examples as x
from tests.api.http import API, Http, follower, serving
from tests.bench.measuring import durable_postgres
from tests.consumers.notifying import notified
from tests.desks import a_desk, settings_for

CREATE = {
    "application": "atlas",
    "type": "product-issue",
    "severity": "urgent",
    "subject": "Orders are not sent since the update",
    "description": "Since **2.0** no order leaves the gateway:\n\n- restarted twice\n- no error",
    "customer_reference": "PO 4711",
    "external_ids": {"jira": "OPS-1"},
    "recipients": ["team@acme.com"],
}
PASSWORD = "four words make a sentence"


@dataclass
class Recorder:
    http: Http
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)

    def ask(
        self, operation: str, by: Actor | None, method: str, path: str, body: object = None
    ) -> Any:  # noqa: ANN401  any JSON
        with follower(self.http):
            answer = self.http.ask(by, method, path, body)
        assert answer.is_success, (operation, answer.text)
        told = answer.json() if answer.content else None
        self.told.setdefault(
            operation, {"sent": body, "status": answer.status_code, "answered": told}
        )
        return told

    def on(self, by: Actor, case: str, command: str, /, **body: object) -> Any:  # noqa: ANN401  any JSON
        return self.ask(command.replace("-", "_"), by, "POST", f"/cases/{case}/{command}", body)

    def read(self, operation: str, by: Actor, path: str) -> Any:  # noqa: ANN401  any JSON
        self.http.shown()
        return self.ask(operation, by, "GET", path)

    def last(self, case: str, field_: str = "entry") -> str:
        found: str = self.http.events(x.ANNA, case)[-1]["data"][field_]
        return found


def a_case(told: Recorder) -> None:
    """A case from the first word to the last."""
    case = told.ask("create", x.CLARA, "POST", "/cases", CREATE)["id"]
    told.on(x.ANNA, case, "take")
    told.on(x.ANNA, case, "post", text="Which version of the gateway is it?")
    post = told.last(case)
    told.on(x.CLARA, case, "comment", post=post, text="2.0.3, on both nodes.")
    told.on(x.CLARA, case, "edit-entry", entry=told.last(case), text="2.0.3, on all three nodes.")
    told.on(x.ANNA, case, "note", text="A known loop in 2.0.3.")
    told.on(x.ANNA, case, "post", text="For the desk alone, by mistake.")
    told.on(x.ANNA, case, "make-internal", entry=told.last(case))
    told.on(x.ANNA, case, "post", text="Never mind.")
    told.on(x.ANNA, case, "remove-entry", entry=told.last(case))
    told.on(x.ANNA, case, "await", awaited="third party", reason="The carrier looks into it.")
    told.on(x.ANNA, case, "resume")
    told.on(x.ANNA, case, "change-severity", severity="critical")
    told.on(x.ANNA, case, "change-details", component="gateway", product_version="2.0")
    told.on(x.ANNA, case, "change-tags", add=["gateway", "release-2.0"])
    told.on(x.ADA, case, "change-recipients", add=["ops@acme.com"])
    told.on(x.CLARA, case, "escalate", comment="We lose orders.", reason="delay")
    told.on(x.ANNA, case, "deescalate", justification="Works again.", message="Orders are sent.")
    told.on(x.CLARA, case, "watch")
    told.on(x.CLARA, case, "unwatch")
    told.on(x.ANNA, case, "unassign", reason="Holidays.")
    told.on(x.ANNA, case, "assign", assignee=str(x.id_of(x.ALAN)), team="network")
    told.on(x.CLARA, case, "request-close", resolved_by="provided")
    told.on(x.CLARA, case, "withdraw-close-request")
    told.on(x.CLARA, case, "request-close", resolved_by="provided")
    told.on(x.ALAN, case, "decline-close-request", reason="One node is still slow.")
    resolution = {"type": "provided", "root_cause": "A loop in 2.0.3.", "summary": "Use 2.0.4."}
    told.on(x.ALAN, case, "resolve", **resolution)
    told.on(x.CLARA, case, "reject-resolution", comment="2.0.4 is slow too.")
    told.on(x.ALAN, case, "resolve", **resolution)
    told.on(x.CLARA, case, "accept-resolution", comment="It works.")
    told.on(x.CLARA, case, "rate", score=4, comment="Quick in the end.")
    told.on(x.CLARA, case, "reopen", comment="It is back.")
    other = told.http.raised(x.CLARA)
    told.on(x.ALAN, case, "link", kind="related", case=other["number"])
    told.on(x.ALAN, case, "unlink", kind="related", case=other["number"])
    told.on(x.ALAN, other["id"], "merge", into=case)
    told.on(x.ALAN, other["id"], "unmerge")
    told.on(x.SUE, case, "redact", version=2, reason="It named a person.")
    told.on(x.ALAN, case, "close", reason="Moved to a project.")
    told.before |= {"case": case, "other": other["id"]}


def being_told(told: Recorder) -> None:
    """Who was told of what happened, and what they want to be told."""
    notified(told.http.desk)
    told.http.shown()
    told.read("case_deliveries", x.ANNA, f"/cases/{told.before['case']}/deliveries?limit=2")
    listed = told.read("list_notifications", x.CLARA, "/notifications?limit=2")
    streamed = told.http.get(x.CLARA, "/notifications/stream?most=1")
    told.told["stream_notifications"] = {"sent": None, "status": 200, "answered": streamed.text}
    one = listed["notifications"][0]["id"]
    told.ask("read_notification", x.CLARA, "POST", f"/notifications/{one}/read")
    seen = {"through": listed["notifications"][0]["position"]}
    told.ask("read_all_notifications", x.CLARA, "POST", "/notifications/read-all", seen)
    rule = {"channel": "email", "kind": None, "relation": "team"}
    wanted = {"off": [rule], "digest": "daily", "own_acts": False}
    told.ask("keep_preferences", x.ANNA, "PUT", "/me/preferences", wanted)
    told.read("read_preferences", x.ANNA, "/me/preferences")


def sending(told: Recorder) -> None:
    """Files on their way into a case, and out of it."""
    http, case = told.http, told.before["other"]
    whole = _send(http, "POST", "/uploads/file?name=gateway.log", b"07:12 connection refused\n")
    told.told["upload_file"] = {"sent": None, "status": 201, "answered": whole}
    film = told.ask(
        "begin_upload", x.CLARA, "POST", "/uploads", {"name": "film.webm", "recording": True}
    )
    part = _send(http, "PUT", f"/uploads/{film['id']}/parts/1", b"\x1a\x45\xdf\xa3 webm")
    told.told["put_part"] = {"sent": None, "status": 200, "answered": part}
    told.read("read_upload", x.CLARA, f"/uploads/{film['id']}")
    told.ask("complete_upload", x.CLARA, "POST", f"/uploads/{film['id']}/complete", {})
    told.on(x.CLARA, case, "add-attachment", attachments=[whole["id"], film["id"]])
    told.read("case_attachments", x.CLARA, f"/cases/{case}/attachments")
    bytes_ = http.get(x.CLARA, f"/cases/{case}/attachments/{whole['id']}")
    told.told["case_attachment"] = {"sent": None, "status": 200, "answered": bytes_.text}
    told.on(x.CLARA, case, "remove-attachment", attachment=whole["id"])
    gone = http.post(x.CLARA, "/uploads", {"name": "mistake.txt"}).json()["id"]
    told.ask("remove_upload", x.CLARA, "DELETE", f"/uploads/{gone}")


def _send(http: Http, method: str, path: str, content: bytes) -> Any:  # noqa: ANN401  any JSON
    headers = {"authorization": f"Bearer {http.desk.token(x.CLARA)}"}
    answer = http.client.request(method, API + path, headers=headers, content=content)
    assert answer.is_success, answer.text
    return answer.json()


def keeping(told: Recorder) -> None:
    """Lists that somebody keeps."""
    view = {"name": "Urgent and slow", "query": "severity=urgent&q=slow", "columns": ["number"]}
    kept = told.ask("add_view", x.ANNA, "POST", "/views", view)
    told.ask("set_view", x.ANNA, "PUT", f"/views/{kept['id']}", {**view, "query": "q=slow"})
    told.read("list_views", x.ANNA, "/views")
    told.ask("remove_view", x.ANNA, "DELETE", f"/views/{kept['id']}")
    chosen = {"application": "atlas", "columns": ["number", "subject", "status"]}
    told.ask("keep_choices", x.ANNA, "PUT", "/me/list", chosen)
    told.read("read_choices", x.ANNA, "/me/list")


def reading(told: Recorder) -> None:
    """Lists, cases, events, what is set."""
    case, other = told.before["case"], told.before["other"]
    bulk = {"ids": [case, other], "command": {"change-tags": {"add": ["quarter-end"]}}}
    told.ask("bulk", x.ANNA, "POST", "/cases/bulk", bulk)
    told.read("list_cases", x.ANNA, "/cases?q=gatewy&status=all&limit=2")
    told.read("case_facets", x.ANNA, "/cases/facets?status=all")
    exported = told.http.get(x.ANNA, "/cases/export?status=all")
    told.told["export_cases"] = {"sent": None, "status": 200, "answered": exported.text}
    keeping(told)
    sending(told)
    told.read("list_changes", x.ANNA, "/cases/changes?limit=1")
    told.read("read_case", x.ANNA, f"/cases/{case}")
    told.read("case_events", x.CLARA, f"/cases/{other}/events")
    told.read("case_activity", x.ANNA, f"/cases/{case}/activity?limit=5")
    told.read("feed", x.ANNA, "/events?limit=2&type=case.created")
    told.read("feed_head", x.ANNA, "/events/head")
    first = told.http.get(x.ANNA, "/events?limit=1&type=case.created").json()["events"][0]
    position = int(first["sequence"])
    for operation, by, path in (
        ("stream_events", x.ANNA, f"/events/stream?after={position - 1}&to={position}"),
        ("export_events", x.ANNA, f"/events.ndjson?from={position}&to={position}"),
        ("event_frame", x.AUDREY, f"/events/{position}/frame"),
    ):
        answer = told.http.get(by, path)
        assert answer.is_success, answer.text
        is_json = operation == "event_frame"
        shown = answer.json() if is_json else answer.text
        told.told[operation] = {"sent": None, "status": 200, "answered": shown}
    told.read("me", x.CLARA, "/me")
    for operation, path in (
        ("list_people", "/people?limit=3"),
        ("list_accounts", "/accounts"),
        ("read_account", f"/accounts/{x.ACME}"),
        ("account_history", f"/accounts/{x.ACME}/history"),
        ("read_person", f"/people/{x.id_of(x.CLARA)}"),
        ("person_history", f"/people/{x.id_of(x.CLARA)}/history"),
        ("read_catalogue", "/catalogue"),
        ("catalogue_history", "/catalogue/history"),
        ("read_calendar", "/calendars/standard"),
        ("read_service_levels", "/service-levels"),
    ):
        told.read(operation, x.SUE, path)


REFUSED = """
INSERT INTO desk.subscription_cases (subscription, stream, position, attempts, next_try, why)
VALUES (%(id)s, %(case)s, %(position)s, 10, NULL, 'The receiver answered 422.')
"""
TRIED = """
INSERT INTO desk.subscription_attempts
       (subscription, delivery, type, position, stream, version, took_ms, status, answer)
VALUES (%(id)s, 'a8f9b2f0-5c0e-5d0f-9d0a-3f8c3f0b7a11', 'case.posted', %(position)s, %(case)s, 3,
        87, 422, 'unknown field: text')
"""


def hooking(told: Recorder) -> None:
    """Webhooks; what a receiver answered stands there as if there had been one."""
    new = {
        "url": "https://crm.acme.com/hooks/casebook",
        "description": "Acme's CRM",
        "types": ["case.created", "case.posted", "case.closed"],
    }
    made = told.ask("add_subscription", x.ADA, "POST", "/subscriptions", new)
    path = f"/subscriptions/{made['id']}"
    refused = {"id": made["id"], "case": told.before["case"], "position": made["position"]}
    with psycopg.connect(told.http.desk.settings.database_url, autocommit=True) as conn:
        conn.execute(REFUSED, refused)
        conn.execute(TRIED, refused)
    told.read("list_subscriptions", x.ADA, "/subscriptions")
    told.read("read_subscription", x.ADA, path)
    told.ask("set_subscription", x.ADA, "PUT", path, {**new, "types": []})
    told.read("subscription_attempts", x.ADA, f"{path}/attempts")
    told.read("parked_cases", x.ADA, f"{path}/parked")
    parked = f"{path}/parked/{refused['case']}"
    told.ask("retry_parked", x.ADA, "POST", f"{parked}/retry")
    skip = {"position": refused["position"], "reason": "The CRM has no such field."}
    told.ask("skip_parked", x.ADA, "POST", f"{parked}/skip", skip)
    told.ask("rotate_secret", x.ADA, "POST", f"{path}/secret/rotate")
    told.ask("rewind_subscription", x.ADA, "POST", f"{path}/rewind", {"position": 0})
    told.ask("test_subscription", x.ADA, "POST", f"{path}/test")
    told.ask("disable_subscription", x.ADA, "POST", f"{path}/disable")
    told.ask("enable_subscription", x.ADA, "POST", f"{path}/enable")


def setting(told: Recorder) -> None:
    """What the desk is set to, who may sign in."""
    clara = x.PEOPLE[x.id_of(x.CLARA)].model_copy(update={"teams": ()})
    for operation, path, document in (
        ("set_account", f"/accounts/{x.ACME}", x.ACME_ACCOUNT.model_copy(update={"tier": "gold"})),
        ("set_person", f"/people/{x.id_of(x.CLARA)}", clara),
        ("set_catalogue", "/catalogue", x.CATALOGUE),
        ("set_calendar", "/calendars/berlin", x.HOLIDAYS),
        ("set_service_levels", "/service-levels", x.LEVELS),
    ):
        told.ask(operation, x.SUE, "PUT", path, document.model_dump(mode="json"))
    told.read("list_calendars", x.SUE, "/calendars")
    told.read("calendar_history", x.SUE, "/calendars/berlin/history")
    told.read("service_levels_history", x.SUE, "/service-levels/history")
    token = {"person": str(x.CRM.id), "label": "CRM", "scopes": ["cases:read", "cases:write"]}
    made = told.ask("create_token", x.SUE, "POST", "/tokens", token)
    told.ask("rotate_token", x.SUE, "POST", f"/tokens/{made['id']}/rotate")
    told.read("list_tokens", x.CLARA, "/tokens")
    told.ask("revoke_token", x.SUE, "DELETE", f"/tokens/{made['id']}")
    told.read("list_read_models", x.SUE, "/read-models")
    told.ask("rebuild_read_models", x.SUE, "POST", "/read-models/rebuild", {"models": ["cases"]})
    told.ask("drop_old_read_models", x.SUE, "POST", "/read-models/drop-old")
    asked = told.ask("verify_read_models", x.SUE, "POST", "/read-models/verify", {})
    told.read("list_operations", x.SUE, "/read-models/operations?limit=1")
    told.read("read_operation", x.SUE, f"/read-models/operations/{asked['id']}")
    link = told.ask("invite", x.SUE, "POST", f"/people/{x.id_of(x.ADA)}/invite")
    secret = {"secret": link["secret"], "password": PASSWORD}
    told.ask("set_password", None, "POST", "/passwords", secret)
    told.ask("sign_in", None, "POST", "/sessions", {"email": "ada@acme.com", "password": PASSWORD})
    leaving = {"successor": str(x.id_of(x.ANNA))}
    told.ask("deactivate", x.SUE, "POST", f"/people/{x.id_of(x.ALAN)}/deactivate", leaving)


# What needs another time, or bytes: what would be sent, and the answer of another command.
NOT_HERE: dict[str, dict[str, Any]] = {
    "follow_up": {"description": "It began again with 2.1."},
    "add_attachment": {"attachments": ["3d4c1f5e-6a57-4f0a-9b0e-2f6f0f3f6c11"]},
    "remove_attachment": {"attachment": "3d4c1f5e-6a57-4f0a-9b0e-2f6f0f3f6c11"},
}


def record(http: Http) -> dict[str, dict[str, Any]]:
    """What was sent to each operation, and answered."""
    told = Recorder(http)
    a_case(told)
    reading(told)
    hooking(told)
    being_told(told)
    setting(told)
    for operation, sent in NOT_HERE.items():
        told.told[operation] = {**told.told["post"], "sent": sent}
    for operation, path in (("livez", "/livez"), ("readyz", "/readyz"), ("version", "/version")):
        answer = http.client.get(path)
        told.told[operation] = {"sent": None, "status": 200, "answered": answer.json()}
    return told.told


def main() -> None:
    with durable_postgres() as server:
        desk = asyncio.run(a_desk(settings_for(server.url(SERVICE, SERVICE))))
        with serving(desk) as http:
            told = record(http)
    # The database is gone by now, and still: no secret stands in a file.
    text = re.sub(r'"(token|secret)": "[\w-]{40,}"', r'"\1": "cb_shown-this-once"', as_json(told))
    text = re.sub(r"whsec_[\w+/=]+", "whsec_shown+this+once", text)
    text = re.sub(r"/welcome/[\w-]{40,}", "/welcome/shown-this-once", text)
    EXAMPLES.write_text(text + "\n")


def as_json(told: object) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
