"""The installed `erpoa` in a subprocess, on a project made of a few texts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def erpoa(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("erpoa")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ERPOA_")}
    return subprocess.run(
        [program, *arguments], cwd=folder, env={**kept, "PYTHONUTF8": "1", **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """An empty project with *files*."""
    made = folder / "project"
    done = erpoa(folder, "init", "--template", "empty", str(made))
    assert done.returncode == 0, done.stderr
    for name, text in files.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    return made
