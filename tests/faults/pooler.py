"""A PgBouncer that lends connections per transaction, and asks for the password."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

CONFIG = """[databases]
{name} = host={host} port={port} dbname={name} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
server_reset_query_always = 1
"""


def program() -> str | None:
    """Where PgBouncer is; Debian puts it where only root looks."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def pooler(binary: str, conninfo: str, role: str, password: str) -> Iterator[int]:
    """The port of a pooler that stands before the database of *conninfo* and lends *role* two of its connections."""
    place = conninfo_to_dict(conninfo)
    folder = Path(tempfile.mkdtemp(prefix="erpoa-pooler-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = int(free.getsockname()[1])
    config = CONFIG.format(
        name=place["dbname"], host=place["host"], port=place["port"], user=role, own=own, folder=folder
    )
    (folder / "pooler.ini").write_text(config)
    (folder / "users").write_text(f'"{role}" "{password}"\n')
    nobody = "nobody" if os.geteuid() == 0 else None  # it refuses to be run by root
    folder.chmod(0o755)
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [binary, "-q", folder / "pooler.ini"],
            user=nobody,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        _wait(own, running, folder / "log")
        yield own
    finally:
        running.terminate()
        running.wait(30)
        shutil.rmtree(folder)


def _wait(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        with socket.socket() as tried:
            if not tried.connect_ex(("127.0.0.1", port)):
                return
        assert running.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())
