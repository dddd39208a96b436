"""Runs commands in forks of a process that has imported everything, and kills them where it is told to.

A script: reads one JSON request per line on stdin and answers each with one JSON line on stdout. Nothing here opens
DuckDB or starts a thread before it forks.

Request: `{"arguments", "directory", "stdout", "stderr", "env": {name: value} | null, "point": n | null, "after": seconds | null, "pause": path | null, "passed": path | null}`.
Answer: `{"exit": code, "killed": bool, "seconds": s}`. `passed` receives the labels of the points that were passed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NoReturn

import erpoa_cli
from erpoa_cli.cli.main import run
from tests.faults.points import Points, install

WARM = (
    "duckdb",
    "jinja2",
    "jsonschema",
    "numpy",
    "pyarrow.acero",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "sqlglot",
    "typer._adapters",  # pydantic
    "yaml",
    "wcwidth",
)


def serve() -> None:
    ours = [module.name for module in walk_packages(erpoa_cli.__path__, "erpoa_cli.")]
    for name in (*WARM, *ours):
        if not name.endswith("__main__"):
            import_module(name)
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _run(request: dict[str, Any]) -> dict[str, Any]:
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(request)
    if request["after"] is not None:
        _kill_after(child, request["after"])
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return {"exit": code, "killed": code == -signal.SIGKILL, "seconds": time.monotonic() - start}


def _kill_after(child: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(min(left, 0.002))
    os.kill(child, signal.SIGKILL)


def _become(request: dict[str, Any]) -> NoReturn:
    """Be the program, with its files and its directory."""
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(path, flags, 0o600), descriptor)
    os.chdir(request["directory"])
    if request["env"] is not None:
        os.environ.clear()
        os.environ.update(request["env"])
    points = Points(request["point"], request["pause"])
    if request["point"] is not None or request["passed"]:
        install(points)
    sys.argv = ["erpoa", *request["arguments"]]
    code = 70
    try:
        code = _exit_code()
        sys.stdout.flush()
        sys.stderr.flush()
        if request["passed"]:
            passed = list(points.passed)
            with Path(request["passed"]).open("w", encoding="utf-8") as file:
                json.dump(passed, file)
    finally:
        os._exit(code)


def _exit_code() -> int:
    """The code with which the program ends."""
    try:
        run()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    serve()
