"""A PostgreSQL for tests: the one that ERPOA_TEST_POSTGRES_URL names, or a private one from the installed binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import runs

# For servers that only have to live through the end of a process: nothing waits for a disk.
QUICK = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
# A database is dropped when every session of the server has let go of its files: of a process that was stopped none does.
PATIENT = "-c statement_timeout=240s"
_TRIES = 5  # to start: another may take the port first


def binaries() -> Path | None:
    """The directory with `initdb` and `pg_ctl` of the newest PostgreSQL installed; None when there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name))
    path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    return next((p for p in (*debian, *path) if (p / "pg_ctl").is_file()), None)


class Cluster:
    """A server of our own: a directory, a port of the loopback address, nobody else's data."""

    def __init__(self, programs: Path, settings: Mapping[str, str] | None = None) -> None:
        self._programs = programs
        self._owner = _owner()
        self.folder = Path(tempfile.mkdtemp(prefix="erpoa-pg-"))
        self.port = _free_port()
        self._known = False  # whether it has run at this port
        if self._owner is not None:
            os.chown(self.folder, pwd.getpwnam(self._owner).pw_uid, -1)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        lines = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "logging_collector": "off",
            **(settings or {}),
        }
        self._set(lines)

    def _set(self, lines: Mapping[str, str]) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in lines.items())

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it; the first time at another port if somebody took this one in between."""
        for tries in range(_TRIES):
            try:
                self._run("pg_ctl", "-D", self.data, "-w", "-t", "180", "-l", self.folder / "log", "start")
            except RuntimeError:
                if self._known or tries == _TRIES - 1:
                    raise
                self.port = _free_port()
                self._set({"port": str(self.port)})
            else:
                self._known = True
                return

    def stop(self, mode: str = "fast") -> None:
        """End the server; `immediate` is what a power failure does."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def give(self, path: Path) -> None:
        """Make *path* the server's own, as keys must be."""
        path.chmod(0o600)
        if self._owner is not None:
            os.chown(path, pwd.getpwnam(self._owner).pw_uid, -1)

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._programs / program, *map(str, arguments)],
            user=self._owner, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        ) if program == "initdb" else subprocess.run(
            # the server keeps what it inherits: a pipe would never end
            [self._programs / program, *map(str, arguments)],
            user=self._owner, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr}")


def _owner() -> str | None:
    """Who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(programs: Path, settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A private server that runs while the block does."""
    cluster = Cluster(programs, settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@contextmanager
def database(url: str, template: str = "template0") -> Iterator[str]:
    """The URL of a new UTF-8 database at the server of *url*, a copy of *template*, which goes when the block ends."""
    name = runs.name()
    with psycopg.connect(url, autocommit=True, options=PATIENT) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        try:
            yield make_conninfo("", **{**conninfo_to_dict(url), "dbname": name})
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def clean(url: str) -> None:
    """Remove the databases that killed runs have left at the server of *url*."""
    with psycopg.connect(url, autocommit=True) as admin:
        found = admin.execute("SELECT datname FROM pg_database").fetchall()
        for database in runs.left(name for (name,) in found):
            admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
