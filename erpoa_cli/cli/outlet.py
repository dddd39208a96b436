"""The program's streams. Writing to them never fails: an answer that nobody can take is lost, and told once at the end.

So nothing that was begun stops because somebody no longer listens. Imports next to nothing: it is there before everything else.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys


class Outlet(io.TextIOWrapper):
    """A stream on a descriptor. `lost`: why something that was written to it did not arrive."""

    lost: OSError | None = None

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Send what is left, and all that follows, to where it disturbs nobody."""
        self.lost = self.lost or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        with contextlib.suppress(OSError):
            super().flush()


def open_streams() -> None:
    """Make the standard streams outlets, those that were given closed too: no file that is opened later takes their place."""
    for number, flags in enumerate(
        (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
    ):  # an answer to a closed stdout fails
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest that is free
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115 - for as long as the program lasts
    for number, name in ((1, "stdout"), (2, "stderr")):
        setattr(sys, name, _outlet(getattr(sys, name), number))


def _outlet(stream: io.TextIOWrapper | None, number: int) -> Outlet:
    """A locale that lacks a character is no reason to fail."""
    if stream is None:
        return Outlet(open(number, "wb", closefd=False), "utf-8", "backslashreplace")
    buffering = stream.line_buffering or number == 2
    return Outlet(stream.buffer, stream.encoding, "backslashreplace", line_buffering=buffering)


def told(code: int) -> int:
    """The exit code of a command that ends with *code*, which is a failure where its answer was lost."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    lost = sys.stdout.lost if isinstance(sys.stdout, Outlet) else None
    if lost is None:
        return code
    if not isinstance(lost, BrokenPipeError):  # who closes a pipe has read enough
        print(
            f"error E0621: the answer could not be written: {lost.strerror}\n"
            "  → What the command did is done and recorded (`erpoa runs ls`, `erpoa show RUN`). Make room, or name a file with -o.",
            file=sys.stderr,
        )
    return code if code > 128 else 1
