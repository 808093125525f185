"""The commands on cases at the command line: made from the same classes as the API's bodies."""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Optional, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from api.client import API, Answer, ask, signed_in
from api.operating import AsJson
from api.terminal import refuse, say
from domain.commands import CaseCommand, Command, Create, Erase, Forget

PANEL: Final = "Work on cases"
CASE: Final = "case_number"  # a field of some commands is called `case`
KINDS: Final = tuple(k for k in get_args(CaseCommand) if k not in {Erase, Forget})
LONG: Final = frozenset({"text", "description", "comment", "reason", "summary", "root_cause"})

Key = Annotated[
    str | None, typer.Option("--key", help="Send it again under the same key: it is done once.")
]
IfVersion = Annotated[int | None, typer.Option(help="Only if the case is at this version.")]
OnBehalfOf = Annotated[str | None, typer.Option(help="For service accounts: a person's id.")]


def register(app: typer.Typer) -> None:
    """One command for each that the API has."""
    for kind in KINDS:
        app.command(kind.path(), rich_help_panel=PANEL)(_function(kind))


def _function(kind: type[Command]) -> Callable[..., None]:
    """What typer reads: a function whose parameters are the fields of the command."""

    def run(**given: Any) -> None:  # noqa: ANN401  whatever the fields are
        case = given.pop(CASE, None)
        headers = _headers(given.pop("key"), given.pop("if_version"), given.pop("on_behalf_of"))
        as_json = given.pop("as_json")
        body = {name: value for name, value in _read(kind, given) if value is not None}
        path = f"{API}/cases" if case is None else f"{API}/cases/{case}/{kind.path()}"
        _show(ask(signed_in(), "POST", path, body, headers), as_json=as_json)

    which = typer.Argument(help="Its number or id.", metavar="CASE")
    parameters = [] if kind is Create else [_parameter(CASE, str, which)]
    parameters += [_field(name, field) for name, field in kind.model_fields.items()]
    parameters += [
        _parameter("key", Key, None, default=None),
        _parameter("if_version", IfVersion, None, default=None),
        _parameter("on_behalf_of", OnBehalfOf, None, default=None),
        _parameter("as_json", AsJson, None, default=False),
    ]
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010  mypy knows of none
    run.__name__, run.__doc__ = kind.path(), kind.__doc__
    return run


def _field(name: str, field: FieldInfo) -> inspect.Parameter:
    """A field as an option; what is required and long may also come from standard input."""
    hint, several = _plain(field.annotation)
    required = field.is_required() and name not in LONG
    said = "Text, or - for standard input." if name in LONG and hint is str else ""
    if name == "external_ids":
        hint, several, said = str, True, "A foreign system and its number: jira=OPS-1."
    option = typer.Option(f"--{name.replace('_', '-')}", help=said or None)
    if required and not several:
        return _parameter(name, hint, option)
    whole = Optional[list[hint] if several else hint]  # type: ignore[valid-type]  # noqa: UP045  made here of what the field is
    return _parameter(name, whole, option, default=None)


def _plain(hint: Any) -> tuple[Any, bool]:  # noqa: ANN401  any type hint
    """The type of an option, and whether it may be repeated."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _plain(args[0])
    if origin in {Union, UnionType}:
        return _plain(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return _plain(args[0])[0], True
    if origin is Literal:
        return str, False
    is_known = isinstance(hint, type) and issubclass(hint, Enum | int | datetime)
    return (hint if is_known else str), False


def _parameter(
    name: str,
    hint: Any,  # noqa: ANN401  a type
    option: Any,  # noqa: ANN401  typer's own
    default: Any = inspect.Parameter.empty,  # noqa: ANN401  of that type
) -> inspect.Parameter:
    annotated = Annotated[hint, option] if option is not None else hint
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotated)


def _read(kind: type[Command], given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields as JSON; a long text that is missing is written in an editor."""
    for name, value in given.items():
        if name == "external_ids":
            yield name, dict(_pair(one) for one in value) if value else None
        elif value is None and name in LONG and kind.model_fields[name].is_required():
            yield name, _written(name)
        elif value == "-" and name in LONG:
            yield name, sys.stdin.read()
        elif isinstance(value, datetime):
            yield name, value.astimezone().isoformat()
        elif isinstance(value, list):
            yield name, [_plainly(one) for one in value] or None
        else:
            yield name, _plainly(value)


def _plainly(value: Any) -> Any:  # noqa: ANN401  JSON
    return value.value if isinstance(value, Enum) else value


def _pair(text: str) -> tuple[str, str]:
    system, equals, number = text.partition("=")
    if not equals:
        refuse(f"--external-ids: {text} must be like jira=OPS-1.")
    return system, number


def _written(name: str) -> str:
    """What somebody writes when they are asked; without a terminal nobody is."""
    if not sys.stdin.isatty():
        option = name.replace("_", "-")
        refuse(f"--{option} is required: give it, or - and the text on standard input.")
    text: str = typer.prompt(name.replace("_", " ").capitalize(), err=True)
    return text


def _headers(key: str | None, version: int | None, person: str | None) -> dict[str, str]:
    given = {"Idempotency-Key": key, "If-Match": version and f'"{version}"', "On-Behalf-Of": person}
    return {name: str(value) for name, value in given.items() if value}


def _show(answer: Answer, *, as_json: bool) -> None:
    told = answer.body
    badges = "".join(f" · {badge}" for badge in told["badges"])
    words = f"Case {told['number']} is {told['status']}{badges}, at version {told['version']}."
    if answer.headers.get("idempotent-replayed"):
        words += " It had been done before."
    say(told, words, as_json=as_json)


def bulk(
    command: Annotated[str, typer.Argument(help="The command, such as escalate.")],
    ids: Annotated[list[str], typer.Argument(help="Numbers or ids of cases.")],
    fields: Annotated[str, typer.Option(help="The command's fields as JSON.")] = "{}",
    *,
    as_json: AsJson = False,
) -> None:
    """Carry out one command on many cases; each is done or refused by itself."""
    try:
        body = {"ids": ids, "command": {command: json.loads(fields)}}
    except ValueError:
        refuse('--fields: must be JSON, such as \'{"comment": "We lose orders."}\'.')
    told = ask(signed_in(), "POST", f"{API}/cases/bulk", body).body
    lines = [
        f"{one['id']}  {one['answer']['status'] if one.get('answer') else one['problem']['detail']}"
        for one in told["results"]
    ]
    say(told, "\n".join(lines), as_json=as_json)
