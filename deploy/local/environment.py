"""What this machine gives to a command whose environment names no database and no key.

Under ./var, which git ignores: the embedded server, and the development's master key.
"""

import os
import secrets
from base64 import b64encode
from pathlib import Path

from deploy.local.postgres import OWNER, SERVICE, EmbeddedPostgres, default_home

MASTER_KEY_FILE = Path("var/master.key")


def databases(postgres: EmbeddedPostgres) -> dict[str, str]:
    """The settings that lead to the embedded server, while it runs."""
    return {
        "CASEBOOK_DATABASE_URL": postgres.url(SERVICE, SERVICE),
        "CASEBOOK_OWNER_URL": postgres.url(SERVICE, OWNER),
    }


def running_here() -> dict[str, str]:
    """What `casebook up` gave to its processes, for another command in the same folder.

    Empty when no embedded server runs here.
    """
    postgres = EmbeddedPostgres(default_home())
    if not postgres.answers():
        return {}
    return {**databases(postgres), "CASEBOOK_MASTER_KEY": master_key()[0]}


def master_key(file: Path = MASTER_KEY_FILE) -> tuple[str, bool]:
    """The key kept in `file`, in base64, and whether it was made just now.

    Losing it loses every text in the log, so an existing file is never written again.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        there = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip(), False
    with open(there, "w") as out:  # noqa: PTH123 - a descriptor, made with its mode
        out.write(b64encode(secrets.token_bytes(32)).decode() + "\n")
    return file.read_text().strip(), True
