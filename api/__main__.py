"""`python -m api`: serves the API until SIGTERM; requests under way are answered first."""

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from domain.runtime import logs
from domain.runtime.settings import settings

DRAIN = 10  # seconds for requests under way; the supervisor waits a little longer


def served() -> FastAPI:
    """The application of one worker, which is a process of its own."""
    logs.configure(settings().log_format)
    return create_app()


def main() -> None:
    logs.configure(settings().log_format)
    uvicorn.run(
        "api.__main__:served",
        factory=True,
        host=settings().host,
        port=settings().port,
        workers=settings().workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN,
    )


if __name__ == "__main__":
    main()
