"""What went wrong, where, and what to do next: a value, collected and shown together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from erpoa_cli.core.failure_kind import FailureKind


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


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
    """Stops a command: the diagnostics to show.

    Raised by every layer below the doors; each door turns it into its own words and its own answer to the kind. *kind*:
    where the diagnostics amount to something else as a whole than their codes say.
    """

    def __init__(self, *diagnostics: Diagnostic, kind: FailureKind | None = None) -> None:
        super().__init__("; ".join(f"{d.code}: {d.summary}" for d in diagnostics))
        self.diagnostics = diagnostics
        self._kind = kind

    @property
    def kind(self) -> FailureKind:
        """The kind of failure that the codes of its errors mean (`core.codes`), of several the foremost; FAILED when
        none means any."""
        from erpoa_cli.core.codes import CATALOGUE  # noqa: PLC0415 - not before something fails

        if self._kind is not None:
            return self._kind
        errors = (CATALOGUE.get(d.code) for d in self.diagnostics if d.severity is Severity.ERROR)
        found = {code.kind for code in errors if code is not None}
        return next((kind for kind in FailureKind if kind in found), FailureKind.FAILED)


@dataclass(slots=True)
class Findings:
    """A collector of diagnostics: judge everything, then stop once."""

    items: list[Diagnostic] = field(default_factory=list)

    def add(self, diagnostic: Diagnostic) -> None:
        self.items.append(diagnostic)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.items if d.severity is Severity.ERROR)

    def stop_on_errors(self) -> None:
        """Raise `Failure` with all findings if one of them is an error: what was judged is not valid."""
        if self.errors:
            raise Failure(*self.items, kind=FailureKind.INVALID)
