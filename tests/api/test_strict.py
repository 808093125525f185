"""A body is JSON that means one thing, or it is refused: by every operation that takes one."""

import asyncio
import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from api.limits import MOST_BYTES, BodyTooLarge, limited
from api.strict import DEEPEST, MalformedJson, check
from tests import examples as x
from tests.api.http import Http

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"Hello.",
    "cut off": b'{"text": "Hel',
    "something behind": b'{"text": "a"} {"text": "b"}',
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": -Infinity}',
    "beyond all numbers": b'{"text": 1e999}',
    "a number of many digits": b'{"text": ' + b"9" * 5_000 + b"}",
    "half a character": b'{"text": "\\ud800"}',
    "half a character as a field": b'{"\\udfff": 1}',
    "NUL": b'{"text": "a\0b"}',
    "NUL by an escape": b'{"text": "a\\u0000b"}',
    "a field twice": b'{"text": "a", "text": "b"}',
    "a field twice, by an escape": b'{"text": "a", "t\\u0065xt": "b"}',
    "a field twice, within": b'{"a": [{"text": 1, "text": 2}]}',
    "too deep": b"[" * 201 + b"]" * 201,
    "very deep": b"[" * 100_000,
    "not UTF-8": b'{"text": "\xff"}',
    "UTF-16": json.dumps({"text": "a"}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_means_nothing_or_more_than_one_thing_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson) as refused:
        check(body)
    assert str(refused.value).startswith("The body must be JSON in UTF-8: ")


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_everything_else_passes(value: object, ascii_: bool, indent: int | None) -> None:
    check(json.dumps(value, ensure_ascii=ascii_, indent=indent).encode())


@given(
    st.integers(1, 400),
    st.sampled_from(["list", "object"]),
    st.text('[]{}\\"', max_size=300),
    st.integers(1, 4),
)
def test_depth_is_counted_outside_of_texts_and_not_by_how_many_stand_side_by_side(
    depth: int, kind: str, words: str, times: int
) -> None:
    inner = json.dumps(words)
    one = "[" * depth + inner + "]" * depth
    if kind == "object":
        one = '{"a":' * depth + inner + "}" * depth
    body = "[" + ",".join([one] * times) + "]"
    if depth + 1 <= DEEPEST:
        check(body.encode())
    else:
        with pytest.raises(MalformedJson, match="nested"):
            check(body.encode())


def taking_a_body(http: Http) -> list[tuple[str, str]]:
    """Every operation that takes JSON, by its description."""
    described = http.client.get("/openapi.json").json()["paths"]
    return [
        (method, path.replace("{calendar}", "standard").replace("{case}", "1"))
        for path, methods in described.items()
        for method, operation in methods.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_every_operation_refuses_it_alike(asked: Http, body: bytes) -> None:
    headers = {
        "authorization": f"Bearer {asked.desk.token(x.SUE)}",
        "content-type": "application/json",
    }
    operations = taking_a_body(asked)
    assert len(operations) > 45
    for method, path in operations:
        at = re.sub(r"{\w+}", str(x.named("nobody")), path)
        refused = asked.client.request(method, at, content=body, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/malformed-json"), (
            at
        )


def test_forty_megabytes_are_not_even_read(asked: Http) -> None:
    headers = {
        "authorization": f"Bearer {asked.desk.token(x.SUE)}",
        "content-type": "application/json",
    }

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 1_000_000

    for method, path in taking_a_body(asked):
        at = re.sub(r"{\w+}", str(x.named("nobody")), path)
        refused = asked.client.request(method, at, content=chunks(), headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (413, "/problems/body-too-large"), (
            at
        )


def test_what_comes_in_parts_is_counted_together_and_no_further_part_is_waited_for() -> None:
    part, sent = b" " * 65_536, 0

    async def receive() -> Message:
        nonlocal sent
        sent += len(part)
        return {"type": "http.request", "body": part, "more_body": True}

    async def read() -> None:
        counted = limited(receive)
        while True:
            await counted()

    with pytest.raises(BodyTooLarge):
        asyncio.run(read())
    assert sent == MOST_BYTES + len(part)


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/merge-patch+json", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("application/jsonp", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/cases/1/watch", "/tokens"])
def test_a_body_says_that_it_is_json(
    asked: Http, path: str, content_type: str, taken: bool
) -> None:
    answer = asked.post(x.CLARA, path, {"label": "x"}, content_type=content_type)
    assert (answer.status_code == 415) is not taken
    if not taken:
        assert answer.json()["type"] == "/problems/not-json"
