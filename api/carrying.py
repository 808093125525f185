"""Files at the command line, over HTTP: attached to a case, listed, and brought here."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.client import API, ask, fetch, send, signed_in
from api.looking import table
from api.operating import AsJson
from api.terminal import refuse, say

Case = Annotated[str, typer.Argument(help="Number or id.")]


def attach(
    case: Case,
    files: Annotated[list[Path], typer.Argument(help="Files here.", exists=True, dir_okay=False)],
    text: Annotated[str | None, typer.Option(help="Post it together with these words.")] = None,
    *,
    recording: Annotated[bool, typer.Option(help="Up to 200 MB; else 35 MB.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send files and attach them to a case."""
    here, ids = signed_in(), []
    for file in files:
        more = "&recording=true" if recording else ""
        sent = send(here, f"{API}/uploads/file?name={quote(file.name, safe='')}{more}", file)
        ids.append(sent.body["id"])
    body: dict[str, Any] = {"attachments": ids}
    command = "add-attachment"
    if text is not None:
        command, body["text"] = "post", text
    done = ask(here, "POST", f"{API}/cases/{case}/{command}", body).body
    names = ", ".join(file.name for file in files)
    say(done, f"{names} belongs to case {done['number']}.", as_json=as_json)


def list_files(case: Case, *, as_json: AsJson = False) -> None:
    """List the files of a case, the newest first."""
    found = ask(signed_in(), "GET", f"{API}/cases/{case}/attachments").body
    if as_json:
        say(found, "", as_json=True)
        return
    table(
        ("name", "bytes", "type", "scanned", "by", "id"),
        [_line(file) for file in found],
    )
    print(f"{len(found)} files.", file=sys.stderr)


def _line(file: Mapping[str, Any]) -> list[str]:
    return [
        file["name"] or "redacted",
        str(file["size"]),
        file["media_type"],
        "scanned" if file["scanned"] else "not scanned",
        file["by"]["name"] or "",
        file["id"],
    ]


def download(
    case: Case,
    file: Annotated[str, typer.Argument(help="Its id, or its name: the newest of that name.")],
    to: Annotated[Path | None, typer.Option(help="Under this name; else its own, here.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Bring a file of a case here. Nothing that is here already is overwritten."""
    here = signed_in()
    found = ask(here, "GET", f"{API}/cases/{case}/attachments").body
    one = next((f for f in found if file in {f["id"], f["name"]}), None)
    if one is None:
        refuse(f"Case {case} has no file {file}.")
    place = to or Path(Path(one["name"] or one["id"]).name)
    try:
        out = place.open("xb")
    except OSError as error:
        refuse(f"{place} cannot be written: {error.strerror}.")
    with out:
        size = fetch(here, f"{API}/cases/{case}/attachments/{one['id']}", out)
    say({**one, "path": str(place)}, f"{place}: {size:,} bytes.", as_json=as_json)
