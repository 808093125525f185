"""Makes the frames of names and versions that have none."""

from pathlib import Path

from domain.runtime.codec import NAME_OF, current_version
from tests.domain.encoded import CODEC
from tests.domain.runtime.every_event import EVERY
from tests.domain.runtime.test_codec import recorded
from tests.domain.stored import write_frame

for event in EVERY:
    name = NAME_OF[type(event)]
    file = Path(__file__).parent / f"{name}.v{current_version(name)}.json"
    write_frame(file, CODEC.encode(recorded(event)), event)
