import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

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
        ("CASEBOOK_PUBLIC_URL", "casebook.test"),
        ("CASEBOOK_LOG_FORMAT", "xml"),
        ("CASEBOOK_SMTP", "mail.example:secret"),
        ("CASEBOOK_MAIL_FROM", "nobody"),
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


def test_secrets_come_from_a_folder_and_the_environment_goes_first(tmp_path: Path) -> None:
    # As Kubernetes lays them down: links into a folder that is replaced as a whole.
    (tmp_path / "..data").mkdir()
    for name, value in {**RIGHT, "CASEBOOK_PORT": "81"}.items():
        (tmp_path / "..data" / name.lower()).write_text(f"{value}\n")
        (tmp_path / name.lower()).symlink_to(f"..data/{name.lower()}")
    code = "settings().database_url, settings().port, len(settings().master_key_bytes)"
    status, out, error = told(code, CASEBOOK_SECRETS=str(tmp_path), CASEBOOK_PORT="82")
    assert (status, out, error) == (0, f"{RIGHT['CASEBOOK_DATABASE_URL']} 82 32", "")


def test_a_folder_of_secrets_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    status, _, error = told(**RIGHT, CASEBOOK_SECRETS=str(tmp_path / "none"))
    assert (status, error) == (2, "CASEBOOK_SECRETS is not right: there is no such folder.")
