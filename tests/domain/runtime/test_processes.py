import signal
import subprocess
import sys

import pytest

# What an orderly end would wait for: a thread of a library's.
BUSY = """
import threading
from domain.runtime.processes import end_at_once
end_at_once()
threading.Thread(target=threading.Event().wait).start()
print("here", flush=True)
while True:
    try:
        threading.Event().wait()
    except BaseException:
        pass
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_whatever_it_does_just_then(signum: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signum)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
