"""What is measured, as Prometheus reads it; with several workers, whichever of them answers."""

import os
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.deps import Given, Services
from domain.runtime.behind import behind

router = APIRouter(tags=["health"])

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # where workers put what they count, for all of them
BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
SERVER_ERROR: Final = 500
REFUSED: Final = 400

REQUESTS: Final = Counter(
    "casebook_http_requests", "Requests that were answered.", ["method", "route", "status"]
)
SECONDS: Final = Histogram(
    "casebook_http_request_seconds", "How long an answer took.", ["route"], buckets=BUCKETS
)
COMMANDS: Final = Counter(
    "casebook_commands", "Commands: done, refused or failed.", ["command", "outcome"]
)


def answered(scope: Scope, route: str, status: int, seconds: float) -> None:
    """Counts a request; `status` 0: nobody waited for its answer."""
    found = getattr(scope.get("route"), "path", None) or route
    method = scope["method"] if scope["method"] in _METHODS else "other"
    requests, took = _of_route(method, found, status)
    requests.inc()
    took.observe(seconds)


@lru_cache(maxsize=5_000)
def _of_route(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What is counted for these labels: to look them up takes longer than to count."""
    return REQUESTS.labels(method, route, status or "none"), SECONDS.labels(route)


_of_command = lru_cache(COMMANDS.labels)


def commanded(command: str, status: int) -> None:
    """Counts a command."""
    outcome = "failed" if status >= SERVER_ERROR else "refused" if status >= REFUSED else "done"
    _of_command(command, outcome).inc()


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, given: Given) -> Response:
    """The figures of all workers, and how far each read model is."""
    if given.metrics_for == "loopback" and not _is_loopback(request):
        raise HTTPException(404)
    if os.environ.get(FOLDER):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library's own
    else:
        counted = REGISTRY
    told = (counted, await _read_models(given), await _others(given))
    return Response(b"".join(map(generate_latest, told)), 200, None, CONTENT_TYPE_LATEST)


async def _read_models(given: Services) -> CollectorRegistry:
    registry = CollectorRegistry()
    head = Gauge("casebook_log_head", "The position of the last event.", registry=registry)
    position = Gauge(
        "casebook_read_model_position", "Up to where a read model is.", ["model"], registry=registry
    )
    lag = Gauge(
        "casebook_read_model_lag_events", "Events that it lacks.", ["model"], registry=registry
    )
    stopped = Gauge(
        "casebook_read_model_stopped", "1: it failed and stands.", ["model"], registry=registry
    )
    last = await given.store.head()
    head.set(last)
    for name, (at, failure) in (await given.positions.all()).items():
        position.labels(name).set(at)
        lag.labels(name).set(max(0, last - at))
        stopped.labels(name).set(1 if failure else 0)
    return registry


async def _others(given: Services) -> CollectorRegistry:
    """Of consumers and of Kafka; nothing where there are none."""
    registry, others = CollectorRegistry(), await behind(given.store.pool)
    if others.consumers:
        lag = Gauge("casebook_consumer_lag_events", "It lacks.", ["consumer"], registry=registry)
        gaps = Gauge("casebook_consumer_gaps", "Met so far.", ["consumer"], registry=registry)
        parked = Gauge("casebook_consumer_parked", "Cases.", ["consumer"], registry=registry)
        for one in others.consumers:
            lag.labels(one.name).set(max(0, others.head - one.position))
            gaps.labels(one.name).set(one.gaps)
            parked.labels(one.name).set(one.parked)
    if others.published:
        lacks = Gauge("casebook_kafka_lag_events", "It lacks.", ["topics"], registry=registry)
        stands = Gauge("casebook_kafka_stopped", "1: it stands.", ["topics"], registry=registry)
        for each in others.published:
            lacks.labels(each.topics).set(max(0, others.head - each.position))
            stands.labels(each.topics).set(1 if each.failure else 0)
    return registry


_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:  # a socket of this machine, or a test's
        return True
