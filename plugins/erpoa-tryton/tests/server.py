"""A real Tryton 8.2 with its Chinese translations, served over HTTP on the loopback, on SQLite or PostgreSQL.

The environment and an empty database are made once and kept under ERPOA_TEST_TRYTON_HOME or the temporary directory;
every server works on a copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests import postgres

PASSWORD = "Adm1n-erpoa-test"
LANGUAGE = "zh_CN"
MODULES = [
    "party", "company", "country", "currency", "product", "purchase", "purchase_request", "purchase_requisition",
]  # fmt: skip
PACKAGES = [
    "trytond~=8.2.0", "psycopg[binary,pool]~=3.2", *(f"trytond_{module}~=8.2.0" for module in MODULES)
]  # fmt: skip
_CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}  # a cluster to throw away


class NotInstalled(Exception):
    """Tryton cannot be installed here."""


class Server:
    """A Tryton process on a database; it can be killed and started again at the same address."""

    def __init__(self, folder: Path, uri: str, database: str) -> None:
        self.folder, self.database, self._uri = folder, database, uri
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._configuration = _configured(folder, uri, self.port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = self.folder / "trytond.log"
        command = [home() / "venv/bin/trytond", "-c", self._configuration, "-d", self.database]
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        ending = time.monotonic() + 60
        while time.monotonic() < ending and self._process.poll() is None:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"Tryton did not start: {log.read_text()}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What its tables hold, asked behind Tryton's back."""
        if self._uri.startswith("sqlite"):
            with closing(sqlite3.connect(f"file:{self.folder}/erp.sqlite?mode=ro", uri=True)) as connection:
                return connection.execute(sql).fetchall()
        with psycopg.connect(f"{self._uri}{self.database}") as connection:
            return connection.execute(sql).fetchall()

    def hold_up(self, table: str, then: Callable[[], None]) -> None:
        """Let the next transaction that writes *table* wait before it is committed, and go on after *then* was called.
        On PostgreSQL only."""
        lock = psycopg.connect(f"{self._uri}{self.database}")
        lock.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        waiting = f"SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"

        def watch() -> None:
            with lock:
                while not lock.execute(waiting).fetchone():
                    time.sleep(0.05)
                then()

        threading.Thread(target=watch, daemon=True).start()

    def kill(self) -> None:
        """What a power failure does to the process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Server]:
    """A server with a fresh database in *folder*."""
    golden = _kept("golden.sqlite", _filled_sqlite)
    shutil.copy(golden, folder / "erp.sqlite")
    with _running(Server(folder, "sqlite://", "erp")) as server:
        yield server


@contextmanager
def filled_on_postgres(url: str) -> Iterator[str]:
    """The name of a database at the PostgreSQL of *url*, to be copied: to restore one for every server would be slow."""
    golden = _kept("golden.pgdump", _filled_postgres)
    with postgres.database(url) as database:
        subprocess.run([_programs() / "pg_restore", "--no-owner", "-d", database, golden], check=True)
        yield _uri(database)[1]


@contextmanager
def on_postgres(folder: Path, url: str, filled: str) -> Iterator[Server]:
    """A server with a copy of the database *filled* at the PostgreSQL of *url*."""
    with postgres.database(url, template=filled) as database:
        uri, name = _uri(database)
        with _running(Server(folder, uri, name)) as server:
            yield server


def _uri(conninfo: str) -> tuple[str, str]:
    """*conninfo* as Tryton spells it: the server, and the name of the database."""
    known = conninfo_to_dict(conninfo)
    login = f"{known.get('user', '')}:{known.get('password', '')}".rstrip(":")
    return f"postgresql://{login}@{known.get('host', '127.0.0.1')}:{known.get('port', 5432)}/", str(
        known["dbname"]
    )


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


def home() -> Path:
    made_from = hashlib.sha256(repr((PACKAGES, MODULES, LANGUAGE, sys.version_info[:2])).encode()).hexdigest()
    base = Path(os.environ.get("ERPOA_TEST_TRYTON_HOME") or tempfile.gettempdir())
    return base / f"erpoa-tryton-{made_from[:12]}"


def _kept(name: str, fill: Callable[[Path], None]) -> Path:
    """The file *name* of the home, which *fill* makes when it is absent."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home() / "installed").exists():
            _install()
            (home() / "installed").touch()
        path = home() / name
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=home()) as work:
                made = Path(work) / name
                fill(made)
                made.rename(path)
    return path


def _install() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", home() / "venv"], check=True)
    done = subprocess.run(
        [home() / "venv/bin/pip", "install", "-q", *PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotInstalled(done.stderr)


def _filled_sqlite(path: Path) -> None:
    database = path.with_name("erp.sqlite")
    database.touch()
    _administer(_configured(path.parent, "sqlite://", 1), "erp")
    database.rename(path)


def _filled_postgres(path: Path) -> None:
    with postgres.server(_programs(), _CARELESS) as cluster, postgres.database(cluster.url) as database:
        uri, name = _uri(database)
        _administer(_configured(path.parent, uri, 1), name)
        subprocess.run([_programs() / "pg_dump", "-Fc", "-f", path, database], check=True)


def _programs() -> Path:
    programs = postgres.binaries()
    assert programs is not None
    return programs


def _administer(configuration: Path, database: str) -> None:
    (home() / "password").write_text(PASSWORD + "\n")
    admin = [home() / "venv/bin/trytond-admin", "-c", configuration, "-d", database, "-l", LANGUAGE]
    known = {**os.environ, "TRYTONPASSFILE": str(home() / "password")}
    for more in (["--all", "--email", "admin@example.test"], ["--activate-dependencies", "-u", *MODULES]):
        subprocess.run([*admin, *more], env=known, check=True, capture_output=True)


def _configured(folder: Path, uri: str, port: int) -> Path:
    path = folder / "trytond.conf"
    path.write_text(
        f"[database]\nuri = {uri}\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n[session]\nmax_attempt = 50\n"
    )
    return path
