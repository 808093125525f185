"""One frame for each (name, version) ever written. Never edited, never deleted."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from domain import events as e
from domain.runtime.frames import Frame
from domain.runtime.sealing import Stored
from tests import examples as x

FRAMES = sorted(Path(__file__).parent.glob("*.json"))


def read_frame(file: Path) -> tuple[Stored, dict[str, Any]]:
    """The row as it stands in the log, and the event that it must give."""
    kept = json.loads(file.read_text())
    keys = {slot: b64decode(key) for slot, key in kept["keys"].items()}
    row = Stored(
        position=1,
        stream=x.CASE,
        version=kept["version"],
        topic=kept["topic"],
        state=kept["state"].encode(),
        text=keys.get("text"),
        personal=keys.get("personal"),
    )
    return row, kept["event"]


def write_frame(file: Path, frame: Frame, event: e.Event) -> None:
    """Keeps a frame for ever; a file that is there is left as it is."""
    if file.exists():
        return
    kept = {
        "topic": frame.topic,
        "version": frame.version,
        "state": frame.state.decode(),
        "keys": {slot: b64encode(key).decode() for slot, key in frame.keys.items()},
        "event": event.model_dump(mode="json", exclude_unset=event.partial),
    }
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
