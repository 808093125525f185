"""Events as the log keeps them, without a log: under a master key of the tests' own."""

from collections.abc import Sequence
from typing import Any

from domain.recorded import Recorded
from domain.runtime.codec import Codec
from domain.runtime.frames import Frame
from domain.runtime.keys import Keyring
from domain.runtime.sealing import Stored
from tests import examples as x

CODEC = Codec(Keyring(bytes(range(32))))


def row(frame: Frame, **changed: Any) -> Stored:  # noqa: ANN401  any column
    """The row that the append of a frame makes."""
    kept = Stored(
        9,
        frame.stream,
        frame.version,
        frame.topic,
        frame.state,
        x.FRIDAY,
        frame.keys.get("text"),
        frame.keys.get("personal"),
    )
    return kept._replace(**changed)


def roundtrip(history: Sequence[Recorded]) -> Sequence[Recorded]:
    """What comes back when a history is stored and loaded."""
    return [CODEC.decode(row(CODEC.encode(recorded))) for recorded in history]
