"""The files of the repository as the house tests see them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "erpoa_cli"
LAYERS = ("core", "sdk", "connectors", "state", "engine", "project", "render", "usecase", "cli")


@cache
def committable() -> tuple[Path, ...]:
    """Every file that is or could be committed; what git ignores is nobody's business."""
    listed = subprocess.run(
        # safe.directory: a checkout may belong to another user than the one who tests it.
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


committable()  # now: a test may not start a process


def modules(under: Path) -> Iterator[tuple[str, ast.Module]]:
    """Name relative to the repository and syntax tree of every committable Python file below a directory."""
    for path in committable():
        if path.suffix == ".py" and path.is_relative_to(under):
            yield path.relative_to(ROOT).as_posix(), parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything a module imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
