"""The Kafka that `make up KAFKA=1` runs: one node, broker and controller, from Maven's jars.

It listens on this machine alone, keeps its data under ./var, and is one more process of the
supervisor's: started again when it dies, ended with it. Needs Java 17 or newer, and once Maven.
"""

import base64
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

KAFKA, LOG4J = "4.3.1", "2.25.4"
OLDEST_JAVA = 17
USUAL_PORTS = (9092, 9093)
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# Without the second the broker logs nothing: it speaks SLF4J 1, and the other binding is for 2.
POM = f"""<project><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version>
</dependency><dependency>
<groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
<version>{LOG4J}</version>
</dependency></dependencies></project>"""
# The session timeout: after kill -9 the broker is fenced until its old session has ended.
SERVER = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={home}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=134217728
"""
LOGGING = """status = error
shutdownHook = disable
appender.out.type = File
appender.out.name = OUT
appender.out.fileName = {home}/log
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
"""


class KafkaUnavailable(Exception):
    """The local Kafka cannot be had here; the message says what is missing."""


def default_home() -> Path:
    """./var/kafka, which git ignores."""
    return Path("var/kafka").absolute()


class LocalKafka:
    def __init__(self, home: Path, ports: tuple[int, int] = USUAL_PORTS) -> None:
        """`ports` are its own and its controller's where they are free; 0: any that is."""
        self.home, self.usual = home.absolute(), ports

    @property
    def address(self) -> str:
        """Where it listens, once it was prepared: the same at every start."""
        return f"127.0.0.1:{self._ports()[0]}"

    def prepared(self) -> list[str]:
        """The words that start it; fetches the jars and makes its data folder the first time.

        Raises:
            KafkaUnavailable: Java, Maven, the jars or its ports cannot be had.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        port, controller = self._ports()
        conf = self.home / "server.properties"
        conf.write_text(SERVER.format(port=port, controller=controller, home=self.home))
        (self.home / "log4j2.properties").write_text(LOGGING.format(home=self.home))
        if not (self.home / "data/meta.properties").exists():
            self._format(conf)
        return self._java("kafka.Kafka", str(conf))

    def _ports(self) -> tuple[int, int]:
        """Its own and its controller's, chosen once: the second stands in its data, too."""
        kept = self.home / "ports"
        if not kept.exists():
            kept.write_text(" ".join(map(str, _free_ports(self.usual))))
        port, controller = map(int, kept.read_text().split())
        return port, controller

    def _format(self, conf: Path) -> None:
        cluster = "K" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]
        tool = ("kafka.tools.StorageTool", "format", "--standalone", "--config", str(conf))
        done = subprocess.run(
            self._java(*tool, "--cluster-id", cluster), capture_output=True, text=True, check=False
        )
        if done.returncode:
            _fail(f"Kafka could not make {self.home}/data:\n{done.stdout}{done.stderr}")

    def _java(self, *words: str) -> list[str]:
        return [
            *(java(), "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Dlog4j2.disable.jmx=true"),
            f"-Dlog4j2.configurationFile=file:{self.home}/log4j2.properties",
            *("-cp", f"{jars()}/*", *words),
        ]


def java() -> str:
    """The path of a Java that is new enough.

    Raises:
        KafkaUnavailable: there is none.
    """
    for path in _javas():
        told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
        version = told.stderr.partition('"')[2].partition(".")[0]
        if version.isdecimal() and int(version) >= OLDEST_JAVA:
            return path
    raise KafkaUnavailable(
        f"Kafka needs Java {OLDEST_JAVA} or newer: install default-jre-headless."
    )


def _javas() -> Iterator[str]:
    homes = [Path(os.environ.get("JAVA_HOME", "/nowhere")), *Path("/usr/lib/jvm").glob("*")]
    paths = [shutil.which("java") or "", *(str(home / "bin/java") for home in homes)]
    yield from (path for path in paths if os.access(path, os.X_OK))


def jars() -> Path:
    """The folder of the broker's jars: fetched once for all folders of this user, by one process.

    Raises:
        KafkaUnavailable: they are not there, and cannot be fetched.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    there = folder / f"casebook/kafka-{KAFKA}"
    there.parent.mkdir(parents=True, exist_ok=True)
    with there.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not there.is_dir():  # it appears complete, by its name
            _fetch(there)
    return there


def _fetch(there: Path) -> None:
    if (maven := shutil.which("mvn")) is None:
        _fail("Kafka's programs are fetched by Maven, once: install maven.")
    print(f"Fetching Kafka {KAFKA} into {there}, once", flush=True)
    with tempfile.TemporaryDirectory(dir=there.parent) as folder:
        Path(folder, "pom.xml").write_text(POM)
        words = ("-B", "-q", "-f", f"{folder}/pom.xml", COPY, "-DincludeScope=runtime")
        done = subprocess.run(
            [maven, *words, f"-DoutputDirectory={folder}/jars"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not list(Path(folder, "jars").glob("kafka_2.13-*.jar")):
            _fail(f"Maven could not fetch Kafka:\n{(done.stdout + done.stderr)[-1500:]}")
        Path(folder, "jars").rename(there)


def _free_ports(usual: tuple[int, int]) -> tuple[int, ...]:
    for asked in (usual, (0, 0)):
        probes = [socket.socket() for _ in asked]
        try:
            for probe, port in zip(probes, asked, strict=True):
                probe.bind(("127.0.0.1", port))
            return tuple(probe.getsockname()[1] for probe in probes)
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise KafkaUnavailable("There is no free port for Kafka.")


def _fail(why: str) -> NoReturn:
    raise KafkaUnavailable(why)
