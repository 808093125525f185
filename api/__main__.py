"""`python -m api`: serves the API until SIGTERM; requests under way are answered first."""

import gc
import os
import signal
import tempfile
import threading
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from api import metrics
from api.app import create_app
from api.serving import Cuttable
from domain.runtime import logs
from domain.runtime.settings import settings

COLLECT_AFTER = (20_000, 20, 100)  # objects, then collections of the younger generation
DRAIN = 10  # seconds for requests under way; the supervisor waits a little longer


def served() -> FastAPI:
    """The application of one worker, which is a process of its own."""
    logs.configure(settings().log_format)
    leaving = threading.Event()
    _tell_when_ending(leaving)
    app = create_app(leaving=leaving)
    _collect_less()
    return app


def _tell_when_ending(leaving: threading.Event) -> None:
    """Answers that go on end with the first signal; the server waits for all others."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        servers = signal.getsignal(signum)

        def told(given: int, frame: FrameType | None, then: Any = servers) -> None:  # noqa: ANN401  what signal gives
            leaving.set()
            if callable(then):
                then(given, frame)

        signal.signal(signum, told)


def _collect_less() -> None:
    """Requests leave hardly any cycles: looking for them cost a sixth of each request.

    What was made at the start is never looked at again, and the rest once in so many objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def main() -> None:
    logs.configure(settings().log_format)
    with tempfile.TemporaryDirectory(prefix="casebook-metrics-") as counted:
        if settings().workers > 1:  # what each of them counts, so that any can tell of all
            os.environ[metrics.FOLDER] = counted
        _serve()


def _serve() -> None:
    uvicorn.run(
        "api.__main__:served",
        factory=True,
        host=settings().host,
        port=settings().port,
        workers=settings().workers,
        loop="uvloop",
        http=Cuttable,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings().proxies),
        forwarded_allow_ips=settings().proxies,
        timeout_graceful_shutdown=DRAIN,
    )


if __name__ == "__main__":
    main()
