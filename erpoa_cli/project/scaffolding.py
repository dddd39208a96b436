"""A new project directory: the template's files, .gitignore and the key that seals sensitive values; and the key
alone for a project that came without one, as a fresh clone does."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure

GITIGNORE = """\
# what erpoa keeps for itself: state, snapshots, plans, the key
.erpoa/
*.erpoaplan
*.erpoaplan.approvals
.env
# the databases of the demo
data/
"""
KEY = ".erpoa/key"
TEMPLATES = ("demo", "empty")
"""What `scaffold` can make: the runnable demo; a project of nothing but its name."""
_EMPTY = """\
# What can be written here: erpoa schema print project
format: 1
name: {name}
# description: what it keeps in agreement
# owner: the person who answers for it
"""
_FOLDERS = {
    "systems": "the systems to connect; then `erpoa discover SYSTEM --write`",
    "sources": "what is read",
    "transforms": "SQL that brings it into the agreed shape",
    "targets": "what is kept in agreement",
}
_PACKAGE = Path(__file__).resolve().parent.parent
_DATABASES = ("data/erp.db", "data/oa.db")  # which the demo's own script makes
_LEFT_OUT = frozenset({"__pycache__", ".erpoa", "data"})


def template() -> Path:
    """The project template: packed into an installed erpoa, beside the package in a checkout."""
    installed = _PACKAGE / "_template"
    return installed if installed.is_dir() else _PACKAGE.parent / "project_template"


def scaffold(directory: Path, kind: str = "demo") -> tuple[str, ...]:
    """Write a project of the template *kind* into *directory* (made when missing), with .gitignore and .erpoa/key.

    Answers the created files, relative to *directory*. Raises `Failure` (E0604) when a file is in the way:
    nothing is overwritten.
    """
    contents = _demo() if kind == "demo" else _empty(directory.resolve().name)
    contents[".gitignore"] = GITIGNORE.encode()
    contents[KEY] = _new_key()
    made_later = _DATABASES if kind == "demo" else ()
    make_files(directory, contents, beside=made_later)
    return tuple(contents)


def make_files(directory: Path, contents: Mapping[str, bytes], beside: Sequence[str] = ()) -> None:
    """Write new files below *directory*, by their names relative to it; only the key is private. Nothing is written,
    `Failure` E0604, where one of them or of those *beside* is there already, or where a link leads out on the way to it."""
    taken = [name for name in (*contents, *beside) if os.path.lexists(directory / name)]
    linked = {link for name in (*contents, *beside) if (link := _link(directory, name))}
    if taken or linked or (directory.exists() and not directory.is_dir()):
        raise Failure(_in_the_way(directory, sorted(linked) or taken))
    for name, content in contents.items():
        _write(directory / name, content, private=name == KEY)


def _link(directory: Path, name: str) -> str:
    """The first link among the folders that lead from *directory* to *name*; else empty."""
    folders = reversed(Path(name).parents)
    return next(
        (folder.as_posix() for folder in folders if folder.name and (directory / folder).is_symlink()), ""
    )


def _demo() -> dict[str, bytes]:
    origin = template()
    return {
        path.relative_to(origin).as_posix(): path.read_bytes()
        for path in sorted(origin.rglob("*"))
        if path.is_file() and not _LEFT_OUT & set(path.relative_to(origin).parts)
    }


def _empty(name: str) -> dict[str, bytes]:
    named = re.sub(r"[^\w-]+", "_", name).lstrip("0123456789-_")[:100] or "project"
    files = {"erpoa.yml": _EMPTY.format(name=named)}
    files |= {f"{folder}/{folder}.yml": f"# {words}\n" for folder, words in _FOLDERS.items()}
    return {path: text.encode() for path, text in files.items()}


def lacks_key(directory: Path) -> bool:
    """Whether *directory* is a project whose .erpoa has no key: the key is never in git."""
    return (directory / "erpoa.yml").is_file() and not os.path.lexists(directory / KEY)


def make_key(directory: Path) -> tuple[str, ...]:
    """Make .erpoa/key of an existing project, and keep git from it whatever the project's own .gitignore says.

    Answers the created files. Raises `FileExistsError` when there is a key."""
    if link := _link(directory, KEY):
        raise Failure(_in_the_way(directory, [link]))
    _write(directory / KEY, _new_key(), private=True)
    ignore = directory / ".erpoa" / ".gitignore"
    if os.path.lexists(ignore):
        return (KEY,)
    _write(ignore, b"*\n", private=True)
    return KEY, ".erpoa/.gitignore"


def _new_key() -> bytes:
    return f"{secrets.token_hex(32)}\n".encode()


def _in_the_way(directory: Path, taken: list[str]) -> Diagnostic:
    names = ", ".join(taken[:5]) + (", …" if len(taken) > 5 else "")
    return Diagnostic(
        "E0604",
        f"{directory} has files or links where new ones would be made: {names}"
        if taken
        else f"{directory} is a file",
        remedy="Choose another directory, or move them away first; nothing was written.",
    )


def _write(path: Path, content: bytes, *, private: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.name == ".erpoa":
        path.parent.chmod(0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
