"""A real Tryton 8.2 with its Chinese translations, served over HTTP on the loopback, on SQLite or PostgreSQL.

Its environment and its databases are those of `tests.tryton`; every server works on a copy.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests import postgres
from tests.tryton.databases import configured, name_of, of_connector, restore, server_of
from tests.tryton.environment import program

TRIES = 5  # to start: another may take the port first
WEB = "[web]\nlisten = 127.0.0.1:{}\n[session]\nmax_attempt = 50\n"


class Server(ABC):
    """A Tryton process on a database; it can be killed and started again at the same address."""

    def __init__(self, folder: Path, uri: str, database: str) -> None:
        self.folder, self.database, self._uri = folder, database, uri
        self._process: subprocess.Popen[bytes] | None = None
        self._known = False  # whether it has run at its port
        self._take_a_port()

    def _take_a_port(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._configuration = configured(self.folder, self._uri, WEB.format(self.port))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; the first time at another port if somebody took this one in between."""
        for tries in range(TRIES):
            if self._started():
                self._known = True
                return
            if self._known or tries == TRIES - 1:
                break
            self._take_a_port()
        raise RuntimeError(f"Tryton did not start: {(self.folder / 'trytond.log').read_text()}")

    def _started(self) -> bool:
        command = [program("trytond"), "-c", self._configuration, "-d", self.database]
        with (self.folder / "trytond.log").open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        while self._process.poll() is None:
            try:
                urllib.request.urlopen(self.url, timeout=60).close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
            else:
                break
        return self.runs

    def kill(self) -> None:
        """What a power failure does to the process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @abstractmethod
    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What its tables hold, asked behind Tryton's back."""

    @abstractmethod
    def restore(self) -> None:
        """Put the database back to what it was at first; the process need not be started again."""


class OnSqlite(Server):
    """Its database is a file in *folder*."""

    def __init__(self, folder: Path) -> None:
        shutil.copyfile(of_connector("sqlite"), folder / "erp.sqlite")
        super().__init__(folder, "sqlite://", "erp")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.folder}/erp.sqlite?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def restore(self) -> None:
        golden = sqlite3.connect(f"file:{of_connector('sqlite')}?mode=ro&immutable=1", uri=True)
        with closing(golden), closing(sqlite3.connect(self.folder / "erp.sqlite", timeout=60)) as ours:
            golden.backup(ours)


class OnPostgres(Server):
    """Its database is a copy of the database *filled* at the PostgreSQL of *url*; `drop` takes it away."""

    def __init__(self, folder: Path, url: str, filled: str) -> None:
        self._url, self._filled = url, filled
        super().__init__(folder, server_of(url), f"erpoa_test_{secrets.token_hex(4)}")
        self.restore()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(f"{self._uri}{self.database}") as connection:
            return connection.execute(sql).fetchall()

    def restore(self) -> None:
        self.drop()
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {self.database} TEMPLATE {self._filled}")

    def drop(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")

    def hold_up(self, table: str, then: Callable[[], None]) -> None:
        """Let the next transaction that writes *table* wait before it is committed, and go on after *then* was called."""
        lock = psycopg.connect(f"{self._uri}{self.database}")
        lock.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        waiting = f"SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"

        def watch() -> None:
            with lock:
                while not lock.execute(waiting).fetchone():
                    time.sleep(0.05)
                then()

        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def on_sqlite(folder: Path) -> Iterator[OnSqlite]:
    server = OnSqlite(folder)
    with _running(server):
        yield server


@contextmanager
def on_postgres(folder: Path, url: str) -> Iterator[OnPostgres]:
    """At the PostgreSQL of *url*, which keeps a database to copy for as long: to fill one every time would be slow."""
    with postgres.database(url) as filled:
        restore(of_connector("pgdump"), filled)
        server = OnPostgres(folder, url, name_of(filled))
        try:
            with _running(server):
                yield server
        finally:
            server.drop()


@contextmanager
def _running(server: Server) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.kill()
