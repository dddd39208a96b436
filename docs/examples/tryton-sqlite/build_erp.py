"""Builds the two systems of this example: a real Tryton 8.2 database (the ERP) and a small OA database.

    python build_erp.py [--home DIR] [--into DIR]

The first run takes about a minute: a virtual environment of its own with Tryton in it, an empty Tryton database
on SQLite, and the data of `tryton_data.py`, entered through Tryton's own API. The finished database is kept as a
golden copy under `--home`; later runs only copy it. Every run puts a fresh `erp.sqlite` and `oa.sqlite` into the
directory `--into` and replaces what is there. Exit code 3: Tryton could not be installed.

Needs Python 3.11 and, the first time, a package index that pip can reach.
"""

# ruff: noqa: INP001, S603, T201  # a script: it stands alone, starts programs and prints

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system: builds are then not guarded against each other
    fcntl = None  # type: ignore[assignment]

HERE = Path(__file__).resolve().parent
WORK = HERE / ".erpoa-example"
MODULES = ("party", "country", "currency", "company")
LANGUAGE = "zh_CN"


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything that is built lives; the golden copy is named after what it was made from."""

    path: Path

    @property
    def environment(self) -> Path:
        return self.path / f"venv-{digest('requirements.txt')}"

    @property
    def python(self) -> Path:
        return self.environment / ("Scripts" if os.name == "nt" else "bin") / "python"

    @property
    def golden(self) -> Path:
        return self.path / f"golden-{digest('requirements.txt', 'tryton_data.py', 'build_erp.py')}.sqlite"


class Failed(SystemExit):
    """A program this script started did not succeed."""


def digest(*names: str) -> str:
    """Twelve hex digits over the named files of this directory and the version of Python."""
    total = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for name in names:
        total.update((HERE / name).read_bytes())
    return total.hexdigest()[:12]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Builds the ERP and the OA database of this example.")
    add_places(parser)
    parser.add_argument("--golden-only", action="store_true", help="prepare the golden copy and nothing else")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    home = Home(options.home.resolve())
    build(home)
    if options.golden_only:
        return
    place(home, options.into)
    print(f"erp.sqlite and oa.sqlite are in {options.into} ({time.monotonic() - began:.0f} s)")


def add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(os.environ.get("ERPOA_EXAMPLE_HOME") or WORK),
        help="where Tryton and the golden copy are kept (default: $ERPOA_EXAMPLE_HOME or .erpoa-example here)",
    )
    parser.add_argument("--into", type=Path, default=WORK,
                        help="where erp.sqlite and oa.sqlite are (default: .erpoa-example here)")  # fmt: skip


def build(home: Home) -> None:
    """Makes whatever is missing of environment and golden copy; several processes may ask at once."""
    home.path.mkdir(parents=True, exist_ok=True)
    with locked(home.path / "lock"):
        if not (home.environment / "complete").exists():
            install(home)
        if not home.golden.exists():
            fill(home)


def place(home: Home, into: Path) -> None:
    """Fresh working copies of both databases in `into`."""
    into.mkdir(parents=True, exist_ok=True)
    remove(into / "erp.sqlite")
    shutil.copyfile(home.golden, into / "erp.sqlite")
    remove(into / "oa.sqlite")
    with contextlib.closing(sqlite3.connect(into / "oa.sqlite")) as oa:
        oa.executescript((HERE / "oa.sql").read_text(encoding="utf-8"))


def install(home: Home) -> None:
    say("installing Tryton")
    shutil.rmtree(home.environment, ignore_errors=True)
    run(sys.executable, "-m", "venv", home.environment)
    try:
        run(home.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--requirement", HERE / "requirements.txt")  # fmt: skip
    except Failed as failed:
        say(f"Tryton cannot be installed\n{failed}")
        sys.exit(3)
    (home.environment / "complete").touch()


def fill(home: Home) -> None:
    with tempfile.TemporaryDirectory(dir=home.path, prefix="building-") as name:
        directory = Path(name)
        database = directory / "erp.sqlite"
        database.touch()  # Tryton creates the tables, not the file
        configuration = configure(directory)
        password = directory / "password"
        password.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")  # nobody logs in
        admin = (home.python, home.python.with_name("trytond-admin"), "-c", configuration, "-d", "erp")
        environment = {"TRYTONPASSFILE": str(password)}
        say("creating the Tryton database")
        run(*admin, "--all", "--email", "admin@example.test", extra=environment)
        say("activating " + ", ".join(MODULES))
        run(*admin, "-u", *MODULES, "--activate-dependencies", "-l", LANGUAGE, extra=environment)
        say("entering countries, currencies and parties")
        run_data(home, directory, "fill")
        keep(database, home.golden)


def run_data(home: Home, directory: Path, *arguments: str) -> str:
    """Runs `tryton_data.py` inside Tryton's environment on `directory`/erp.sqlite; answers what it printed."""
    return run(home.python, HERE / "tryton_data.py", configure(directory), *arguments)


def configure(directory: Path) -> Path:
    """Tryton's configuration for the databases of a directory; Tryton wants the path absolute."""
    path = directory / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {directory.resolve()}\n", encoding="utf-8")
    return path


def keep(database: Path, golden: Path) -> None:
    """One self-contained file, also when Tryton left its last pages in the write-ahead log."""
    unfinished = golden.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(unfinished)) as copy,
    ):
        source.backup(copy)
    checkpoint(unfinished)
    unfinished.replace(golden)


def checkpoint(database: Path) -> None:
    """Folds the write-ahead log into the file."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")


def remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One builder at a time; the lock goes with the process that holds it."""
    with path.open("w") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, extra: dict[str, str] | None = None) -> str:
    """The standard output of a program that must succeed; Tryton's and Python's own settings are kept out."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TRYTON", "PYTHON"))}
    environment |= {"PYTHONUTF8": "1", **(extra or {})}
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True,
                          text=True, encoding="utf-8", check=False)  # fmt: skip
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        raise Failed(f"{shown}\nended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def say(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
