"""The topics of Kafka to which a log is published, and how each must be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WEEK_MS: Final = 7 * 24 * 60 * 60 * 1000
LARGEST_BATCH: Final = 1_048_588  # bytes: what the relay sends to a partition at once


class TopicUnfit(Exception):
    """The topic {topic} is not as it must be: {why}."""

    def __init__(self, topic: str, why: str) -> None:
        super().__init__((self.__doc__ or "").format(topic=topic, why=why))


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its name; `compacted` keeps the last record of each key, others a week."""

    name: str
    compacted: bool = False

    def settings(self, replicas: int) -> dict[str, str]:
        """What it is made with."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "max.message.bytes": str(LARGEST_BATCH),
            "message.timestamp.type": "CreateTime",
            # Kafka does not wait for its disks: a second broker has a record before it counts.
            "min.insync.replicas": str(min(2, replicas)),
            "retention.ms": "-1" if self.compacted else str(WEEK_MS),
            "unclean.leader.election.enable": "false",
        }

    def check(self, has: Mapping[str, str], replicas: Sequence[int], wanted: int) -> None:
        """Holds a topic that is there to what is needed; `replicas` is of each partition.

        Raises:
            TopicUnfit: something would be lost, or could not be written.
        """
        needs = self.settings(wanted)
        for name in ("cleanup.policy", "message.timestamp.type"):
            if has[name] != needs[name]:
                raise TopicUnfit(self.name, f"{name} is {has[name]} and must be {needs[name]}")
        for name in ("max.message.bytes", "min.insync.replicas"):
            if int(has[name]) < int(needs[name]):
                raise TopicUnfit(
                    self.name, f"{name} is {has[name]} and must be {needs[name]} or more"
                )
        if has["unclean.leader.election.enable"] != "false":
            raise TopicUnfit(self.name, "unclean.leader.election.enable loses what was accepted")
        if min(replicas) < wanted:
            raise TopicUnfit(
                self.name, f"it has {min(replicas)} replicas and must have {wanted} or more"
            )


@dataclass(frozen=True, slots=True)
class Topics:
    """All of a log; `prefix` tells it from others on the same Kafka."""

    prefix: str = ""

    @property
    def cases(self) -> Topic:
        """What happened in cases, keyed by case."""
        return Topic(f"{self.prefix}cases.events.v1")

    @property
    def configuration(self) -> Topic:
        """What happened elsewhere: accounts, people, the catalogue; keyed by stream."""
        return Topic(f"{self.prefix}configuration.events.v1")

    @property
    def state(self) -> Topic:
        """Each case as it is now, keyed by case; nothing once it was erased."""
        return Topic(f"{self.prefix}cases.state.v1", compacted=True)
