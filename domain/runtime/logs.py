"""One log for everything that runs here, structlog's and the standard library's alike.

An event is a constant in the past tense (`case_raised`), everything else a key. Never a body, an
address or a secret: what people wrote stands in the history, encrypted, and nowhere else.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

QUIET = ("uvicorn", "asyncio", "psycopg.pool")  # our own events say when we start and stop


def configure(log_format: Literal["console", "json"]) -> None:
    """Once per process, before the first line is logged; to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
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


def _formatter(
    log_format: Literal["console", "json"], shared: list[Processor]
) -> structlog.stdlib.ProcessorFormatter:
    last: list[Processor]
    # Never the variables of a traceback: words, tokens and keys stand in them.
    if log_format == "json":
        without = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        tracebacks = structlog.processors.ExceptionRenderer(without)
        last = [tracebacks, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        colours = sys.stderr.isatty()
        last = [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
