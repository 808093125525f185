"""`python -m tests.consumers.sinking`: the sink as a process of its own, which may be killed."""

from consumers.kafka_source import from_kafka
from consumers.runner import run
from domain.runtime import logs
from domain.runtime.settings import settings
from projections.filling import Key
from tests.consumers.sinks import SINK

if __name__ == "__main__":
    logs.configure(settings().log_format)
    key = Key(settings().database_url, settings().master_key_bytes)
    run(key, SINK, from_kafka(settings(), SINK.name))
