"""The way to Kafka: by TLS, with a name and a password; and what is said where it is closed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.brokers import PASSWORD, USER, Running
from tests.certificates import self_signed
from tests.desks import MASTER_KEY, Desk
from tests.projections.following import head
from tests.projections.published import events_in, published, publishing


def way_in(broker: Running) -> dict[str, str]:
    return {
        "kafka_security": "SASL_SSL",
        "kafka_mechanism": "PLAIN",
        "kafka_ca": str(broker.certificate),
        "kafka_user": USER,
        "kafka_password": PASSWORD,
    }


def test_by_tls_and_with_a_password_everything_is_published_and_read(
    desk: Desk, broker: Running
) -> None:
    settings = publishing(desk.settings.database_url, broker.secure_address, **way_in(broker))
    published(settings)
    assert len(events_in(settings)) == head(settings)


# In a process of its own: the client keeps the sockets by which it was not let in.
ASKING = """
from domain.runtime.settings import settings
from projections.broker import Broker, BrokerAway, why_away
from projections.topics import Topics
try:
    Broker(settings()).prepared(Topics().cases)
except BrokerAway as away:
    print(why_away(away))
"""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("kafka_password", "Kafka refuses the name or the password."),
        ("kafka_ca", "The certificate of Kafka is not believed."),
    ],
)
def test_why_one_does_not_get_in_is_told(
    broker: Running, tmp_path: Path, wrong: str, said: str
) -> None:
    stranger, _ = self_signed("127.0.0.1", tmp_path)
    given = {**way_in(broker), "kafka": broker.secure_address, wrong: str(stranger)}
    env = {f"CASEBOOK_{name.upper()}": value for name, value in given.items()}
    env |= {"CASEBOOK_DATABASE_URL": "postgresql://nowhere/x", "CASEBOOK_MASTER_KEY": MASTER_KEY}
    done = subprocess.run(
        [sys.executable, "-c", ASKING], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == said
