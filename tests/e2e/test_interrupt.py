"""A person who interrupts the program is told so, at once, whatever a system does."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ERPOA = Path(sys.executable).with_name("erpoa")
FIELDS = {"id": {"type": "integer", "read_only": True}, "code": "string"}


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(20)
        yield server


@pytest.fixture
def project(tmp_path: Path, silent: socket.socket) -> Path:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    objects = {"suppliers": {"collection": "/suppliers", "key": ["code"], "fields": FIELDS}}
    files = {
        "erpoa.yml": {"format": 1, "name": "silent", "owner": "a@b.example"},
        "systems/s.yml": {
            "systems": {
                "api": {"plugin": "http", "config": {"url": url, "objects": objects}},
                "files": {"plugin": "files", "config": {"path": "."}},
            }
        },
        "sources/s.yml": {
            "sources": {
                "theirs": {"system": "api", "object": "suppliers", "key": ["code"], "fields": {"code": "string"}},
                "ours": {"system": "files", "object": "ours.csv", "key": ["code"], "fields": {"code": "string"}},
            }
        },
        "targets/t.yml": {
            "targets": {
                "t": {"from": "ours", "system": "api", "object": "suppliers", "key": ["code"], "fields": ["code"]}
            }
        },
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "ours.csv").write_text("code\nS1\n", encoding="utf-8")
    return tmp_path


@contextmanager
def started(project: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """The program; where it did not end, it is not waited for until the system would have answered."""
    with subprocess.Popen(
        [ERPOA, *command], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [["plan", "-o", "p.erpoaplan"], ["extract"], ["drift"]])
def test_nobody_waits_for_a_system_that_does_not_answer(project, silent, command, number, code):
    with started(project, *command, "--format", "json") as program:
        connection, _ = silent.accept()
        with connection:
            program.send_signal(number)
            out, err = program.communicate(timeout=120)
    assert program.returncode == code
    told = json.loads(out)
    assert (told["exit_code"], [d["code"] for d in told["diagnostics"]]) == (code, ["E0608"])
    assert "Traceback" not in err
    assert not (project / "p.erpoaplan").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_twice_gets_no_answer_but_the_end(project, silent, number):
    with started(project, "plan", "-q") as program:
        connection, _ = silent.accept()
        with connection:
            program.send_signal(number)
            assert program.stderr is not None
            while "once more stops at once" not in program.stderr.readline():
                pass  # two at once are one: signals do not queue
            program.send_signal(number)
            program.communicate(timeout=120)
    assert program.returncode == 128 + number
