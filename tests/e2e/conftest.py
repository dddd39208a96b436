"""The installed program in a subprocess, and a company to run it on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ERPOA = Path(sys.executable).with_name("erpoa")


@dataclass(frozen=True)
class Done:
    """What a run of the program left: exit code, stdout, stderr."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        content = json.loads(self.out)
        assert isinstance(content, dict)
        return content


Run = Callable[..., Done]


def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """Run `erpoa` without a terminal in a neutral environment."""
    kept = {
        n: v for n, v in os.environ.items() if not n.startswith("ERPOA") and n not in {"COLUMNS", "NO_COLOR"}
    }
    done = subprocess.run(
        [str(ERPOA), *map(str, arguments)],
        cwd=cwd,
        env={**kept, "ERPOA_AUTHOR": "陈杰", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def erpoa() -> Run:
    return run


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first plan was applied, in a directory with spaces and Chinese in its name. Read only."""
    place = tmp_path_factory.mktemp("e2e") / "华信 demo (1)"
    for arguments, expected in ((("init", place), 0), (("-C", place, "apply", "--yes"), 5)):
        done = run(*arguments)
        assert done.exit == expected, done.err
    return place


@pytest.fixture
def company(settled: Path, tmp_path: Path) -> Path:
    """A copy of the settled project to do things to."""
    place = tmp_path / "华信 demo (1)"
    shutil.copytree(settled, place)
    return place
