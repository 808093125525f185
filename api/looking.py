"""Looking at cases at the command line, over HTTP: lists, one case, what changed, who one is."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.client import API, Login, ask, keep, login_file, signed_in
from api.operating import AsJson
from api.terminal import say
from domain.values import Awaited, Severity, Status

COLOURS: Final = {
    "Escalated": "bold red",
    "Closed": "dim",
    "Unassigned": "yellow",
    "Critical": "bold red",
    "Urgent": "yellow",
}
STATUSES: Final = f"open, all, {', '.join(Status)}."
COLUMNS: Final = ("number", "status", "severity", "subject", "account", "contact", "modified")
WIDE: Final = 120  # letters; where there are fewer, these columns are left out
LEFT_OUT: Final = frozenset({"account", "contact", "type", "by"})
After = Annotated[int, typer.Option(min=0, help="From this position on.")]


def login(
    url: Annotated[str, typer.Option(help="Where Casebook is.")] = "http://127.0.0.1:8000",
    token: Annotated[str | None, typer.Option(help="A token, or - for standard input.")] = None,
    email: Annotated[str | None, typer.Option(help="Sign in with a password instead.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Sign in; the token is kept in a file that only you can read."""
    if email:
        password = typer.prompt("Password", hide_input=True, err=True)
        sent = {"email": email, "password": password}
        secret = ask(Login(url, ""), "POST", f"{API}/sessions", sent).body["token"]
    elif token == "-":  # noqa: S105  standard input
        secret = sys.stdin.readline().strip()
    else:
        secret = token or typer.prompt("Token", hide_input=True, err=True)
    new = Login(url.rstrip("/"), secret.strip())
    me = ask(new, "GET", f"{API}/me").body
    keep(new)
    words = f"You are {me['name']}, {me['role']}, at {new.url}. Kept in {login_file()}."
    say({**me, "url": new.url}, words, as_json=as_json)


def logout() -> None:
    """Forget the login. The token itself stays good: revoke it if it must not."""
    login_file().unlink(missing_ok=True)
    print("Signed out.")


def whoami(*, as_json: AsJson = False) -> None:
    """Who you are, and what your token may be used for."""
    here = signed_in()
    me = ask(here, "GET", f"{API}/me").body
    scopes = ", ".join(me["scopes"]) if me["scopes"] is not None else "all that you may do"
    until = f", until {_moment(me['token_expires_at'])}" if me["token_expires_at"] else ""
    of = f" of {me['account_name']}" if me["account_name"] else ""
    words = f"{me['name']}, {me['role']}{of}, at {here.url}\n{me['token_hint']}: {scopes}{until}"
    say(me, words, as_json=as_json)


def list_cases(  # noqa: PLR0913, PLR0917  each is an option, as a filter of the list
    q: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORDS]...",
            help="What they must tell of: words, is:open, severity:critical …; -- before a -word.",
        ),
    ] = None,
    status: Annotated[list[str] | None, typer.Option(help=STATUSES)] = None,
    application: Annotated[list[str] | None, typer.Option(help="The key of one.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", help="The key of one.")] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="How bad it is.")] = None,
    account: Annotated[list[str] | None, typer.Option(help="An account's id.")] = None,
    assignee: Annotated[list[str] | None, typer.Option(help="me, nobody, or an id.")] = None,
    team: Annotated[list[str] | None, typer.Option(help="The key of one.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag.")] = None,
    contact: Annotated[list[str] | None, typer.Option(help="me, or a person's id.")] = None,
    awaiting: Annotated[list[str] | None, typer.Option(help=f"any, {', '.join(Awaited)}.")] = None,
    escalated: Annotated[bool | None, typer.Option(help="Escalated, or not.")] = None,
    close_requested: Annotated[bool | None, typer.Option(help="Closing requested, or not.")] = None,
    external_id: Annotated[str | None, typer.Option(help="Like jira:OPS-1.")] = None,
    customer_reference: Annotated[str | None, typer.Option(help="The customer's number.")] = None,
    sort: Annotated[
        str | None, typer.Option(help="A column; - before it from its end. Else what fits best.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Cases a page.")] = 25,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every page.")] = False,
    as_json: AsJson = False,
) -> None:
    """List or find cases: the open ones, the last changed first, unless you say otherwise."""
    q = [" ".join(q)] if q else None
    given = {name.rstrip("_"): value for name, value in locals().items() if name not in _OURS}
    query = {k: _words(v) for k, v in given.items() if v not in (None, [], ())}
    pages = list(_pages(signed_in(), query, every=all_))
    rows = [row for page in pages for row in page["cases"]]
    if as_json:
        say({**pages[-1], "cases": rows}, "", as_json=True)
        return
    more = "" if pages[-1]["total_is_exact"] else "+"
    table(COLUMNS, [_line(row) for row in rows])
    _footer(pages[-1], len(rows), more)


_OURS: Final = frozenset({"all_", "as_json"})


