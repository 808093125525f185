"""Runs the benchmarks named on the command line or by ONLY; all of them without a name."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import (
    append,
    export,
    feed,
    following,
    http,
    kafka,
    reads,
    rebuild,
    replay,
    search,
    seed,
    webhooks,
)
from tests.bench.measuring import Figure

BENCHMARKS: dict[str, Callable[[], Sequence[Figure]]] = {
    "append": append.measure,
    "http": http.measure,
    "replay": replay.measure,
    "reads": reads.measure,
    "following": following.measure,
    "seed": seed.measure,
    "rebuild": rebuild.measure,
    "export": export.measure,
    "search": search.measure,
    "webhooks": webhooks.measure,
    "feed": feed.measure,
    "kafka": kafka.measure,
}
RESULTS = Path(".bench/results.json")


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    figures: list[Figure] = []
    for name in names or BENCHMARKS:
        print(f"{name}: {(BENCHMARKS[name].__doc__ or '').splitlines()[0]}")
        found = BENCHMARKS[name]()
        print(*found, sep="\n")
        figures += found
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([figure.as_result() for figure in figures], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or os.environ.get("ONLY", "").split()))
