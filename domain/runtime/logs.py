"""One log for everything that runs here, structlog's and the standard library's alike.

An event is a constant in the past tense (`case_raised`), everything else a key. Never a body, an
address or a secret: what people wrote stands in the history, encrypted, and nowhere else.
"""

import logging
import sys
import traceback
from pathlib import Path
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

QUIET = ("uvicorn", "asyncio", "psycopg.pool")  # our own events say when we start and stop


def configure(log_format: Literal["console", "json"]) -> None:
    """Once per process, before the first line is logged; to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _failure,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(log_format, shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Of each try to reach a broker that is away it tells ten lines, some as errors; we tell one.
    logging.getLogger("kafka").propagate = False


def _formatter(
    log_format: Literal["console", "json"], shared: list[Processor]
) -> structlog.stdlib.ProcessorFormatter:
    last: list[Processor] = [structlog.processors.JSONRenderer()]
    if log_format == "console":
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def failure_of(error: BaseException) -> str:
    """What failed and where. Not its message: that may quote words and secrets."""
    steps = traceback.extract_tb(error.__traceback__)
    ours = [step for step in steps if "site-packages" not in step.filename] or steps
    if not ours:
        return type(error).__name__
    return f"{type(error).__name__} at {Path(ours[-1].filename).name}, line {ours[-1].lineno}"


def _failure(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Tells of an exception what it is and the way to it; never its message or any variable."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["failure"] = failure_of(error)
        event["stack"] = "".join(traceback.format_tb(error.__traceback__))
    return event
