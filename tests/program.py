"""Two ways to run a command: as a fork of a warm process, which costs little, or as the installed program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ERPOA = Path(sys.executable).with_name("erpoa")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `exit` is negative when a signal ended it."""

    exit: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        return self.exit == -9

    def json(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit {self.exit}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Forks:
    """Commands as forks. `env`: the environment, where it is not the server's; `point`: die at that point, or let `action`
    happen there; `after`: be killed after so many seconds; `stdout` and `stderr` may be files of their own."""

    def __init__(self, server: subprocess.Popen[str], scratch: Path) -> None:
        self._server = server
        self._scratch = scratch

    def run(
        self,
        *arguments: str,
        directory: Path,
        env: Mapping[str, str] | None = None,
        point: int | None = None,
        after: float | None = None,
        action: Callable[[], None] | None = None,
        **streams: str,
    ) -> Ended:
        if action is None:
            return self._ask(arguments, directory, env=env, point=point, after=after, **streams)
        pause, over = self._scratch / "pause", threading.Event()

        def watch() -> None:
            while not over.wait(0.005):
                if pause.exists():
                    action()
                    pause.unlink()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            return self._ask(arguments, directory, env=env, point=point, after=after, pause=str(pause))
        finally:
            over.set()
            watcher.join()

    def points(self, *arguments: str, directory: Path) -> tuple[Ended, list[str]]:
        """Run undisturbed and tell every point that was passed."""
        told = self._scratch / "passed.json"
        told.unlink(missing_ok=True)
        ended = self._ask(arguments, directory, passed=str(told))
        return ended, json.loads(told.read_text()) if told.exists() else []

    def _ask(self, arguments: tuple[str, ...], directory: Path, **how: Any) -> Ended:
        out, err = self._scratch / "stdout", self._scratch / "stderr"
        for stream in (out, err):
            stream.write_bytes(b"")
        request = {
            "arguments": list(arguments), "directory": str(directory), "stdout": str(out), "stderr": str(err),
            "env": None, "point": None, "after": None, "pause": None, "passed": None, **how
        }  # fmt: skip
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        return Ended(
            answer["exit"],
            out.read_text(encoding="utf-8", errors="replace"),
            err.read_text(encoding="utf-8", errors="replace"),
            answer["seconds"],
        )


@contextmanager
def forks(scratch: Path, *prefix: str, **more: str) -> Iterator[Forks]:
    """A fork server for as long as the block runs, started by the command *prefix*, with *more* in its environment."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", "tests.forkserver"],
        cwd=ROOT,
        env=environment(**more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as server:
        assert server.stdout
        assert json.loads(server.stdout.readline())["ready"]
        try:
            yield Forks(server, scratch)
        finally:
            assert server.stdin
            server.stdin.close()


def environment(**more: str) -> Mapping[str, str]:
    """A neutral environment for a command, with *more* in it."""
    kept = {
        n: v
        for n, v in os.environ.items()
        if not n.startswith("ERPOA_") and n not in {"COLUMNS", "NO_COLOR", "TZ"}
    }
    return {**kept, "ERPOA_AUTHOR": "tests@huaxin.example", "PYTHONHASHSEED": "random", **more}


def erpoa(*arguments: str, directory: Path, env: Mapping[str, str] | None = None) -> Ended:
    """The installed program, to its end."""
    done = subprocess.run(
        [ERPOA, *arguments],
        cwd=directory,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def start(*arguments: str, directory: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The installed program, just started."""
    return subprocess.Popen(
        [ERPOA, *arguments],
        cwd=directory,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
