"""The HTTP application: what it opens when it starts, and which routes it has."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from api import (
    activity,
    asyncapi,
    attachments,
    bulk,
    cases,
    commands,
    configuration,
    errors,
    exporting,
    facets,
    feed,
    health,
    lists,
    metrics,
    noticing,
    notifications,
    people,
    preferences,
    problems,
    read_models,
    reference,
    schemas,
    signing_in,
    streaming,
    subscriptions,
    tokens,
    unsubscribing,
    uploads,
    views,
    welcome,
)
from api.auth import Tokens
from api.deps import Services
from api.described import completed, operation_id
from api.edge import Edge
from api.rates import Buckets
from api.tail import Tail
from domain.runtime import database
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings, settings
from projections import finding
from projections.positions import Positions

# What is read most stands first; and /cases/changes is no case.
ROUTED = (
    lists,
    facets,
    exporting,
    views,
    cases,
    activity,
    attachments,
    uploads,
    feed,
    streaming,
    subscriptions,
    noticing,
    notifications,
    preferences,
    bulk,
    health,
    metrics,
    tokens,
    people,
    problems,
    reference,
    schemas,
    asyncapi,
    signing_in,
    configuration,
    read_models,
    welcome,
    unsubscribing,
)
MOST_SEARCHES: Final = 4  # at once, in a process; the others wait
log = structlog.stdlib.get_logger(__name__)


class Described(FastAPI):
    """An application whose description says how to sign in: `asking` reads the header by hand."""

    def __init__(self, chosen: Settings, **words: Any) -> None:  # noqa: ANN401  FastAPI's own
        super().__init__(**words)
        self.chosen = chosen

    def build_middleware_stack(self) -> ASGIApp:
        return Edge(commands.Commands(super().build_middleware_stack()), self.chosen)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def create_app(given: Settings | None = None, leaving: threading.Event | None = None) -> FastAPI:
    """The application with the settings given, or with those of this process.

    `leaving` is set by whoever is about to end it: answers that go on end then.
    """
    chosen, leaving = given or settings(), leaving or threading.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(chosen, leaving) as app.state.services:
            log.info("api_started", build=chosen.build)
            yield
        log.info("api_stopped")

    # Swagger's and Redoc's pages load their scripts from elsewhere; the description itself is ours.
    app = Described(
        chosen,
        title="Casebook",
        version=chosen.build,
        lifespan=lifespan,
        docs_url=None,
        generate_unique_id_function=operation_id,
        redoc_url=None,
        # The metrics are ours. That nobody traces would be found out anew for each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for module in ROUTED:
        app.include_router(module.router)
    # Behind all others, which are looked through for each read: `Commands` answers before them.
    # Not included as a router: FastAPI looks at each route of it several times.
    app.router.routes.extend(commands.ROUTES)
    errors.install(app)
    return app


@asynccontextmanager
async def opened(chosen: Settings, leaving: threading.Event) -> AsyncIterator[Services]:
    """Everything that a process of the API holds open; leaving it writes what was taken."""
    async with (
        open_store(chosen, "casebook api") as store,
        database.pool(chosen.for_reading, "casebook api reads") as reads,
        database.pool(
            chosen.for_reading, "casebook api searches", most=MOST_SEARCHES, **finding.BOUNDED
        ) as searches,
    ):
        positions = Positions(chosen.database_url, reads, store.pool)
        tail = Tail(positions, store, reads)
        async with positions.listening(), tail.watched():
            yield Services(
                reads=reads,
                reads_url=chosen.for_reading,
                searches=searches,
                store=store,
                tokens=Tokens(store.pool, store.lookup.documents),
                positions=positions,
                tail=tail,
                leaving=leaving,
                rates=Buckets("token", chosen.requests_per_minute),
                failures=Buckets("address", chosen.failures_per_minute),
                metrics_for=chosen.metrics,
                site=chosen.site,
            )
