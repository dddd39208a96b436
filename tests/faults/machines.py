"""A machine: a checkout of the project of these tests, and how its commands are run.

One that is *elsewhere* has a host name and process numbers of its own (Linux namespaces): nobody here can see whether
its processes live.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.kept import forms
from tests.program import ERPOA, Ended, Forks

PASSWORD = "pä:ss/wörd+密码 7QXcanary"
LEAKS = forms(PASSWORD)


@dataclass(frozen=True, slots=True)
class Machine:
    """A checkout and how its commands are run."""

    root: Path
    env: Mapping[str, str]
    prefix: tuple[str, ...] = ()
    forks: Forks | None = None  # where commands run that nobody sends a signal

    def run(self, *arguments: str) -> Ended:
        """A command, to its end."""
        if self.forks is not None:
            return _discreet(self.forks.run(*arguments, directory=self.root, env=self.env))
        with self.start(*arguments) as program:
            return ended(program)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.prefix, str(ERPOA), *arguments],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def must(self, *arguments: str, exit: int = 0) -> Ended:
        """A command that ends with *exit*."""
        done = self.run(*arguments)
        assert done.exit == exit, done
        return done

    def nothing_to_do(self) -> None:
        """A plan made here is empty."""
        self.must("plan", "--detailed-exitcode")


def ended(program: subprocess.Popen[bytes]) -> Ended:
    """How *program* ended. Whatever it did, it did not tell the password of the state."""
    out, err = program.communicate(timeout=300)
    return _discreet(Ended(program.returncode, out.decode(errors="replace"), err.decode(errors="replace")))


def _discreet(end: Ended) -> Ended:
    told = (end.out + end.err).encode(errors="replace")
    assert not [form for form in LEAKS if form in told], "the password was told"
    return end


def elsewhere(host: str) -> tuple[str, ...]:
    if not host:
        return ()
    own = ("unshare", "--pid", "--fork", "--kill-child", "--uts")
    return (*own, "sh", "-c", 'hostname "$0" && exec "$@"', host)


def can_be_wrong() -> bool:
    """Whether a program can be shown a wrong clock here (libfaketime)."""
    return shutil.which("faketime") is not None


def wrong_clock(offset: str) -> tuple[str, ...]:
    return ("faketime", "-f", offset) if offset else ()


def can_be_elsewhere() -> bool:
    """Whether namespaces may be made here (Linux, as root)."""
    done = (
        subprocess.run([*elsewhere("elsewhere"), "true"], check=False, capture_output=True)
        if shutil.which("unshare")
        else None
    )
    return done is not None and done.returncode == 0
