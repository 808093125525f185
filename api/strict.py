"""What a body of JSON must be before anybody reads it: one meaning, and none that is hidden.

Two readers may take a field that stands there twice, a number beyond all bounds or half a character
for different things. So these are refused as what they are, and not read by any of them.
"""

import json
import re
from typing import Any, Final, NoReturn

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

DEEPEST: Final = 200
# Outside of texts the only brackets are those of lists and objects.
_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class MalformedJson(Exception):
    """The body must be JSON in UTF-8: {why}."""

    def __init__(self, why: str) -> None:
        super().__init__((self.__doc__ or "").format(why=why))


class NotJson(Exception):
    """The body must be JSON: send the header Content-Type: application/json."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedJson("a field stands there twice")
    return found


def _constant(_name: str) -> NoReturn:
    raise MalformedJson("NaN and Infinity are no numbers")


def _decimal(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise MalformedJson("a number is too large")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_decimal
)


def check(body: bytes) -> None:
    """Returns if the body is JSON that means one thing.

    Raises:
        MalformedJson: it is not. Never with a word of what it was.
    """
    if body.count(b"[") + body.count(b"{") > DEEPEST and _depth(body) > DEEPEST:
        raise MalformedJson(f"it is nested more than {DEEPEST} deep")
    try:
        text = body.decode()
        found = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise MalformedJson("it is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(_where(error)) from None
    except ValueError:  # a number of more digits than Python reads
        raise MalformedJson("a number is too large") from None
    if "\\u" in text:
        _check_escaped(found)


def _check_escaped(value: object) -> None:
    """What cannot stand in a text, and can be smuggled into one by an escape."""
    if isinstance(value, str):
        if "\0" in value:
            raise MalformedJson("a text has the character NUL in it")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedJson("half a character stands alone")
    elif isinstance(value, dict):
        for field, inner in value.items():
            _check_escaped(field)
            _check_escaped(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_escaped(inner)


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for byte in _TEXT.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _where(error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Unexpected UTF-8 BOM"):
        return "it begins with a byte order mark"
    if error.msg.startswith("Extra data"):
        return "something stands behind its end"
    return f"it breaks off or goes wrong at line {error.lineno}, column {error.colno}"


def check_type(content_type: str | None) -> None:
    """Returns if a body of this type is JSON; without a type it is taken for that.

    Raises:
        NotJson: it says that it is something else.
    """
    if content_type is None:
        return
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise NotJson


class StrictRoute(APIRoute):
    """A route whose body is checked before FastAPI reads it."""

    def get_route_handler(self) -> Any:  # noqa: ANN401  FastAPI's own type
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def strictly(request: Request) -> Response:
            check_type(request.headers.get("content-type"))
            check(await request.body())
            response: Response = await handler(request)
            return response

        return strictly
