"""The ERP of this example: a real Tryton 8.2 on SQLite, served on this machine.

    python erp.py build     both systems afresh; the first run installs Tryton and takes about a minute
    python erp.py start     serve Tryton at $ERPOA_EXAMPLE_ERP (default http://127.0.0.1:18082)
    python erp.py stop

What takes long to make is kept in $ERPOA_EXAMPLE_HOME (default: .erpoa-example here). Exit code 3: Tryton could not be
installed.
"""

# ruff: noqa: INP001, S310, S603, T201  # a script: it stands alone, starts programs, asks its own server and prints

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
WORK = HERE / ".erpoa-example"
HOME = Path(os.environ.get("ERPOA_EXAMPLE_HOME") or WORK)
URL = os.environ.get("ERPOA_EXAMPLE_ERP", "http://127.0.0.1:18082")
ADMIN = "Example-admin-1"
MODULES = ("party", "company", "country", "currency", "product", "purchase")
GROUPS = ("Party Administration", "Product Administration", "Purchase", "Purchase Administrator")
MADE_FROM = b"".join((HERE / name).read_bytes() for name in ("requirements.txt", "erp.py"))
ENVIRONMENT = HOME / f"venv-{hashlib.sha256((HERE / 'requirements.txt').read_bytes()).hexdigest()[:12]}"
GOLDEN = HOME / f"golden-api-{hashlib.sha256(MADE_FROM).hexdigest()[:12]}.sqlite"


def build() -> None:
    """Tryton's environment and a golden database where they are missing; fresh copies of both systems."""
    HOME.mkdir(parents=True, exist_ok=True)
    if not (ENVIRONMENT / "complete").exists():
        install()
    if not GOLDEN.exists():
        fill()
    WORK.mkdir(exist_ok=True)
    for old in (*WORK.glob("erp.sqlite*"), *WORK.glob("oa.sqlite*")):
        old.unlink()
    shutil.copyfile(GOLDEN, WORK / "erp.sqlite")
    with contextlib.closing(sqlite3.connect(WORK / "oa.sqlite")) as oa:
        oa.executescript((HERE / "oa.sql").read_text(encoding="utf-8"))
    shutil.copyfile(GOLDEN.with_suffix(".yml"), WORK / "secrets.yml")
    (WORK / "secrets.yml").chmod(0o600)


def install() -> None:
    print("installing Tryton")
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    pip = [ENVIRONMENT / "bin/pip", "install", "-q", "-r", HERE / "requirements.txt"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        raise SystemExit(3)
    (ENVIRONMENT / "complete").touch()


def fill() -> None:
    """A database with a company and a user for erpoa, who may do no more than purchasing needs."""
    print("filling Tryton's database")
    with tempfile.TemporaryDirectory(dir=HOME) as work:
        folder = Path(work)
        (folder / "erp.sqlite").touch()
        (folder / "password").write_text(ADMIN)
        known = {**os.environ, "TRYTONPASSFILE": str(folder / "password")}
        admin = [ENVIRONMENT / "bin/trytond-admin", "-c", configured(folder, 0), "-d", "erp"]
        for more in (["--all", "--email", "admin@example.test"], ["--activate-dependencies", "-u", *MODULES]):
            subprocess.run([*admin, *more], env=known, check=True, capture_output=True)
        with served(folder, free_port()) as url:
            password = found(Tryton(url))
        with contextlib.closing(sqlite3.connect(folder / "erp.sqlite")) as database:
            database.execute("vacuum into ?", [str(folder / "whole.sqlite")])
        GOLDEN.with_suffix(".yml").touch(mode=0o600)
        GOLDEN.with_suffix(".yml").write_text(f'tryton: "{password}"\n')
        (folder / "whole.sqlite").replace(GOLDEN)  # last: where it is, nothing is missing


def found(tryton: Tryton) -> str:
    """Found a company; the password of the user `erpoa`."""
    [currency] = tryton.call(
        "model.currency.currency.create", [{"name": "人民币", "symbol": "¥", "code": "CNY"}]
    )
    [own] = tryton.call("model.party.party.create", [{"name": "华鑫"}])
    [company] = tryton.call("model.company.company.create", [{"party": own, "currency": currency}])
    password = secrets.token_urlsafe(12)
    groups = tryton.call("model.res.group.search", [["name", "in", GROUPS]], 0, None, None)
    user = {"login": "erpoa", "name": "erpoa", "password": password, "company": company}
    links = {"companies": [["add", [company]]], "groups": [["add", groups]]}
    tryton.call("model.res.user.create", [{**user, **links}])
    return password


class Tryton:
    """Calls as the administrator."""

    def __init__(self, url: str) -> None:
        self._url, self._header = f"{url}/erp/rpc/", {}
        user, key, *_ = self._post("common.db.login", ["admin", {"password": ADMIN}])
        session = base64.b64encode(f"admin:{user}:{key}".encode()).decode()
        self._header = {"Authorization": f"Session {session}"}

    def call(self, method: str, *params: Any) -> Any:
        return self._post(method, [*params, {}])

    def _post(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"id": 0, "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json", **self._header}
        with urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=60) as answer:
            return json.load(answer)["result"]


def configured(folder: Path, port: int) -> Path:
    path = folder / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return path


def launch(folder: Path, port: int) -> int:
    """Serve the database in *folder*; the id of the process, once it answers."""
    command = [ENVIRONMENT / "bin/trytond", "-c", configured(folder, port), "-d", "erp"]
    with (folder / "trytond.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()
        except urllib.error.HTTPError:
            return process.pid
        except OSError:
            time.sleep(0.1)
        else:
            return process.pid
    sys.exit(f"Tryton did not start at port {port}: {folder / 'trytond.log'} says why")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    process = launch(folder, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.kill(process, signal.SIGTERM)


def start() -> None:
    port = urlsplit(URL).port or 80
    if not (WORK / "erp.sqlite").exists():
        sys.exit("there is no Tryton yet: run `python erp.py build` first")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        sys.exit(
            f"something listens at port {port} already: `python erp.py stop`, or another $ERPOA_EXAMPLE_ERP"
        )
    process = launch(WORK, port)
    (WORK / "trytond.pid").write_text(str(process))
    print(f"Tryton answers at {URL}")


def stop() -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((WORK / "trytond.pid").read_text()), signal.SIGTERM)
        (WORK / "trytond.pid").unlink()


if __name__ == "__main__":
    {"build": build, "start": start, "stop": stop}[sys.argv[1]]()
