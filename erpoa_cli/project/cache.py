"""What was found out about a file's content, kept under .erpoa/cache so that it need not be found out again.

Only clean results are kept, by the SHA-256 of the content and of this package: whatever changes, the entry is
simply not found. Nothing here is needed; a cache that cannot be read or written is as good as none.
`memory` keeps the answer of a whole check beside it.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@once
def _edition() -> str:
    """Differs between any two versions of the code that decides."""
    stamps = [
        f"{p.name} {s.st_size} {s.st_mtime_ns}"
        for p in sorted(_HERE.rglob("*"))
        if p.suffix in {".py", ".json"} and (s := p.stat())
    ]
    return sha256("\n".join(stamps).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Cache:
    """Entries (JSON values) by key; those not asked for in this run are dropped on saving."""

    path: Path
    entries: dict[str, Any] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)
    _changed: bool = False

    @staticmethod
    def of(root: Path, name: str = "project.json") -> Cache:
        """The cache *name* of the project at *root*."""
        made = Cache(cache_file(root, name))
        match read_json(made.path):
            case {"edition": edition, "entries": dict() as entries} if edition == _edition():
                made.entries = entries
            case _:
                pass
        return made

    def get(self, key: str) -> Any:
        """The entry of *key*, or None."""
        found = self.entries.get(key)
        if found is not None:
            self._kept[key] = found
        return found

    def put(self, key: str, entry: Any) -> None:
        """Keep *entry* for *key*."""
        self._kept[key] = entry
        self._changed = True

    def save(self) -> None:
        """Write the cache if it changed."""
        if self._changed or len(self._kept) != len(self.entries):
            write_json(self.path, {"edition": _edition(), "entries": self._kept})


def cache_file(root: Path, name: str) -> Path:
    """The file *name* among the caches of the project at *root*."""
    return root / ".erpoa" / "cache" / name


def read_json(path: Path) -> Any:
    """What the cache *path* holds; None when it cannot be read, or is not what was written."""
    try:
        told, _, text = path.read_bytes().partition(b"\n")
        return json.loads(text) if told.decode() == sha256(text).hexdigest() else None
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Replace the cache *path*, readable by its owner only. Where there is no .erpoa, none is made."""
    if not path.parent.parent.is_dir():
        return
    text = json.dumps(content, separators=(",", ":"))
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{sha256(text.encode()).hexdigest()}\n{text}")
        Path(name).replace(path)
    except OSError:
        return
