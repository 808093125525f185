"""The HTTP application: what it opens when it starts, and which routes it has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from api import health
from domain.runtime import database
from domain.runtime.settings import Settings, settings

log = structlog.stdlib.get_logger(__name__)


def create_app(given: Settings | None = None) -> FastAPI:
    """The application with the settings given, or with those of this process."""
    chosen = given or settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with database.pool(chosen.database_url, "casebook api") as app.state.pool:
            log.info("api_started", build=chosen.build)
            yield
        log.info("api_stopped")

    # Swagger's and Redoc's pages load their scripts from elsewhere; the description itself is ours.
    app = FastAPI(
        title="Casebook", version=chosen.build, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.include_router(health.router)
    return app
