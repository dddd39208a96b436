"""How plans are signed: by whom, and from which commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from erpoa_cli.core.operator import Operator


def author(operator: Operator) -> str:
    """How *operator* signs plans: ERPOA_AUTHOR (pipelines), else git's e-mail, else the name of the user."""
    return os.environ.get("ERPOA_AUTHOR") or _git(Path.cwd(), "config", "user.email") or operator.name


def commit(directory: Path) -> tuple[str, bool]:
    """(commit, whether files under *directory* differ from it); empty outside git."""
    head = _git(directory, "rev-parse", "HEAD")
    return (head, bool(_git(directory, "status", "--porcelain", "--", "."))) if head else ("", False)


def _git(directory: Path, *arguments: str) -> str:
    """What git answers; empty when it is missing or refuses. Hooks and prompts stay off."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [  # noqa: S607 - the git that the user has
                "git",
                "-C",
                str(directory),
                "-c",
                "core.fsmonitor=false",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
