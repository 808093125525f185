"""How a command speaks: one way to answer, one way to refuse."""

import json
import sys
from collections.abc import Mapping
from typing import NoReturn

from pydantic import ValidationError


def say(answer: Mapping[str, object], words: str, *, as_json: bool) -> None:
    """Prints the answer: for a program as JSON, for a person in words."""
    print(json.dumps(answer, default=str) if as_json else words, flush=True)


def refuse(why: str) -> NoReturn:
    """Ends the command: one sentence, exit status 2."""
    print(why, file=sys.stderr)
    raise SystemExit(2)


def fail(why: str) -> NoReturn:
    """Ends the command that something outside it kept from its work: exit status 1."""
    print(why, file=sys.stderr)
    raise SystemExit(1)


def first_wrong(error: ValidationError) -> str:
    """What is wrong with the first field, in a sentence."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "The input"
    return f"{field}: {first['msg'].removeprefix('Value error, ').rstrip('.')}."
