import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.children import HEALTHY, LONGEST_PAUSE, Backoff
from deploy.local.supervise import supervise
from tests.deploy.running import within

DRAINS = """
import signal, sys, time
def end(*_):
    time.sleep({drain})
    print("{name}", file=open("ended", "a"), flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("{name}", file=open("started", "a"), flush=True)
time.sleep(60)
"""


def script(folder: Path, name: str, drain: float) -> Sequence[str]:
    return (
        sys.executable,
        "-c",
        f"import os; os.chdir({str(folder)!r})\n" + DRAINS.format(name=name, drain=drain),
    )


def lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def supervised_until_started(
    processes: Mapping[str, Sequence[str]], folder: Path, *, grace: float, starts: int
) -> float:
    """Runs them until `starts` starts were seen; how many seconds the end took."""
    stop = threading.Event()
    stopped: list[float] = []

    def watch() -> None:
        within(20, lambda: len(lines(folder / "started")) >= starts)
        stopped.append(time.monotonic())
        stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    supervise(processes, {}, postgres=None, stop=stop, grace=grace)
    watcher.join()
    return time.monotonic() - stopped[0]


def test_the_first_process_drains_before_the_others_end(tmp_path: Path) -> None:
    processes = {name: script(tmp_path, name, 0.5) for name in ("api", "follower", "relay")}
    supervised_until_started(processes, tmp_path, grace=10, starts=3)
    assert lines(tmp_path / "ended")[0] == "api"
    assert sorted(lines(tmp_path / "ended")[1:]) == ["follower", "relay"]


def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    processes = {"api": script(tmp_path, "api", 60)}
    assert supervised_until_started(processes, tmp_path, grace=0.5, starts=1) < 10
    assert lines(tmp_path / "ended") == []


def test_a_process_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    once = (
        sys.executable,
        "-c",
        f"print('x', file=open({str(tmp_path / 'started')!r}, 'a'))",
    )
    supervised_until_started({"api": once}, tmp_path, grace=1, starts=3)
    assert len(lines(tmp_path / "started")) >= 3


def test_each_early_death_doubles_the_pause_up_to_a_bound() -> None:
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE] + [
        LONGEST_PAUSE
    ] * 2
    assert backoff.after(HEALTHY + 1) == 0
    assert backoff.after(1) == 0.5
