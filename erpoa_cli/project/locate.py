"""Where a project is and which files belong to it; nothing outside its root."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.project.notes import Notes

PROJECT_FILE = "erpoa.yml"
MAX_BYTES = 1_000_000
MAX_SEED_BYTES = 64_000_000
MAX_FILES = 20_000
# folder → kinds of files read there; the kind of a .yml is its schema
FOLDERS: dict[str, tuple[str, ...]] = {
    "systems": (".yml",),
    "contracts": (".yml",),
    "sources": (".yml",),
    "seeds": (".yml", ".csv"),
    "transforms": (".yml", ".sql"),
    "targets": (".yml",),
    "policies": (".yml",),
    "tests": (".yml", ".sql"),
}


def belongs(name: str) -> bool:
    """Whether a file *name*, relative to the root, would be read as one of the project."""
    folder, *rest = name.split("/")
    if not rest:
        return name == PROJECT_FILE
    return Path(name).suffix in FOLDERS.get(folder, ()) and not any(part.startswith(".") for part in rest)


def find_root(start: Path) -> Path:
    """The directory at or above *start* that holds erpoa.yml, as an absolute path.

    Raises `Failure` E0101 (INVALID) when there is none.
    """
    here = start.resolve()
    for directory in (here, *here.parents):
        if (directory / PROJECT_FILE).is_file():
            return directory
    raise Failure(
        Diagnostic(
            "E0101",
            f"there is no {PROJECT_FILE} here or above",
            detail=f"looked in {here} and its parents",
            remedy="Go to the project's directory, name it with -C, or make one with `erpoa init`.",
        ),
    )


@dataclass(slots=True)
class Found:
    """The files of a project, as paths relative to the root (absolute, resolved) with forward slashes, in order;
    `findings` tell what cannot be read."""

    root: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def under(self, folder: str, suffix: str) -> list[str]:
        """The files of *folder* with *suffix*, in order."""
        return [name for name in self.contents if name.startswith(f"{folder}/") and name.endswith(suffix)]

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file, by name."""
        return {name: sha256(content).hexdigest() for name, content in self.contents.items()}


def find_files(root: Path) -> Found:
    """Read every file of the project at *root*."""
    notes = Notes()
    root = root.resolve()
    found = Found(root, findings=notes.items)
    names = [PROJECT_FILE]
    for folder, suffixes in FOLDERS.items():
        names += sorted(_listed(root, folder, suffixes, notes))
    for name in names[:MAX_FILES]:
        content = _content(root, name, notes)
        if content is not None:
            found.contents[name] = content
    if len(names) > MAX_FILES:
        notes.error(
            "E0107", Location(names[MAX_FILES]), f"more than {MAX_FILES:,} files", "Split the project."
        )
    return found


def _listed(root: Path, folder: str, suffixes: tuple[str, ...], notes: Notes) -> list[str]:
    names: list[str] = []
    if not inside(root, root / folder):
        _outside(folder, notes)
        return names
    for directory, folders, files in os.walk(root / folder):  # does not follow symbolic links
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = Path(directory).relative_to(root).as_posix()
        for linked in [f for f in folders if (Path(directory) / f).is_symlink()]:
            notes.error(
                "E0103",
                Location(f"{here}/{linked}"),
                "a folder that is a symbolic link",
                "Put the files themselves here: what belongs to the project lies in the project.",
            )
        for file in sorted(files):
            suffix = Path(file).suffix
            if suffix in suffixes and not file.startswith("."):
                names.append(f"{here}/{file}")
            elif suffix in {".yaml", ".YML", ".YAML"}:
                notes.warn(
                    "W0102", Location(f"{here}/{file}"), "this file is not read", "Rename it to end in .yml."
                )
    return names


def inside(root: Path, path: Path) -> bool:
    """Whether *path*, after following symbolic links, lies in *root*."""
    return path.resolve().is_relative_to(root)


def _outside(name: str, notes: Notes) -> None:
    notes.error(
        "E0103",
        Location(name),
        "this leads out of the project",
        "Replace the symbolic link by the file itself: nothing outside the project is read.",
    )


def _content(root: Path, name: str, notes: Notes) -> bytes | None:
    path = root / name
    limit = MAX_SEED_BYTES if name.endswith(".csv") else MAX_BYTES
    try:
        status = path.lstat()  # folders on the way are no links: os.walk does not follow them
        if stat.S_ISLNK(status.st_mode):
            if not inside(root, path):
                _outside(name, notes)
                return None
            status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            notes.error("E0102", Location(name), "this is not a regular file", "Replace it by a file.")
            return None
        if status.st_size > limit:
            remedy = "Split it, or read it through a system."
            notes.error("E0107", Location(name), f"larger than {limit:,} bytes", remedy)
            return None
        return path.read_bytes()
    except FileNotFoundError:
        remedy = (
            "Run `erpoa init`, or name the project with -C."
            if name == PROJECT_FILE
            else "Put the file there."
        )
        notes.error("E0102", Location(name), "there is no such file", remedy)
        return None
    except OSError as error:
        notes.error(
            "E0102", Location(name), f"cannot be read: {error.strerror}", "Check the file's permissions."
        )
        return None


def decoded(name: str, content: bytes, notes: Notes) -> str | None:
    """The text of a file, without byte order mark and with plain line ends; None (noted) when not UTF-8."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = content.rfind(b"\n", 0, error.start) + 1
        line = content.count(b"\n", 0, error.start) + 1
        column = len(content[start : error.start].decode("utf-8", errors="replace")) + 1
        notes.error(
            "E0102",
            Location(name, line, column),
            "this is not UTF-8",
            "Save the file as UTF-8" + ("; it looks like GB18030." if _gb18030(content) else "."),
        )
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _gb18030(content: bytes) -> bool:
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True
