"""A MariaDB for tests: the one that ERPOA_TEST_MARIADB_URL names, or a private one from the installed binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import pymysql  # type: ignore[import-untyped]

from tests import runs

# small and quick to start; durable, for a server that is not is told of by `doctor`
_SMALL = {
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "48M",
    "innodb_use_native_aio": "0",
    "performance_schema": "0",
}
# For servers that only have to live through the end of a process: nothing waits for a disk.
QUICK = {"innodb_flush_log_at_trx_commit": "2", "innodb_doublewrite": "0", "innodb_flush_method": "nosync"}
_TRIES = 5  # to start: another may take the port first
_PATIENCE = 180.0  # seconds for the server to come up or go down


def binaries() -> dict[str, Path] | None:
    """Where `mariadbd` and `mariadb-install-db` are; None when they are not installed."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/libexec", "/usr/local/sbin"))
    found = {name: shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db")}
    return None if None in found.values() else {name: Path(str(program)) for name, program in found.items()}


class Server:
    """A server of our own: a directory, a port of the loopback address, nobody else's data."""

    def __init__(self, programs: Mapping[str, Path], settings: Mapping[str, str] | None = None) -> None:
        self._programs = programs
        self._owner = _owner()
        self.folder = Path(tempfile.mkdtemp(prefix="erpoa-my-"))
        self.port = _free_port()
        self._known = False  # whether it has run at this port
        self._process: subprocess.Popen[bytes] | None = None
        self.give(self.folder, 0o700)
        self.settings = {
            "datadir": str(self.folder / "data"),
            "socket": str(self.folder / "socket"),
            "pid_file": str(self.folder / "pid"),
            "log_error": str(self.folder / "log.err"),
            "tmpdir": str(self.folder),
            "bind_address": "127.0.0.1",
            "port": str(self.port),
            "skip_name_resolve": "1",
            **_SMALL,
            **(settings or {}),
        }
        self._configure()
        done = subprocess.run(
            [programs["mariadb-install-db"], f"--defaults-file={self._options}", "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            user=self._owner, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db ended with {done.returncode}: {done.stdout}{done.stderr}")

    @property
    def _options(self) -> Path:
        return self.folder / "my.cnf"

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    def start(self) -> None:
        """Start it; the first time at another port if somebody took this one in between."""
        for tries in range(_TRIES):
            try:
                self._start()
            except RuntimeError:
                if self._known or tries == _TRIES - 1:
                    raise
                self.port = _free_port()
                self.settings["port"] = str(self.port)
            else:
                self._known = True
                return

    def _start(self) -> None:
        self._configure()
        self._process = subprocess.Popen(
            [self._programs["mariadbd"], f"--defaults-file={self._options}"],
            user=self._owner, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                connect(self.url).close()
            except pymysql.err.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"mariadbd did not start: {self._log()}") from None
                time.sleep(0.1)
            else:
                return

    def stop(self, *, kill: bool = False) -> None:
        """End the server; *kill* is what a power failure does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self._process.wait(_PATIENCE)
            self._process = None

    def give(self, path: Path, mode: int = 0o600) -> None:
        """Make *path* the server's own, as keys must be."""
        path.chmod(mode)
        if self._owner is not None:
            os.chown(path, pwd.getpwnam(self._owner).pw_uid, -1)

    def remove(self) -> None:
        self.stop(kill=True)
        shutil.rmtree(self.folder)

    def _configure(self) -> None:
        lines = ["[mariadbd]", *(f"{name} = {value}" for name, value in self.settings.items())]
        self._options.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.give(self._options)

    def _log(self) -> str:
        log = self.folder / "log.err"
        return log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else "no log"


def _owner() -> str | None:
    """Who runs the server: MariaDB refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("mysql", "nobody") if name in names)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(programs: Mapping[str, Path], settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A private server that runs while the block does."""
    found = Server(programs, settings)
    try:
        found.start()
        yield found
    finally:
        found.remove()


def parameters(url: str) -> dict[str, Any]:
    """What a driver needs to reach the server of a URL such as `mysql://USER:PASSWORD@HOST:PORT/DATABASE`."""
    at = urlsplit(url)
    return {
        "host": at.hostname or "127.0.0.1",
        "port": at.port or 3306,
        "user": unquote(at.username or "root"),
        "password": unquote(at.password or ""),
        "database": unquote(at.path.lstrip("/")) or None,
    }


def connect(url: str) -> Any:
    return pymysql.connect(**parameters(url), autocommit=True, charset="utf8mb4")


@contextmanager
def database(url: str) -> Iterator[str]:
    """The URL of a new, empty database at the server of *url*, which goes when the block ends."""
    name = runs.name()
    with closing(connect(url)) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with closing(connect(url)) as admin, admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


def clean(url: str) -> None:
    """Remove the databases that killed runs have left at the server of *url*."""
    with closing(connect(url)) as admin, admin.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        for name in runs.left(name for (name,) in cursor.fetchall()):
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
