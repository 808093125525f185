"""Processes that compute beside this one."""

from multiprocessing import get_context
from multiprocessing.context import BaseContext


def prepared(module: str) -> BaseContext:
    """Processes that one server forks, which has loaded the module: most of their start.

    Not forks of this one, which may have threads and a connection.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    return context
