"""The API as the casebook command asks it: who is signed in where, and what an answer means."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

from api.terminal import refuse

API: Final = "/api/v1"
TIMEOUT_SECONDS: Final = 30
CHUNK: Final = 256 * 1024
SERVER_ERROR: Final = 500
WRONG: Final = 400
# What the exit status says; 1 is something outside, 2 is what was asked.
NOT_SIGNED_IN: Final = 3
STATUS: Final[Mapping[int, int]] = {401: NOT_SIGNED_IN, 403: NOT_SIGNED_IN, 409: 4, 412: 4}


@dataclass(frozen=True, slots=True)
class Login:
    """Where the API is, and the token with which it is asked."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: Any


def login_file() -> Path:
    """Where the login is kept, for this person alone."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home, "casebook", "login.json")


def signed_in() -> Login:
    """The login in force: the environment's, or the one that is kept. Else the command ends."""
    kept = _kept()
    url = os.environ.get("CASEBOOK_URL") or kept.get("url")
    token = os.environ.get("CASEBOOK_TOKEN") or kept.get("token")
    if not url or not token:
        _end(3, "You are not signed in: casebook login.")
    return Login(url, token)


def has_login() -> bool:
    """Whether there is anything to sign in with."""
    return bool(os.environ.get("CASEBOOK_TOKEN")) or login_file().exists()


def keep(login: Login) -> None:
    """Keeps a login; nobody else can read it."""
    file = login_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"url": login.url, "token": login.token}, out)
    new.replace(file)


def _kept() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(login_file().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        refuse(f"{login_file()} cannot be read: casebook login writes it anew.")
    return found


def ask(
    login: Login,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Asks once, and once more where the connection was lost: under the same key that is safe.

    Whatever is refused ends the command, with one sentence and its exit status.
    """
    given = {"User-Agent": f"casebook/{version('casebook')}", "Accept": "application/json"}
    if login.token:
        given["Authorization"] = f"Bearer {login.token}"
    if body is not None:
        given |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    given |= headers or {}
    content = json.dumps(body).encode() if body is not None else None
    for last in (False, True):
        try:
            answer = _once(login.url, method, path, content, given)
            break
        except (OSError, HTTPException) as error:
            if last or isinstance(error, ConnectionRefusedError):
                _end(1, f"{login.url} cannot be reached: {str(error) or type(error).__name__}.")
    if answer.status >= WRONG:
        _told(answer)
    return answer


def send(login: Login, path: str, file: Path) -> Answer:
    """Sends the bytes of a file; what is refused ends the command."""
    headers = {
        "Authorization": f"Bearer {login.token}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(file.stat().st_size),
    }
    try:
        with file.open("rb") as content:
            answer = _once(login.url, "POST", path, content, headers)
    except (OSError, HTTPException) as error:
        _end(1, f"{file} could not be sent: {str(error) or type(error).__name__}.")
    if answer.status >= WRONG:
        _told(answer)
    return answer


def fetch(login: Login, path: str, out: IO[bytes]) -> int:
    """Writes the bytes that the API answers with; how many there were."""
    connection, size = _connection(login.url), 0
    try:
        connection.request("GET", path, None, {"Authorization": f"Bearer {login.token}"})
        response = connection.getresponse()
        if response.status >= WRONG:
            _told(Answer(response.status, {}, json.loads(response.read() or b"{}")))
        while some := response.read(CHUNK):
            size += out.write(some)
    except (OSError, HTTPException) as error:
        _end(1, f"It broke off after {size:,} bytes: {str(error) or type(error).__name__}.")
    finally:
        connection.close()
    return size


def lines(login: Login, path: str) -> Iterator[str]:
    """The lines of an answer as they come; what is refused ends the command.

    Raises:
        OSError, HTTPException: it broke off, or the server is not well; it may be asked again.
    """
    connection = _connection(login.url)
    try:
        connection.request("GET", path, None, {"Authorization": f"Bearer {login.token}"})
        response = connection.getresponse()
        if response.status >= SERVER_ERROR:
            raise HTTPException(f"the server answered {response.status}")
        if response.status >= WRONG:
            _told(Answer(response.status, {}, json.loads(response.read() or b"{}")))
        for line in response:
            yield line.decode().rstrip("\n")
    finally:
        connection.close()


def _once(
    url: str,
    method: str,
    path: str,
    content: bytes | IO[bytes] | None,
    headers: Mapping[str, str],
) -> Answer:
    connection = _connection(url)
    try:
        connection.request(method, path, content, dict(headers))
        response = connection.getresponse()
        read = response.read()
        told = {name.lower(): value for name, value in response.getheaders()}
        is_json = "json" in told.get("content-type", "")
        return Answer(response.status, told, json.loads(read) if read and is_json else None)
    finally:
        connection.close()


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        refuse(f"{url} is no address such as http://127.0.0.1:8000.")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)


def _told(answer: Answer) -> NoReturn:
    """Ends the command with what the problem says."""
    problem = answer.body if isinstance(answer.body, dict) else {}
    print(problem.get("detail", f"The server answered {answer.status}."), file=sys.stderr)
    for one in problem.get("errors", ()):
        print(f"  {one['pointer'].removeprefix('#/')}: {one['detail']}", file=sys.stderr)
    status = 1 if answer.status >= SERVER_ERROR else STATUS.get(answer.status, 2)
    raise SystemExit(status)


def _end(status: int, why: str) -> NoReturn:
    print(why, file=sys.stderr)
    raise SystemExit(status)
