"""`casebook up` in a folder of its own, as a person at a terminal has it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path

import psutil

CASEBOOK = Path(sys.executable).with_name("casebook")


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can enter; pytest's are closed to others."""
    path = Path(tempfile.mkdtemp(prefix="casebook-up-")).resolve()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it holds before the time is over; asked fifty times a second."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def processes(wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Those that are as wanted, oldest first; one that ends while it is looked at is not there."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if wanted(process):
                found.append((process.create_time(), process))
    return [process for _, process in sorted(found, key=itemgetter(0))]


class Running:
    def __init__(self, folder: Path, *words: str, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        ours = {name: v for name, v in os.environ.items() if not name.startswith("CASEBOOK_")}
        self.process = subprocess.Popen(
            [CASEBOOK, "up", *words],
            cwd=folder,
            env={**ours, "CASEBOOK_PORT": str(self.port), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/readyz", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def apis(self) -> list[psutil.Process]:
        """The API's processes, workers included, oldest first: all that hold its port."""
        return self._all(lambda process: "api" in process.cmdline()[1:4] or _is_worker(process))

    def workers(self) -> list[psutil.Process]:
        """The API's processes that answer, where there are several."""
        return self._all(_is_worker)

    def postmaster(self) -> psutil.Process:
        (found,) = self._all(lambda process: str(self.folder / "var/pg/data") in process.cmdline())
        return found

    def of(self, word: str) -> list[psutil.Process]:
        """Those in whose command this word stands: a module, a class."""
        return self._all(lambda process: word in process.cmdline())

    def left(self) -> list[psutil.Process]:
        """Everything that still works in this folder, the supervisor included."""
        return self._all(lambda _: True)

    def signal(self, signum: signal.Signals) -> int:
        self.process.send_signal(signum)
        assert within(30, lambda: self.process.poll() is not None), (self.said, self.left())
        code = self.process.wait()
        self.reader.join(5)
        return code

    def end(self) -> None:
        """For the end of a test, however it went: nothing of it stays."""
        self.signal(signal.SIGKILL)
        assert within(20, lambda: not self.left()), self.left()

    def _all(self, wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        def is_here(process: psutil.Process) -> bool:
            return any(str(self.folder) in word for word in (process.cwd(), *process.cmdline()))

        return processes(lambda process: is_here(process) and wanted(process))

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            self.lines.extend(iter(out.readline, ""))


def _is_worker(process: psutil.Process) -> bool:
    return "multiprocessing.spawn" in " ".join(process.cmdline())
