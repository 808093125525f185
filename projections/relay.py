"""Leads what is published to Kafka: one at a time, over any failure of either side.

One leads: whoever holds an advisory lock, on the session that writes the checkpoint. The checkpoint
moves only after Kafka has acknowledged all of a flush: a crash in between repeats, and never loses.
After any failure the writer is closed, and a new one begins where Kafka and the checkpoint stand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import sleep
from typing import Final, TypeAlias

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from domain.runtime.database import connect
from domain.runtime.relayed import Checkpoint, PutBack
from projections.broker import Broker, BrokerAway, Writer, why_away
from projections.filling import Key
from projections.follower import LOCK, once_connected, why
from projections.topics import TopicUnfit

IDLE_SECONDS: Final = 5.0
STANDBY_SECONDS: Final = 0.5
LONGEST_PAUSE: Final = 2.0
SHORTEST_PAUSE: Final = 0.1

LEADING, STANDING_BY = "relay_leads", "relay_stands_by"
NOT_PUBLISHED, RELAY_FAILED = "relay_does_not_publish", "relay_failed"
log = structlog.get_logger()


class Hole(Exception):
    """The log has a hole after position {position}: nothing behind it is published."""

    def __init__(self, position: int) -> None:
        super().__init__((self.__doc__ or "").format(position=position))


class TopicEmptied(Exception):
    """{topic} is empty, and the log was published up to {position}: casebook republish."""

    def __init__(self, topic: str, position: int) -> None:
        super().__init__((self.__doc__ or "").format(topic=topic, position=position))


# What a person has to look at, told in its own words; the rest may be over at the next try.
WRONG: Final = (TopicUnfit, TopicEmptied, Hole)

# Publishes what comes after a position, and says up to where; as far as it was: there is nothing.
Flush: TypeAlias = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Relayed:
    """One kind of publishing: its name in `desk.relayed`, its lock, what wakes it, how it begins.

    `begin` is given the session, a new writer and the position that Kafka has acknowledged.
    """

    topics: str
    lock: int
    woken_by: str
    begin: Callable[[Connection[TupleRow], Writer, int], Flush]


def publish(key: Key, broker: Broker, relayed: Relayed) -> None:
    """Leads or stands by until the process is ended, over any number of failures."""
    once_connected(partial(_term, key, broker, relayed))


def _term(key: Key, broker: Broker, relayed: Relayed) -> None:
    name = f"casebook relay {relayed.topics}"
    with (
        connect(key.url, name, autocommit=True) as conn,
        connect(key.url, f"{name} ear", autocommit=True) as ear,
    ):
        checkpoint = Checkpoint(conn, relayed.topics)
        _wait_for_the_lead(conn, relayed)
        ear.execute(SQL("LISTEN {}").format(Identifier(relayed.woken_by)))
        pause = SHORTEST_PAUSE
        while True:
            before = checkpoint.position
            lead(conn, ear, broker, relayed)
            moved = checkpoint.position != before
            pause = SHORTEST_PAUSE if moved else min(pause * 2, LONGEST_PAUSE)
            sleep(pause)


def _wait_for_the_lead(conn: Connection[TupleRow], relayed: Relayed) -> None:
    told = False
    while not (conn.execute(LOCK, {"key": relayed.lock}).fetchone() or (False,))[0]:
        if not told:
            log.info(STANDING_BY, topics=relayed.topics)
            told = True
        sleep(STANDBY_SECONDS)
    log.info(LEADING, topics=relayed.topics)


def lead(
    conn: Connection[TupleRow], ear: Connection[TupleRow], broker: Broker, relayed: Relayed
) -> None:
    """Publishes until something fails, and keeps what it was where people look."""
    checkpoint = Checkpoint(conn, relayed.topics)
    failure = _until_it_fails(conn, ear, broker, relayed, checkpoint)
    log.warning(NOT_PUBLISHED, topics=relayed.topics, failure=failure)
    checkpoint.fail(failure)


def _until_it_fails(
    conn: Connection[TupleRow],
    ear: Connection[TupleRow],
    broker: Broker,
    relayed: Relayed,
    checkpoint: Checkpoint,
) -> str:
    try:
        with broker.writer() as writer:
            position = checkpoint.position
            flush = relayed.begin(conn, writer, position)
            checkpoint.well()
            while True:
                moved = flush(position)
                if moved == position:
                    for _ in ear.notifies(timeout=IDLE_SECONDS, stop_after=1):
                        pass
                    if checkpoint.position != position:
                        raise PutBack  # noqa: TRY301  as where it moves
                    continue
                # On the session that has the lock: where the lock is gone, so is the session.
                checkpoint.move(position, moved)
                position = moved
    except psycopg.OperationalError:
        raise
    except PutBack:
        return "It was put back, and begins again."
    except BrokerAway as error:
        return why_away(error)
    except WRONG as error:
        return str(error)
    except Exception as error:
        log.exception(RELAY_FAILED, topics=relayed.topics)  # it costs this term, and no other
        return why(error)
