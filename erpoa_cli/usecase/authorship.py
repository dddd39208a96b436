"""How plans are signed: by whom, and from which commit.

git is asked what a commit holds, and nothing else: what lies here is read and hashed by ourselves. So neither its index
nor its settings (files assumed unchanged or skipped, excludes, sparse checkouts) hide a file, and nothing that a
repository names (filters, file system monitors, hooks) is executed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import new, sha256
from pathlib import Path

from erpoa_cli.core.operator import Operator

_LINK, _MODULE = b"120000", b"160000"  # modes of a tree's entries
_TIME = 20  # seconds


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit of a project's directory; `name` is empty outside git. `other`: files of the project that are not in it as
    they are here, and those that are in it and not here."""

    name: str
    other: tuple[str, ...] = ()


def author(operator: Operator) -> str:
    """How *operator* signs plans: ERPOA_AUTHOR (pipelines), else git's e-mail, else the name of the user. What is no
    UTF-8 is spelled out."""
    given = os.fsencode(os.environ.get("ERPOA_AUTHOR", "")) or _git(Path.cwd(), "config", "user.email")
    return _text(given.strip()) or operator.name


def commit(directory: Path, files: Mapping[str, str]) -> Commit:
    """The commit that *directory* stands at, compared with the project's *files* there (name → SHA-256)."""
    head = _text(_git(directory, "rev-parse", "--verify", "HEAD^{commit}", own=True).strip())
    if not head:
        return Commit("")
    held = _held(directory, head, "")
    other = {name for name in files if not _same(directory, name, files[name], held)}
    return Commit(
        head, tuple(sorted(other | {name for name in held if _project(name) and name not in files}))
    )


def _project(name: str) -> bool:
    from erpoa_cli.project import belongs

    return belongs(name)


def _same(directory: Path, name: str, digest: str, held: Mapping[str, str]) -> bool:
    """Whether the file *name*, which was read with *digest*, is what a commit holds. Line ends may differ, as a checkout
    makes them: they are read alike. A link is followed to the file in the project, which counts."""
    path = directory / name
    try:
        real = path.resolve().relative_to(directory.resolve()).as_posix()
        content = path.read_bytes()
        link = os.fsencode(path.readlink()) if path.is_symlink() else None
    except (OSError, ValueError):
        return False
    if sha256(content).hexdigest() != digest:
        return False  # it changed since it was read
    if link is not None and held.get(name) != _blob(link, held.get(name, "")):
        return False
    blob = held.get(real, "")
    return blob in {_blob(content, blob), _blob(content.replace(b"\r\n", b"\n"), blob)}


def _blob(content: bytes, like: str) -> str:
    """The name that git gives *content*, by the kind of digest that *like* is."""
    digest = new("sha256" if len(like) == 64 else "sha1", usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()


def _held(directory: Path, commit: str, prefix: str) -> dict[str, str]:
    """Every file that *commit* holds below *directory* → the name of its content, those of submodules at their commits too.
    A submodule that is not here has none."""
    held: dict[str, str] = {}
    for mode, name, path in _entries(_git(directory, "ls-tree", "-r", "-z", commit, own=True)):
        if mode == _MODULE:
            held |= _held(directory / path, name, f"{prefix}{path}/")
        else:
            held[prefix + path] = name
    return held


def _entries(listed: bytes) -> Iterator[tuple[bytes, str, str]]:
    """(mode, name of the content, path) of every entry of a tree."""
    for entry in listed.split(b"\0"):
        head, tab, path = entry.partition(b"\t")
        if tab:
            mode, _, name = head.split(b" ")
            yield mode, name.decode("ascii"), os.fsdecode(path)


def _git(directory: Path, *arguments: str, own: bool = False) -> bytes:
    """What git answers; empty when it is missing or refuses. Prompts and fetching stay off. *own*: of the repository that
    *directory* is in, whatever the environment says of another one, and of its objects as they are."""
    kept = {
        n: v
        for n, v in os.environ.items()
        if not own or not n.startswith("GIT_") or n.startswith("GIT_CONFIG")
    }
    environment = {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    environment |= {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_ALLOW_PROTOCOL": "none"}
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
            timeout=_TIME,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _text(said: bytes) -> str:
    """What another program said, which need not be UTF-8."""
    return said.decode("utf-8", "backslashreplace")
