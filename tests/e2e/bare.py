"""Runs commands in forks of a process that has imported nothing of ours, and tells what each has imported.

A script: reads one JSON request per line on stdin, `{"arguments", "directory"}`, and answers each with one JSON line on
stdout, `{"exit", "modules", "err"}`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn


def serve() -> None:
    for line in sys.stdin:
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            _become(json.loads(line), writing)
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as told:
            print(told.read(), flush=True)
        os.wait()


def _become(request: dict[str, Any], answer: int) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    err = os.memfd_create("stderr")
    os.dup2(err, 2)
    os.chdir(request["directory"])
    sys.argv = ["erpoa", *request["arguments"]]
    code: Any = 0
    try:
        from erpoa_cli.cli.main import run

        run()
    except SystemExit as end:
        code = end.code
    modules = sorted(sys.modules)
    sys.stderr.flush()
    os.lseek(err, 0, os.SEEK_SET)
    told = {"exit": code, "modules": modules, "err": os.read(err, 10_000).decode(errors="replace")}
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(told, out)
    os._exit(0)


if __name__ == "__main__":
    serve()
