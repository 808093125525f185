import os
import subprocess
import sys
from base64 import b64encode

import pytest

KEY = b64encode(bytes(32)).decode()
RIGHT = {"CASEBOOK_DATABASE_URL": "postgresql://db.example/casebook", "CASEBOOK_MASTER_KEY": KEY}


def told(code: str = "settings()", **given: str) -> tuple[int, str, str]:
    """Exit status, output and error output of a process with these settings and no others."""
    ours = {name: v for name, v in os.environ.items() if not name.startswith("CASEBOOK_")}
    done = subprocess.run(
        [sys.executable, "-c", f"from domain.runtime.settings import settings; print({code})"],
        env={**ours, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_settings_come_from_the_environment() -> None:
    said = told("settings().port, settings().workers", **RIGHT, CASEBOOK_PORT="81")
    assert said == (0, "81 1", "")


def test_one_database_is_enough() -> None:
    code, out, _ = told("{settings().as_owner, settings().for_reading}", **RIGHT)
    assert (code, out) == (0, "{'postgresql://db.example/casebook'}")


@pytest.mark.parametrize("name", RIGHT)
def test_a_missing_setting_is_one_sentence_and_status_2(name: str) -> None:
    code, out, error = told(**{other: value for other, value in RIGHT.items() if other != name})
    assert (code, out) == (2, "")
    assert error.startswith(f"{name} is not set: ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CASEBOOK_PORT", "eighty"),
        ("CASEBOOK_PORT", "0"),
        ("CASEBOOK_LOG_FORMAT", "xml"),
        ("CASEBOOK_DATABASE_URL", "nonsense"),
        ("CASEBOOK_READ_URL", "postgresql://a:secret@[/x"),
        ("CASEBOOK_MASTER_KEY", "not base64"),
        ("CASEBOOK_MASTER_KEY", b64encode(b"seventeen bytes !").decode()),
    ],
)
def test_a_wrong_setting_is_one_sentence_without_its_value(name: str, value: str) -> None:
    code, out, error = told(**{**RIGHT, name: value})
    assert (code, out) == (2, "")
    assert error.startswith(f"{name} is not right: ")
    assert len(error.splitlines()) == 1
    assert value not in error.split(":", 1)[1] or len(value) == 1


def test_the_master_key_is_not_shown() -> None:
    _, out, _ = told(**RIGHT)
    assert KEY not in out
    assert "master_key=SecretStr('**********')" in out
