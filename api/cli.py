"""The casebook command: what a person at this machine can ask for."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from api import (
    carrying,
    doctor,
    erasing,
    importing,
    letterbox,
    looking,
    operating,
    parking,
    rebuilding,
    republishing,
    restoring,
    seeding,
    telling,
    watching,
    working,
)
from api.operating import AsJson
from api.terminal import fail, refuse, say
from deploy.local import environment
from deploy.local.kafka import KafkaUnavailable, LocalKafka
from deploy.local.kafka import default_home as kafka_home
from deploy.local.postgres import EmbeddedPostgres, PostgresDidNotStart, default_home
from deploy.local.supervise import supervise, until_signalled
from domain.runtime.appending import AppendError
from domain.runtime.database import DATABASE_AWAY, MigrationRefused
from domain.runtime.database import migrate as bring_up_to_date
from domain.runtime.settings import Serving, databases, is_given, serving

# What `casebook up` runs, in the order in which it ends them: whoever takes requests drains first.
PROCESSES: dict[str, Sequence[str]] = {
    "api": (sys.executable, "-P", "-m", "api"),
    "projections": (sys.executable, "-P", "-m", "projections"),
    "consumers": (sys.executable, "-P", "-m", "consumers"),
}

app = typer.Typer(
    help="Casebook: support cases whose only truth is their history.",
    epilog="Exit status: 1 something outside, 2 refused, 3 not allowed, 4 somebody was faster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"casebook {version('casebook')}")
        raise typer.Exit


@app.callback()
def here(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="The release.")
    ] = False,
) -> None:
    # What a pool says while it tries again is for a service's log; a person is told once.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    if context.invoked_subcommand in ON_THE_DATABASE:
        use_what_runs_here()
    elif context.invoked_subcommand == "doctor":  # a person's laptop has no database
        os.environ.update(environment.running_here() or {})


@app.command(rich_help_panel="This machine")
def up(
    *,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Publish to a Kafka of its own, if none is named.")
    ] = False,
) -> None:
    """Run Casebook on this machine until Ctrl-C, on a PostgreSQL of its own if none is named."""
    started, here = time.monotonic(), serving()
    if not _is_free(here.host, here.port):
        refuse(f"Port {here.port} is in use. Choose another: CASEBOOK_PORT={here.port + 1} make up")
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)
    named = is_given("CASEBOOK_DATABASE_URL")
    postgres = None if named else EmbeddedPostgres(default_home())
    try:
        if postgres is not None:
            _start(postgres)
        _use_master_key(shared=named)
        _migrate()
        mailbox = _mailbox()
        supervise(
            {
                **PROCESSES,
                **mailbox,
                **(_kafka() if kafka and not is_given("CASEBOOK_KAFKA") else {}),
            },
            # The owner's rights are for migrations and erasure: no process runs with them.
            {name: value for name, value in os.environ.items() if name != "CASEBOOK_OWNER_URL"},
            postgres=postgres,
            stop=until_signalled(),
            announced=partial(_announced, here, started, keeps_mail=bool(mailbox)),
        )
    except (PostgresDidNotStart, KafkaUnavailable) as why:
        refuse(str(why))
    finally:
        if postgres is not None:
            postgres.stop()


def _mailbox() -> Mapping[str, Sequence[str]]:
    """What keeps mails on this machine, where no server is named that would send them."""
    if is_given("CASEBOOK_SMTP"):
        return {}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    os.environ["CASEBOOK_SMTP"] = f"smtp://127.0.0.1:{port}"
    folder = str(letterbox.FOLDER.absolute())
    return {"mailbox": (sys.executable, "-P", "-m", "deploy.local.mailbox", folder, port)}


app.command("mail", rich_help_panel="This machine")(letterbox.mail)


@app.command(rich_help_panel="This machine")
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database up to date: the one that is named, or the one that runs here."""
    _migrate(as_json=as_json)


# In the order in which a newcomer meets them. These ask the API, with a token.
OVER_HTTP: Mapping[str, Callable[..., None]] = {
    "login": looking.login,
    "whoami": looking.whoami,
    "logout": looking.logout,
    "cases": looking.list_cases,
    "case": looking.show_case,
    "changes": looking.changes,
    "events": looking.events,
    "follow": watching.follow,
}
for name, look in OVER_HTTP.items():
    app.command(name, rich_help_panel="Look")(look)
