"""`python -m projections`: keeps the read models up to date until SIGTERM."""

import signal

from domain.runtime import logs
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.runtime.settings import settings
from projections.follower import follow


def main() -> None:
    """Follows the log; what a page has not finished is done again at the next start."""
    logs.configure(settings().log_format)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        follow(settings().database_url, Codec(Keyring(settings().master_key_bytes)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
