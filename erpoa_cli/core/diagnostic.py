"""What went wrong, where, and what to do next: a value, collected and shown together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Exit(IntEnum):
    """Exit codes of the program; see `docs/cli.md`."""

    SUCCESS = 0
    FAILURE = 1
    CHANGES = 2
    INVALID = 3
    BLOCKED = 4
    PARTIAL = 5
    STALE = 6
    LOCKED = 7
    IN_DOUBT = 8
    CONFLICTS = 9
    INTERRUPTED = 130  # by Ctrl-C
    TERMINATED = 143  # by SIGTERM


# When several hold, the one a caller must act on first wins.
PRECEDENCE = (
    Exit.FAILURE,
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.INVALID,
    Exit.LOCKED,
    Exit.STALE,
    Exit.BLOCKED,
    Exit.IN_DOUBT,
    Exit.CONFLICTS,
    Exit.PARTIAL,
    Exit.CHANGES,
    Exit.SUCCESS,
)


def worst(codes: Iterable[Exit]) -> Exit:
    """The exit code that stands for all of *codes* (SUCCESS when there are none)."""
    return min(codes, key=PRECEDENCE.index, default=Exit.SUCCESS)


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a project file: path relative to the project, line and column counted from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is stable and explained by `erpoa explain CODE` (see `core.codes`)."""

    code: str
    summary: str
    detail: str = ""
    remedy: str = ""
    at: Location | None = None
    snippet: str = ""
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Misfit:
    """How a value departs from what it should be: the `path` that leads to the trouble, the words, and the `key` at that
    path where it is about one that should not be there."""

    path: tuple[str | int, ...]
    words: str
    key: str = ""

    @property
    def dotted(self) -> str:
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path).lstrip(".")


class Failure(Exception):
    """Stops a command: the diagnostics to show and the exit code to end with.

    Raised by every layer below the command line, turned into output and an exit code only there.
    """

    def __init__(self, *diagnostics: Diagnostic, exit: Exit = Exit.FAILURE) -> None:
        super().__init__("; ".join(f"{d.code}: {d.summary}" for d in diagnostics))
        self.diagnostics = diagnostics
        self.exit = exit


@dataclass(slots=True)
class Findings:
    """A collector of diagnostics: judge everything, then stop once."""

    items: list[Diagnostic] = field(default_factory=list)

    def add(self, diagnostic: Diagnostic) -> None:
        self.items.append(diagnostic)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.items if d.severity is Severity.ERROR)

    def stop_on_errors(self, exit: Exit = Exit.INVALID) -> None:
        """Raise `Failure` with all findings if one of them is an error."""
        if self.errors:
            raise Failure(*self.items, exit=exit)
