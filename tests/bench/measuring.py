"""What benchmarks share: a figure, a server that loses nothing, and rounds that alternate."""

import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.local.postgres import OWNER, SERVICE, EmbeddedPostgres
from domain.runtime.database import migrate
from domain.runtime.settings import Settings
from tests.desks import MASTER_KEY


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str
    target: float | None = None
    """The least that is asked for; None: for information."""

    @property
    def holds(self) -> bool | None:
        return None if self.target is None else self.value >= self.target

    def as_result(self) -> dict[str, Any]:
        return {**asdict(self), "value": round(self.value, 3), "holds": self.holds}

    def __str__(self) -> str:
        verdict = {None: "", True: "holds", False: "MISSED"}[self.holds]
        target = "" if self.target is None else f"target {self.target:g}"
        return f"{self.name:58} {self.value:12,.2f} {self.unit:10} {target:12} {verdict}".rstrip()


@contextmanager
def durable_postgres() -> Iterator[EmbeddedPostgres]:
    """A migrated server of its own, on a disk, that waits for the disk at each commit."""
    home = Path("/var/tmp") / f"casebook-bench-{os.getpid()}"  # noqa: S108 - /tmp may be in memory
    server = EmbeddedPostgres(
        home,
        fsync="on",
        synchronous_commit="on",
        max_connections="200",
        max_wal_size="4GB",
        shared_buffers="2GB",  # its manual: a quarter of the memory; as shipped it has 128 MB
    )
    try:
        server.start()
        server.prepare()
        migrate(server.url())
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def settings_of(server: EmbeddedPostgres) -> Settings:
    """The settings of one who may also seed this server."""
    urls = {"database_url": server.url(SERVICE, SERVICE), "owner_url": server.url(SERVICE, OWNER)}
    return Settings.model_validate({**urls, "master_key": MASTER_KEY})


def sized() -> int:
    """How many cases a bench that grows with the desk has: BENCH_CASES."""
    return int(os.environ.get("BENCH_CASES", "100000"))


def medians(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Each contestant's median over `rounds`."""
    return {
        name: statistics.median(found) for name, found in alternate(contestants, rounds).items()
    }


def alternate(
    contestants: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Each contestant's scores; in every round each has a turn, so that all meet the same machine.

    The first round warms up and does not count.
    """
    scores: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            score = run()
            if turn:
                scores[name].append(score)
                print(f"  round {turn}: {name:40} {score:12,.0f}")
    return scores


def ratio(scores: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of each round: a machine that slows down slows both."""
    return statistics.median(one / other for one, other in zip(scores, others, strict=True))
