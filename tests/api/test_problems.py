"""What is refused is a problem of RFC 9457, always, and never repeats what was sent."""

import json
from base64 import urlsafe_b64encode
from typing import Any, get_args
from uuid import uuid4

import pytest
from httpx2 import Response

from api.limits import MOST_BYTES
from domain import commands as c
from tests import examples as x
from tests.api.http import API, CREATE, Http

CANARY = "Qz7canaryQz7"
ON_A_CASE = [k for k in get_args(c.CaseCommand) if k not in {c.Create, c.Erase, c.Forget}]


def is_a_problem(answer: Response, status: int, kind: str) -> dict[str, Any]:
    """The parts that every client may rely on."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status), answer.text
    assert problem["type"] == f"/problems/{kind}"
    assert problem["title"] == kind.replace("-", " ").capitalize()
    assert problem["detail"].endswith(".")
    return problem


def sent(http: Http, content: bytes, path: str = "/cases", **headers: str) -> Response:
    """Bytes as they are, as Clara."""
    given = {
        "authorization": f"Bearer {http.desk.token(x.CLARA)}",
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return http.client.post(API + path, content=content, headers=given)


def test_each_status_has_its_problem(asked: Http) -> None:
    case = asked.raised()
    own = f"/cases/{case['id']}"
    asked.shown()
    is_a_problem(asked.get(x.CLARA, own, if_match="new"), 400, "header-refused")
    is_a_problem(asked.get(x.CLARA, f"/cases/{uuid4()}"), 404, "case-unknown")
    is_a_problem(asked.get(x.CLARA, "/nowhere"), 404, "not-found")
    wrong = asked.ask(x.CLARA, "DELETE", own)
    is_a_problem(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET"
    is_a_problem(asked.do(x.CLARA, case["id"], "take"), 403, "role-may-not")
    is_a_problem(asked.do(x.ANNA, case["id"], "resume"), 409, "not-awaiting")
    is_a_problem(asked.post(x.ANNA, f"{own}/take", {}, if_match='"9"'), 412, "version-differs")
    is_a_problem(asked.do(x.ANNA, case["id"], "close"), 422, "reason-required")
    is_a_problem(asked.post(x.CLARA, f"{own}/post", {}), 422, "invalid-request")


def test_the_details_of_a_rule_stand_beside_its_sentence(asked: Http) -> None:
    answer = asked.post(x.CLARA, "/cases", {**CREATE, "application": "zebra"})
    problem = is_a_problem(answer, 422, "not-in-catalogue")
    assert problem["field"] == "application"
    assert problem["known"] == ["atlas", "bora"]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer ", "Basic Zm9v", "Bearer nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_token_that_is_good_nothing_is_told(asked: Http, method: str, token: str) -> None:
    body = CREATE if method == "POST" else None
    answer = asked.ask(None, method, "/cases", body, authorization=token)
    is_a_problem(answer, 401, "token-refused")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_more_than_two_mebibytes_are_not_taken(asked: Http) -> None:
    too_much = b'{"text": "' + b"x" * MOST_BYTES + b'"}'
    for content in (too_much, b"x" * (MOST_BYTES + 1)):
        is_a_problem(sent(asked, content), 413, "body-too-large")
    is_a_problem(sent(asked, b" " * MOST_BYTES), 400, "malformed-json")
    put = asked.client.put(
        f"{API}/catalogue",
        content=too_much,
        headers={
            "authorization": f"Bearer {asked.desk.token(x.SUE)}",
            "content-type": "application/json",
        },
    )
    is_a_problem(put, 413, "body-too-large")


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"Hello.",
    "cut off": b'{"text": "Hel',
    "deep": b"[" * 100_000,
    "deep and whole": b"[" * 50_000 + b"]" * 50_000,
    "a byte that is no text": b'{"text": "\xff"}',
    "half a character": b'{"text": "\\ud800"}',
    "UTF-16": '{"text": "Hello."}'.encode("utf-16"),
    "NaN": b'{"text": NaN}',
    "a number of many digits": b'{"text": ' + b"9" * 5_000 + b"}",
    "infinite": b'{"text": 1e999}',
    "a list": b"[]",
    "a text": b'"Hello."',
    "null": b"null",
    "NUL": b'{"text": "a\\u0000b"}',
    "a field twice": b'{"text": "a", "text": 7}',
    "half a character as a field": b'{"text": "a", "\\ud800": 1}',
    "a long field": b'{"text": "a", "' + b"x" * 100_000 + b'": 1}',
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("command", ["", "/{case}/post", "/{case}/rate"])
def test_a_body_that_is_no_command_is_the_client_s_fault(
    asked: Http, command: str, content: bytes
) -> None:
    case = asked.raised()["id"]
    answer = sent(asked, content, "/cases" + command.format(case=case))
    assert answer.status_code in {400, 422}
    assert answer.json()["type"] in {"/problems/malformed-json", "/problems/invalid-request"}
    is_a_problem(answer, answer.status_code, answer.json()["type"].rpartition("/")[2])


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_no_document_is_the_client_s_fault(asked: Http, content: bytes) -> None:
    headers = {
        "authorization": f"Bearer {asked.desk.token(x.SUE)}",
        "content-type": "application/json",
    }
    answer = asked.client.put(f"{API}/accounts/{uuid4()}", content=content, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["a\x01b", "a\nb", "  ", "x" * 201, 7, None])
def test_a_name_that_is_none_is_the_client_s_fault(asked: Http, name: object) -> None:
    body = {"name": name, "role": "agent"}
    is_a_problem(asked.ask(x.SUE, "PUT", f"/people/{uuid4()}", body), 422, "invalid-request")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", '"']
)
def test_a_body_of_another_type_is_no_failure_of_ours(asked: Http, content_type: str) -> None:
    answer = sent(asked, b"text=Hello.", content_type=content_type)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


REFERENCES = (
    *("0", "-1", "1.5", "1e3", "+1", "1_0", "%20", "%ff", "%F0%9F%90%8D", "%D9%A4%D9%A2"),
    *("9" * 9, "9" * 5_000, "a" * 36, "..%2F1", "null", "00000000-0000-0000-0000-000000000000"),
)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference[:40])
def test_what_is_no_case_is_a_case_that_is_not_there(asked: Http, reference: str) -> None:
    for path in (f"/cases/{reference}", f"/cases/{reference}/events"):
        assert asked.get(x.ANNA, path).status_code == 404
    answer = asked.post(x.ANNA, f"/cases/{reference}/take", {})
    assert answer.json()["type"] in {"/problems/case-unknown", "/problems/not-found"}
    for kind in ("accounts", "people"):
        assert asked.get(x.ANNA, f"/{kind}/{reference}").status_code in {404, 422}
    assert asked.get(x.ANNA, f"/calendars/{reference}").status_code in {404, 422}


def with_header(http: Http, body: object, header: str, value: bytes) -> Response:
    """A header as the bytes that it is on the wire."""
    given = {
        b"authorization": f"Bearer {http.desk.token(x.CLARA)}".encode(),
        b"content-type": b"application/json",
        header.encode(): value,
    }
    return http.client.post(f"{API}/cases", content=json.dumps(body).encode(), headers=given)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("idempotency-key", ""),
        ("idempotency-key", "k" * 256),
        *(("if-match", v) for v in ("", "*", '"', "-1", '"1", "2"', "1.0", "9" * 10, "²")),
        *(("at-least", v) for v in ("", "-1", "1e3", "9" * 19, "0x10", "1_0", "²")),
    ],
)
def test_a_header_that_is_not_what_it_must_be_is_named(
    asked: Http, header: str, value: str
) -> None:
    answer = with_header(asked, CREATE, header, value.encode("latin-1"))
    problem = is_a_problem(answer, 400, "header-refused")
    assert header in problem["detail"].lower()


@pytest.mark.parametrize("header", ["idempotency-key", "request-id", "x-forwarded-for", "accept"])
@pytest.mark.parametrize("value", [b"\xe4\xf6\xfc", b"\x01\x02\x7f", b"%00", b'"\\', b"k" * 200])
def test_any_other_header_is_as_good_as_any(asked: Http, header: str, value: bytes) -> None:
    first = with_header(asked, {**CREATE, "subject": f"{header}{value!r}"}, header, value)
    assert first.status_code == 201, first.text
    assert asked.events(x.ANNA, first.json()["id"])


@pytest.mark.parametrize(
    "query",
    [
        *("status=Open", "status=", "severity=high"),
        *("application=%ff", "application=" + "a" * 64, "application=A"),
        *("cursor=x", "cursor=" + "a" * 201, "cursor=%C3%A4", "cursor==="),
        *(
            "cursor=" + urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=")
            for one in ([], [1, 2], {"a": 1, "b": 2}, ["now", "x"], ["2026-01-01T00:00:00Z", []])
        ),
    ],
)
def test_a_question_to_the_list_that_it_cannot_answer_is_refused(asked: Http, query: str) -> None:
    answer = asked.get(x.ANNA, f"/cases?{query}")
    kinds = {"cursor-not-ours": 400, "invalid-request": 422}
    kind = answer.json()["type"].rpartition("/")[2]
    is_a_problem(answer, kinds[kind], kind)


@pytest.mark.parametrize(
    "at",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00", "0001-01-01"],
)
def test_a_cursor_that_somebody_made_up_is_no_failure_of_ours(asked: Http, at: str) -> None:
    made_up = urlsafe_b64encode(json.dumps([at, str(uuid4())]).encode()).decode()
    assert asked.get(x.ANNA, f"/cases?cursor={made_up}").status_code in {200, 400}


@pytest.mark.parametrize(
    "instant",
    ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-01-01"],
)
def test_an_instant_that_cannot_be_is_refused(asked: Http, instant: str) -> None:
    case = asked.raised()["id"]
    asked.shown()
    question = asked.get(x.CLARA, f"/cases/{case}?at={instant.replace('+', '%2B')}")
    is_a_problem(question, 422, "invalid-request")
    waiting = {"awaited": "planned date", "until": instant}
    is_a_problem(asked.post(x.ANNA, f"/cases/{case}/await", waiting), 422, "invalid-request")


@pytest.mark.parametrize("version", ["0", "-1", "x", "1.5", "9" * 5_000])
def test_a_version_that_cannot_be_is_refused(asked: Http, version: str) -> None:
    case = asked.raised()["id"]
    is_a_problem(asked.get(x.CLARA, f"/cases/{case}?version={version}"), 422, "invalid-request")


def test_fields_are_named_by_json_pointers_and_words_in_them_escaped(asked: Http) -> None:
    body = {**CREATE, "subject": "", "no/such~field": 1, "external_ids": {"crm": "", "No": "1"}}
    problem = is_a_problem(asked.post(x.CLARA, "/cases", body), 422, "invalid-request")
    pointers = {one["pointer"] for one in problem["errors"]}
    assert {"#/subject", "#/no~1such~0field", "#/external_ids/crm"} <= pointers
    del body["subject"]
    problem = is_a_problem(asked.post(x.CLARA, "/cases", body), 422, "invalid-request")
    assert {"pointer": "#/subject", "detail": "Field required"} in problem["errors"]


@pytest.mark.parametrize("command", [c.Create, *ON_A_CASE], ids=lambda command: command.path())
def test_no_problem_repeats_what_was_sent(asked: Http, command: type[c.Command]) -> None:
    """Neither as a text nor in a list nor in an object, in each field and each header."""
    case = asked.raised()["id"]
    path = "/cases" if command is c.Create else f"/cases/{case}/{command.path()}"
    for said in (CANARY, CANARY.lower(), [CANARY], {CANARY.lower(): CANARY}, f"{CANARY}@x", 10**9):
        body = dict.fromkeys(command.model_fields, said) or {"x": said}
        answer = asked.post(x.SUE, path, body, idempotency_key=CANARY)
        assert repeats_nothing(answer)
        for field in command.model_fields:
            answer = asked.post(x.SUE, path, {**valid(command), field: said})
            assert repeats_nothing(answer), field


def repeats_nothing(answer: Response) -> bool:
    """But for the names of fields, which a pointer shows: they are no values."""
    if answer.status_code < 400:
        return True
    details = [one["detail"] for one in answer.json().get("errors", ())]
    told = json.dumps({**answer.json(), "errors": details}) + str(answer.headers)
    return CANARY.lower() not in told.lower()


def valid(command: type[c.Command]) -> dict[str, Any]:
    """Enough of a command for each field to be the only one that is wrong."""
    texts: dict[str, Any] = {
        **CREATE,
        "text": "Hello.",
        "reason": "So.",
        "comment": "So.",
        "message": "So.",
        "justification": "So.",
        "root_cause": "So.",
        "summary": "So.",
        "resolved_by": "own",
        "score": 3,
        "severity": "low",
        "awaited": "customer",
        "kind": "related",
        "case": "99999999",
        "into": "99999999",
    }
    known = {field: texts[field] for field in command.model_fields if field in texts}
    return known if command is not c.Resolve else {**known, "type": "provided"}


@pytest.mark.parametrize("header", ["authorization", "if-match", "at-least"])
def test_no_problem_repeats_a_header(asked: Http, header: str) -> None:
    value = f"Bearer {CANARY}" if header == "authorization" else CANARY
    for by in (None, x.CLARA):
        answer = asked.get(by, "/cases", **{header.replace("-", "_"): value})
        assert answer.status_code in {400, 401}
        assert CANARY not in answer.text + str(answer.headers)


@pytest.mark.parametrize("name", ["status", "application", "severity", "cursor"])
def test_no_problem_repeats_a_question(asked: Http, name: str) -> None:
    answer = asked.get(x.CLARA, f"/cases?{name}={CANARY}")
    assert answer.status_code in {400, 422}
    assert CANARY not in answer.text + str(answer.headers)
