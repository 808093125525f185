"""A Kafka of the tests' own, which they may kill."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from deploy.local.children import end_with_parent
from deploy.local.kafka import LocalKafka

STARTS_WITHIN: Final = 60


class Running:
    """A broker in a folder; what it was given stays over any number of starts."""

    def __init__(self, folder: Path) -> None:
        self._kafka = LocalKafka(folder, (0, 0))
        self._words = self._kafka.prepared()
        self.address = self._kafka.address
        self.spawn()
        self.wait()

    def spawn(self) -> None:
        """By the main thread alone: with the thread that started it the process would end."""
        self.process = subprocess.Popen(self._words, preexec_fn=end_with_parent(9))  # noqa: PLW1509  as deploy.local starts it

    def wait(self) -> None:
        """Returns when it listens."""
        end = time.monotonic() + STARTS_WITHIN
        while not self._listens():
            assert self.process.poll() is None, (self._kafka.home / "log").read_text()[-3000:]
            assert time.monotonic() < end
            time.sleep(0.05)

    def kill(self) -> None:
        killed = self.process
        killed.kill()
        killed.wait()

    def _listens(self) -> bool:
        host, _, port = self.address.partition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True
