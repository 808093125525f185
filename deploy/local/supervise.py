"""Runs the processes of the service, and PostgreSQL beneath them, until a signal arrives.

Whatever dies is started again. At the end the first process (the API) drains, then the others end,
PostgreSQL last. Should the supervisor itself be killed, the kernel ends its children (Linux).
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from deploy.local.children import Backoff, Child
from deploy.local.postgres import EmbeddedPostgres, PostgresDidNotStart

GRACE = 12.0  # seconds between SIGTERM and SIGKILL: two more than the API takes to drain
TICK = 0.2


def until_signalled() -> threading.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP from now on."""
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: stop.set())
    return stop


def supervise(
    processes: Mapping[str, Sequence[str]],
    env: Mapping[str, str],
    *,
    postgres: EmbeddedPostgres | None,
    stop: threading.Event,
    announced: Callable[[], bool] = lambda: True,
    grace: float = GRACE,
) -> None:
    """Returns after `stop` is set and every process has ended; PostgreSQL is the caller's to stop.

    `announced` is asked until it is true: it tells the person when the service answers.
    """
    server = Server(postgres, stop)
    children = [Child(name, argv, env) for name, argv in processes.items()]
    told = False
    while not stop.wait(TICK):
        server.check()
        for child in children:
            child.check()
        told = told or announced()
    for together in (children[:1], children[1:]):
        _end(together, grace)


def _end(children: Sequence[Child], grace: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + grace
    for child in children:
        child.wait(deadline)


class Server:
    """PostgreSQL, started again when it dies; nothing to do when it is somebody else's."""

    def __init__(self, postgres: EmbeddedPostgres | None, stop: threading.Event) -> None:
        self.postgres, self.stop = postgres, stop
        self.backoff, self.started = Backoff(), time.monotonic()

    def check(self) -> None:
        """Waits until PostgreSQL answers again: without it the others have nothing to do."""
        while self.postgres is not None and not self.postgres.runs() and not self.stop.is_set():
            pause = self.backoff.after(time.monotonic() - self.started)
            print(f"PostgreSQL ended, again in {pause:g} s", flush=True)
            self.stop.wait(pause)
            self.started = time.monotonic()
            try:
                self.postgres.start(given_up=self.stop.is_set)
            except PostgresDidNotStart as why:
                print(why, flush=True)
