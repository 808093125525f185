"""`python -m projections`: keeps the read models up to date until SIGTERM."""

import threading
from functools import partial

from domain.runtime import logs
from domain.runtime.processes import end_at_once
from domain.runtime.settings import settings
from projections.filling import Key
from projections.follower import follow, once_connected
from projections.operations import perform
from projections.rebuild import reshape
from projections.sweeper import sweep


def main() -> None:
    """Follows the log; what a page has not finished is done again at the next start.

    A read model whose shape a migration changed is made anew before; until then the release before
    goes on with it, where there is one.
    """
    logs.configure(settings().log_format)
    end_at_once()
    key = Key(settings().database_url, settings().master_key_bytes)
    once_connected(partial(reshape, key))
    # They go on beside the follower, and end with this process.
    threading.Thread(target=perform, args=(key,), daemon=True).start()
    threading.Thread(target=sweep, args=(key, settings().files), daemon=True).start()
    if settings().kafka:
        _publish(key)
    follow(key.url, key.codec)


def _publish(key: Key) -> None:
    """The client of Kafka is loaded by those who have one."""
    from projections.snapshots import snapshots  # noqa: PLC0415  see above
    from projections.streaming import stream  # noqa: PLC0415  see above

    for each in (stream, snapshots):
        threading.Thread(target=each, args=(key, settings()), daemon=True).start()


if __name__ == "__main__":
    main()
