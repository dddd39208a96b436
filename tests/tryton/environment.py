"""The one Tryton of all tests: an environment with everything that they and the examples require.

It is kept outside the clone, in a folder named by what it was made from, so that other clones and later runs have it too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
OF_EXAMPLES = [
    EXAMPLES / name / "requirements.txt" for name in ("tryton-sqlite", "tryton-database", "tryton-api")
]
OF_TESTS = ("trytond_purchase_request~=8.2.0", "trytond_purchase_requisition~=8.2.0")


class NotInstalled(Exception):
    """Tryton cannot be installed here."""


def cache() -> Path:
    """The folder that `ERPOA_TEST_CACHE` names, or erpoa-tests where caches are."""
    if named := os.environ.get("ERPOA_TEST_CACHE"):
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "erpoa-tests"


def requirements() -> list[str]:
    """What has to be installed: the union of what the examples and the tests of the connector require."""
    found = set(OF_TESTS)
    for file in OF_EXAMPLES:
        found.update(line for line in file.read_text("utf-8").splitlines() if line and line[0] not in "#-")
    return sorted(found)


def digest(*parts: str | bytes | Path) -> str:
    """Twelve hex digits over texts and the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part
        total.update(hashlib.sha256(content.encode() if isinstance(content, str) else content).digest())
    return total.hexdigest()[:12]


def home() -> Path:
    """The folder of the environment and of the databases that were filled with it."""
    return cache() / f"tryton-{digest(sys.version, sys.base_prefix, *requirements())}"


def environment() -> Path:
    return home() / "venv"


def program(name: str) -> Path:
    return environment() / "bin" / name


def installed() -> bool:
    return (environment() / "complete").exists()


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time makes what is missing; the lock goes with the process that holds it."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install() -> None:
    """Make the environment. It knows its own path and cannot be renamed: the file `complete` comes last, and without
    it nothing of it counts."""
    shutil.rmtree(environment(), ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", environment())
    _run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", program("python"), "install",
        "--quiet", *requirements(),
    )  # fmt: skip
    (environment() / "complete").touch()


def _run(*command: str | Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(done.stdout + done.stderr)
