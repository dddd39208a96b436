"""The whole way from a project directory to a `Project`, with all findings at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.project import Project

Getenv = Callable[[str], str | None]


def load(
    root: Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    getenv: Getenv = os.environ.get,
) -> Project:
    """The project under *root* for *environment* (None: the first declared).

    Raises `Failure` (exit INVALID) with every finding, warnings included, when one of them is an error.
    """
    project, findings = load_findings(root, environment, variables, getenv=getenv)
    if project is None:
        raise Failure(*findings, exit=Exit.INVALID)
    return project


def load_findings(
    root: Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    getenv: Getenv = os.environ.get,
) -> tuple[Project | None, list[Diagnostic]]:
    """The project and everything found on the way, in the order of files and lines.

    The project is None when a finding is an error.
    """
    raise NotImplementedError
