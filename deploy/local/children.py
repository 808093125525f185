"""Processes of our own: each ends with the one that started it, and starts again when it dies."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

HEALTHY = 30.0  # seconds: who lived this long starts again at once
LONGEST_PAUSE = 30.0
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(signum: int) -> Callable[[], None] | None:
    """For Popen(preexec_fn=…): the kernel sends `signum` when the parent ends, even by kill -9.

    It is the parent's main thread that counts. None where the kernel is not Linux.
    """
    if _libc is None:
        return None
    parent, prctl = os.getpid(), _libc.prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died in between, and nothing will ever be sent
            os._exit(1)

    return ask


class Backoff:
    """How long to wait before the next start: nothing at first, then twice as long each time."""

    def __init__(self) -> None:
        self.pause = 0.0

    def after(self, lived: float) -> float:
        self.pause = 0.0 if lived > HEALTHY else min(max(0.5, self.pause * 2), LONGEST_PAUSE)
        return self.pause


class Child:
    """A process in a group of its own, so that Ctrl-C reaches only the supervisor."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.name, self.argv, self.env = name, argv, env
        self.backoff = Backoff()
        self.due: float | None = None  # when it starts again; None while it runs
        self.start()

    def start(self) -> None:
        self.started, self.due = time.monotonic(), None
        self.process = subprocess.Popen(
            self.argv,
            env=self.env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )

    def check(self) -> None:
        """Starts the process again if it has died and its pause is over."""
        if self.process.poll() is None:
            return
        if self.due is None:
            # Workers that outlived their parent would hold the port.
            self.signal_group(signal.SIGKILL)
            pause = self.backoff.after(time.monotonic() - self.started)
            self.due = time.monotonic() + pause
            print(
                f"{self.name} ended ({self.process.returncode}), again in {pause:g} s", flush=True
            )
        if time.monotonic() >= self.due:
            self.start()

    def terminate(self) -> None:
        """Asks it to end. One that waits for its next start gets none."""
        self.process.terminate()

    def signal_group(self, signum: int) -> None:
        try:
            os.killpg(self.process.pid, signum)
        except ProcessLookupError:
            return  # the whole group has ended

    def wait(self, deadline: float) -> None:
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end in time and is killed", flush=True)
        self.signal_group(signal.SIGKILL)
        self.process.wait()
