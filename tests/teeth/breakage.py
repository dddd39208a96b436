"""What a breakage is, and where its text is found: by content, anywhere in what is shipped, exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = Path(__file__).parent
SHIPPED = ("erpoa_cli", "plugins/*/erpoa_*")


@dataclass(frozen=True, slots=True)
class Breakage:
    """One line of the program, `old`, that keeps `promise`, and the line `new` in its place that breaks it. Every one
    of `tests` (node ids of pytest; of a test with parameters any case) must fail then. `hangs`: after so many seconds
    without an end the tests count as failed."""

    name: str
    promise: str
    old: str
    new: str
    tests: tuple[str, ...]
    hangs: int | None = None


def breakages(definitions: Path = DEFINITIONS) -> tuple[Breakage, ...]:
    """All that are defined, as `FILE/NAME`, in the order of their files."""
    return tuple(b for file in sorted(definitions.glob("*.yml")) for b in _defined(file))


def _defined(file: Path) -> Iterator[Breakage]:
    for entry in yaml.safe_load(file.read_text(encoding="utf-8")):
        yield Breakage(
            **{**entry, "name": f"{file.stem}/{entry['name']}", "tests": tuple(entry["tests"])},
        )


def shipped(root: Path) -> dict[Path, str]:
    """Every text that is shipped from the tree *root*, with its line ends as they are."""
    files = (p for pattern in SHIPPED for top in root.glob(pattern) for p in sorted(top.rglob("*")))
    return {
        p: p.read_bytes().decode("utf-8", errors="surrogateescape")
        for p in files
        if p.is_file() and "__pycache__" not in p.parts
    }


def occurrences(breakage: Breakage, texts: Mapping[Path, str]) -> list[Path]:
    """The file of every place at which the old text stands."""
    return [path for path, text in texts.items() for _ in range(text.count(breakage.old))]
