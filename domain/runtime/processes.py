"""Processes: this one, and those that compute beside it."""

import os
import signal
from multiprocessing import get_context
from multiprocessing.context import BaseContext


def prepared(module: str) -> BaseContext:
    """Processes that one server forks, which has loaded the module: most of their start.

    Not forks of this one, which may have threads and a connection.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def end_at_once() -> None:
    """For a process all of whose work is transactions: a signal ends it, from now on, at once.

    What is under way is done again at the next start, as after a kill. An exception instead can be
    lost in whatever runs just then, and an orderly end waits for the threads of libraries.
    """
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: os._exit(0))
