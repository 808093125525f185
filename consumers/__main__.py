"""`python -m consumers`: whatever follows the log and does something about it, until SIGTERM."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import sleep
from typing import Final, TypeAlias

import psycopg
import structlog

from consumers.mailer import deliver
from consumers.notifier import NOTIFIER
from consumers.runner import Consumer, run
from consumers.timekeeper import keep_time
from consumers.webhook import deliver_webhooks
from domain.runtime import logs
from domain.runtime.processes import end_at_once
from domain.runtime.settings import Settings, settings
from projections.filling import Key

Loop: TypeAlias = Callable[[Settings], None]
# Each is run in a thread of its own, by one process at a time.
CONSUMERS: Final[Sequence[Consumer]] = (NOTIFIER,)
SENDERS: Final = 4  # mails that are on the way at once
# These run in every process, until it ends; each says itself who does what.
LOOPS: Final[Sequence[Loop]] = (keep_time, deliver_webhooks, *(deliver,) * SENDERS)

PAUSE_SECONDS: Final = 1.0
LOOP_FAILED, LOOP_DISCONNECTED = "consumers_loop_failed", "consumers_loop_connection_lost"
log = structlog.get_logger()


def main() -> None:
    """Runs until a signal; whatever is not finished then is done again at the next start."""
    logs.configure(settings().log_format)
    end_at_once()
    key = Key(settings().database_url, settings().master_key_bytes)
    for consumer in CONSUMERS:
        _start(f"consumer {consumer.name}", partial(_consume, key, consumer))
    for loop in LOOPS:
        _start(loop.__name__, loop)
    threading.Event().wait()


def _consume(key: Key, consumer: Consumer, settings: Settings) -> None:
    """From Kafka where there is one; its client is loaded by those who have one."""
    if not settings.kafka:
        run(key, consumer)
        return
    from consumers.kafka_source import from_kafka  # noqa: PLC0415  see above

    run(key, consumer, from_kafka(settings, consumer.name))


def _start(name: str, loop: Loop) -> None:
    """In a thread that ends with the process: everything is transactional, nothing is lost."""
    threading.Thread(target=kept_up, args=(name, loop), name=name, daemon=True).start()


def kept_up(name: str, loop: Loop) -> None:
    """Begins the loop again whenever it ends: a defect costs one round, never all after it."""
    while True:
        try:
            loop(settings())
        except psycopg.OperationalError as error:
            log.warning(LOOP_DISCONNECTED, loop=name, sqlstate=error.sqlstate)
        except Exception:
            log.exception(LOOP_FAILED, loop=name)
        sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
