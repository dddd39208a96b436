"""A real Tryton 8.2 on SQLite, served over HTTP on the loopback.

Environment and empty database are made once and kept under ERPOA_TEST_TRYTON_HOME or the temporary directory; every
server works on a copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "Adm1n-erpoa-test"
PACKAGES = [
    f"trytond{module}~=8.2.0"
    for module in ("", "_party", "_company", "_country", "_currency", "_product", "_purchase",
                   "_purchase_request", "_purchase_requisition")
]  # fmt: skip
MODULES = [
    "party", "company", "country", "currency", "product", "purchase", "purchase_request", "purchase_requisition",
]  # fmt: skip


class NotInstalled(Exception):
    """Tryton cannot be installed here."""


def built() -> Path:
    """The directory with the environment and `golden.sqlite`; about a minute when it is absent."""
    made_from = hashlib.sha256(repr((PACKAGES, MODULES, sys.version_info[:2])).encode()).hexdigest()[:12]
    base = Path(os.environ.get("ERPOA_TEST_TRYTON_HOME") or tempfile.gettempdir())
    home = base / f"erpoa-tryton-{made_from}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _install(home)
            _fill(home)
            (home / "complete").touch()
    return home


def _install(home: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", home / "venv"], check=True)
    done = subprocess.run(
        [home / "venv/bin/pip", "install", "-q", *PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotInstalled(done.stderr)


def _fill(home: Path) -> None:
    (home / "password").write_text(PASSWORD + "\n")
    configuration = _configured(home, 1)
    database = home / "erp.sqlite"
    database.unlink(missing_ok=True)
    database.touch()
    admin = [home / "venv/bin/trytond-admin", "-c", configuration, "-d", "erp"]
    known = {**os.environ, "TRYTONPASSFILE": str(home / "password")}
    for more in (["--all", "--email", "admin@example.test"], ["--activate-dependencies", "-u", *MODULES]):
        subprocess.run([*admin, *more], env=known, check=True, capture_output=True)
    database.rename(home / "golden.sqlite")


def _configured(folder: Path, port: int) -> Path:
    path = folder / "trytond.conf"
    path.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n[session]\nmax_attempt = 50\n"
    )
    return path


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a server with a fresh database `erp` in *folder*."""
    home = built()
    shutil.copy(home / "golden.sqlite", folder / "erp.sqlite")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "trytond.log").open("wb") as log:
        command = [home / "venv/bin/trytond", "-c", _configured(folder, port), "-d", "erp"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await(url, process, folder / "trytond.log")
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ending = time.monotonic() + 60
    while time.monotonic() < ending and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Tryton did not start: {log.read_text()}")