def show_case(
    case: Annotated[str, typer.Argument(help="Number or id.")], *, as_json: AsJson = False
) -> None:
    """Show a case: its head, what was said and done, and what you may do next."""
    here = signed_in()
    head = ask(here, "GET", f"{API}/cases/{case}").body
    activity = ask(here, "GET", f"{API}/cases/{case}/activity?limit=100").body["items"]
    if as_json:
        say({**head, "activity": activity}, "", as_json=True)
        return
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    badges = "".join(f" · {badge}" for badge in head["badges"])
    console.print(f"[bold]Case {head['number']}[/bold]  {escape(head['subject'])}")
    console.print(f"{_coloured(head['status'])}{badges} · {_coloured(head['severity']['name'])}")
    for name, value in _fields(head):
        console.print(f"  [dim]{name:<12}[/dim] {escape(value)}")
    console.print(f"\n{escape(head['description'])}\n")
    for item in reversed(activity):
        for line in _told(item):
            console.print(line)


def changes(after: After = 0, *, as_json: AsJson = False) -> None:
    """Cases that changed since a position, each as it is now."""
    told = ask(signed_in(), "GET", f"{API}/cases/changes?after={after}").body
    if as_json:
        say(told, "", as_json=True)
        return
    table(COLUMNS, [_line(row) for row in told["cases"]])
    print(f"Go on with --after {told['next']}.", file=sys.stderr)


def events(
    after: After = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many.")] = 100,
    *,
    as_json: AsJson = False,
) -> None:
    """What happened, in the order of the log, as far as you may know of it."""
    told = ask(signed_in(), "GET", f"{API}/events?after={after}&limit={limit}").body
    if as_json:
        say(told, "", as_json=True)
        return
    rows = [
        [str(int(e["sequence"])), _moment(e["time"]), e["type"], e["id"]] for e in told["events"]
    ]
    table(("position", "at", "type", "id"), rows)
    print(f"Go on with --after {told['next']}.", file=sys.stderr)


def _pages(here: Login, query: Mapping[str, Any], *, every: bool) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        page = ask(here, "GET", f"{API}/cases?{urlencode(asked, doseq=True)}").body
        yield page
        cursor = page["next"]
        if cursor is None or not every:
            return


def _words(value: Any) -> Any:  # noqa: ANN401  any option
    return json.dumps(value) if isinstance(value, bool) else value


def _line(row: Mapping[str, Any]) -> list[str]:
    return [
        row["number"],
        row["status"],
        row["severity"]["name"],
        row["subject"],
        row["account_name"] or "",
        row["contact"]["name"] or "",
        _moment(row["modified_at"]),
    ]


def _fields(head: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "application", head["application"]["name"]
    yield "type", head["type"]["name"]
    yield "account", head["account_name"] or ""
    yield "contact", head["contact"]["name"] or ""
    yield "assignee", (head["assignee"] or {}).get("name") or "nobody"
    if head["team"]:
        yield "team", head["team"]["name"]
    if head["customer_reference"]:
        yield "reference", head["customer_reference"]
    yield from head["external_ids"].items()
    if head["tags"]:
        yield "tags", ", ".join(head["tags"])
    yield "created", _moment(head["created_at"])
    if head["reopen_until"]:
        yield "reopen until", _moment(head["reopen_until"])
    for tie in head["links"]:
        yield tie["kind"], f"{tie['number']} {tie['subject']}"


def _told(item: Mapping[str, Any]) -> Iterator[str]:
    inner = "  [yellow]internal[/yellow]" if item["internal"] else ""
    who, at = escape(item["by"]["name"] or str(item["by"]["id"])), _moment(item["at"])
    if item["kind"] == "step":
        yield f"[dim]{at}[/dim]  {who} {escape(item['sentence'])}{inner}"
        return
    for depth, said in enumerate([item["post"], *item["comments"]]):
        indent = "    " if depth else ""
        author = escape(said["by"]["name"] or str(said["by"]["id"]))
        text = escape(said["text"]) if said["text"] is not None else "[dim]removed[/dim]"
        edited = " [dim](edited)[/dim]" if said["edited_at"] else ""
        when = f"{indent}[dim]{_moment(said['at'])}[/dim]"
        yield f"{when}  [bold]{author}[/bold]: {text}{edited}{inner}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people; for a program one line each, with tabs."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(" ".join(cell.split()) for cell in row))
        return
    console = Console(highlight=False)
    shown = [at for at, name in enumerate(columns) if console.width >= WIDE or name not in LEFT_OUT]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at in shown:
        wraps = columns[at] in {"subject", "name"}
        table.add_column(columns[at], overflow="fold" if wraps else "ellipsis", no_wrap=not wraps)
    for row in rows:
        table.add_row(*(_coloured(row[at]) for at in shown))
    console.print(table)


def _footer(page: Mapping[str, Any], shown: int, more: str) -> None:
    total = f"{page['total']:,}{more}"
    closed = page["closed_matches"]
    also = f" None is open, {closed} closed match: --status all" if closed else ""
    rest = " The rest: --all" if page["next"] and shown < page["total"] else ""
    for one in page["did_you_mean"]:
        print(
            f"Nothing has '{one['typed']}': these have {' or '.join(one['meant'])}.",
            file=sys.stderr,
        )
    print(f"{shown} of {total}.{also}{rest}", file=sys.stderr)


def _coloured(cell: str) -> str:
    colour = COLOURS.get(cell)
    return f"[{colour}]{escape(cell)}[/{colour}]" if colour else escape(cell)


def _moment(text: str) -> str:
    """For people in their own zone, which is named; for programs as it came."""
    if not sys.stdout.isatty():
        return text
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M %Z}"
