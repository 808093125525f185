"""A Kafka of the tests' own, which they may kill."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from deploy.local.children import end_with_parent
from deploy.local.kafka import LocalKafka
from tests.certificates import self_signed
from tests.deploy.running import free_port

STARTS_WITHIN: Final = 60


USER, PASSWORD = "casebook", "kafka's own"
MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
# A second way in, as it is in production: by TLS, with a name and a password.
SECURE: Final = """
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config={module} required user_{user}="{password}";
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.certificate.chain={certificate}
listener.name.secure.ssl.keystore.key={key}
"""


class Running:
    """A broker in a folder; what it was given stays over any number of starts."""

    def __init__(self, folder: Path) -> None:
        self._kafka = LocalKafka(folder, (0, 0))
        self._words = self._kafka.prepared()
        self.address = self._kafka.address
        self.certificate, key = self_signed("127.0.0.1", folder)
        self.secure_address = f"127.0.0.1:{free_port()}"
        self._open_another_way(key)
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

    def _open_another_way(self, key: Path) -> None:
        conf = self._kafka.home / "server.properties"
        more = {"certificate": self.certificate, "key": key}
        in_line = {name: file.read_text().replace("\n", "\\n") for name, file in more.items()}
        said = conf.read_text().replace(
            f"://{self.address}", f"://{self.address},SECURE://{self.secure_address}", 1
        )
        conf.write_text(
            said + SECURE.format(module=MODULE, user=USER, password=PASSWORD, **in_line)
        )

    def _listens(self) -> bool:
        host, _, port = self.address.partition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True
