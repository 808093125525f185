"""Fills the tables of a generation, stream by stream, in any number of processes."""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.database import connect
from domain.runtime.history import streams
from domain.runtime.keys import Keyring
from projections.follower import INTO, READ_MODELS, RELAXED, passes, why
from projections.page import Folded, Histories

LESS_URGENT: Final = 10
AT_ONCE: Final = 2_000  # events that a process reads at a time


class BuildFailed(Exception):
    """The read model '{model}' cannot be made from the log, and stays as it is: {why}."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(model, why)  # as they are: it comes out of other processes

    def __str__(self) -> str:
        model, why = self.args
        return (self.__doc__ or "").format(model=model, why=why)


@dataclass(frozen=True, slots=True)
class Key:
    """What a process needs in order to read and write: it goes to others."""

    url: str
    master: bytes

    @property
    def codec(self) -> Codec:
        """What decrypts the log."""
        return Codec(Keyring(self.master))


# Of a process that only fills, so that it looks a name up once and not for each part.
_REMEMBERED: Final[dict[Key, Folded]] = {}


def at_leisure(key: Key) -> None:
    """For a process that only fills: whoever answers people goes first."""
    gc.disable()
    os.nice(LESS_URGENT)
    _REMEMBERED[key] = Folded(key.codec)


def fill_part(key: Key, models: Sequence[str], part: tuple[int, int], up_to: int) -> int:
    """Writes what happened in one part of the streams, of so many; how many events that was."""
    done = 0
    with connect(key.url, "casebook rebuild", autocommit=True) as conn:
        conn.execute(RELAXED)
        conn.execute(INTO, {"schema": "next"})
        folded = _REMEMBERED.get(key) or Folded(key.codec)
        for recorded in _streams(conn, key.codec, part, up_to):
            page = Histories(recorded, folded, conn, up_to)
            with conn.transaction():
                for name in models:
                    with _blamed(name):
                        READ_MODELS[name](conn, page)
            done += len(recorded)
    return done


@contextmanager
def _blamed(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if passes(error):
            raise
        raise BuildFailed(what, why(error)) from None


def _streams(
    conn: Connection[TupleRow], codec: Codec, part: tuple[int, int], up_to: int
) -> Iterator[list[Recorded]]:
    """The events of one part of the streams, whole streams at a time."""
    which, many = part
    begins, ends = UUID(int=2**128 * which // many), UUID(int=2**128 * (which + 1) // many - 1)
    place, kept = (begins, 0), list[Recorded]()
    while True:
        rows = streams(conn, place, ends, up_to=up_to, most=AT_ONCE)
        with _blamed("all"):
            read = codec.decode_all(rows)
        if len(read) < AT_ONCE:
            if kept or read:
                yield kept + read
            return
        kept += read
        place = (read[-1].stream, read[-1].version)
        whole = len(kept)
        while whole and kept[whole - 1].stream == place[0]:
            whole -= 1
        if whole:
            yield kept[:whole]
            kept = kept[whole:]
