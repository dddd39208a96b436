"""One entry of the catalogue of diagnostic codes."""

from __future__ import annotations

from dataclasses import dataclass

from erpoa_cli.core.failure_kind import FailureKind


@dataclass(frozen=True, slots=True)
class Code:
    """A stable diagnostic code: `title` in a few words, `meaning` and `remedy` in sentences, and the `kind` of failure
    that a command ends with where this stops it. None: it is about rows, tests or a run, and stops no command by itself."""

    id: str
    title: str
    meaning: str
    remedy: str
    kind: FailureKind | None = None