working.register(app)
app.command("attach", rich_help_panel=working.PANEL)(carrying.attach)
app.command("files", rich_help_panel="Look")(carrying.list_files)
app.command("download", rich_help_panel="Look")(carrying.download)
app.command("bulk", rich_help_panel=working.PANEL)(working.bulk)

# These work on the database, as an operator.
DESK = "The desk, on the database"
app.command("doctor", rich_help_panel=DESK)(doctor.doctor)
app.add_typer(operating.accounts, name="accounts", rich_help_panel=DESK)
app.add_typer(operating.people, name="people", rich_help_panel=DESK)
app.command("token", rich_help_panel=DESK)(operating.token)
app.command("replay", rich_help_panel=DESK)(telling.replay)
app.command("tail", rich_help_panel=DESK)(telling.tail)
app.command("import", rich_help_panel=DESK)(importing.import_file)
app.add_typer(erasing.app, name="erase", rich_help_panel=DESK)
app.command("seed", rich_help_panel=DESK)(seeding.seed)
app.command("rebuild", rich_help_panel=DESK)(rebuilding.rebuild)
app.command("verify", rich_help_panel=DESK)(rebuilding.verify)
app.command("restored", rich_help_panel=DESK)(restoring.restored)
app.command("republish", rich_help_panel=DESK)(republishing.republish)
app.command("parked", rich_help_panel=DESK)(parking.parked)
app.command("unpark", rich_help_panel=DESK)(parking.unpark)
app.command("lift", rich_help_panel=DESK)(letterbox.lift)
ON_THE_DATABASE = frozenset(
    {"migrate", "accounts", "people", "token", "replay", "tail", "import"}
    | {"erase", "seed", "rebuild", "verify", "restored", "republish"}
    | {"parked", "unpark", "lift"}
)


def use_what_runs_here() -> None:
    """For every command on the database: fills in what the environment does not say."""
    if is_given("CASEBOOK_DATABASE_URL"):
        return
    here = environment.running_here()
    if not here:
        refuse("CASEBOOK_DATABASE_URL is not set, and no database runs here: make up.")
    os.environ.update(here)


def main() -> None:
    """Runs the command; what goes wrong is one sentence and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without Unicode shows what it can
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except DATABASE_AWAY:
        fail("The database does not answer: casebook doctor says why.")
    except AppendError as error:
        fail(str(error))


def _start(postgres: EmbeddedPostgres) -> None:
    print(f"PostgreSQL starts in {postgres.home}", flush=True)
    postgres.start()
    postgres.prepare()
    os.environ.update(environment.databases(postgres))


def _kafka() -> dict[str, Sequence[str]]:
    """One more process; the others are told where it listens."""
    kafka = LocalKafka(kafka_home())
    words = kafka.prepared()
    os.environ["CASEBOOK_KAFKA"] = kafka.address
    print(f"Kafka starts at {kafka.address} in {kafka.home}", flush=True)
    return {"kafka": words}


def _use_master_key(*, shared: bool) -> None:
    if is_given("CASEBOOK_MASTER_KEY"):
        return
    os.environ["CASEBOOK_MASTER_KEY"], new = environment.master_key()
    file = environment.MASTER_KEY_FILE
    if new:
        print(f"Made a master key in {file}. Keep it: without it no text in the log can be read.")
    if shared:
        print(f"CASEBOOK_MASTER_KEY is not set: using {file}, which no other machine has.")


def _migrate(*, as_json: bool = False) -> None:
    try:
        applied = bring_up_to_date(databases().as_owner)
    except MigrationRefused as why:
        refuse(str(why))
    words = f"Applied {', '.join(applied)}" if applied else "The database is up to date."
    say({"applied": applied}, words, as_json=as_json)


def _announced(here: Serving, started: float, *, keeps_mail: bool) -> bool:
    """Whether the API is ready; if so, the person has been told."""
    front = HTTPConnection(here.host, here.port, timeout=1)
    try:
        front.request("GET", "/readyz")
        ready = front.getresponse().status == 200  # noqa: PLR2004 - OK
    except (OSError, HTTPException):
        return False
    finally:
        front.close()
    if ready:
        mails = "  Its mails         casebook mail\n" if keeps_mail else ""
        print(
            f"\nCasebook is ready after {time.monotonic() - started:.1f} s:"
            f"  http://{here.host}:{here.port}\n"
            f"  What it can do    http://{here.host}:{here.port}/reference\n"
            f"  How it is         curl http://{here.host}:{here.port}/readyz\n"
            f"{mails}  Ctrl-C ends everything; the data stays.\n",
            flush=True,
        )
    return ready


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
