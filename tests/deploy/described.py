"""What the files of a deployment say, and what this release has that they could mean."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from api.app import create_app
from api.cli import app as casebook
from domain.runtime.settings import PREFIX, SECRETS, Settings
from tests.desks import settings_for

ROOT = Path(__file__).parent.parent.parent
K8S = ROOT / "deploy/k8s"
OPERATIONS = ROOT / "docs/operations.md"
PROGRAMS = Path(sys.executable).parent


def program(*words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs a program of the virtual environment."""
    name, *rest = words
    return subprocess.run(
        [PROGRAMS / name, *rest], cwd=cwd, capture_output=True, text=True, check=False
    )


def settings() -> set[str]:
    """Every variable that a process of this release understands."""
    return {PREFIX + name.upper() for name in Settings.model_fields} | {SECRETS}


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bCASEBOOK_[A-Z_]*[A-Z]\b", text))


def commands() -> set[str]:
    """Every command of casebook, such as `erase case`."""
    return set(_commands(typer.main.get_command(casebook), ""))


def _commands(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401  click's, vendored by typer
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path.strip()
    for name, each in (inner or {}).items():
        yield from _commands(each, f"{path} {name}")


def paths() -> set[str]:
    """Every path that the API answers at."""
    return set(create_app(settings_for("postgresql://casebook@nowhere/x")).openapi()["paths"])


def runs(words: list[str]) -> bool:
    """Whether this release has what a container is told to run."""
    match words:
        case ["python", "-P", "-m", module]:
            return (ROOT / module / "__main__.py").exists()
        case ["casebook", *rest]:
            return " ".join(word for word in rest if not word.startswith("-")) in commands()
    return False


def built(folder: str) -> list[dict[str, Any]]:
    """The manifests of a kustomization, as they would be applied."""
    made = program("kubectl", "kustomize", K8S / folder)
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def of_kind(manifests: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in manifests if one["kind"] in kinds]
