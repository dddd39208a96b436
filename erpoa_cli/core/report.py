"""What a command answers, as values: many renderers read them, none decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.plan import Change, GuardVerdict, Header, Pattern, Read, SetAside


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What a plan says about one target. `counts` (by action) and `aside` (by kind: held, withheld, drift,
    conflict) are of all rows; `changes` and `set_aside` are the rows listed singly, the `patterns` stand for
    the other changes; `unlisted` and `unlisted_aside` rows are neither."""

    target: str
    system: str
    object: str
    parent: str = ""  # lines: the target of their document
    counts: Mapping[str, int] = field(default_factory=dict)
    aside: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)  # of a run
    causes: Mapping[str, int] = field(default_factory=dict)  # of the changes that write
    patterns: tuple[Pattern, ...] = ()
    changes: tuple[Change, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    unlisted: int = 0
    unlisted_aside: int = 0
    uncompared: Mapping[str, str] = field(default_factory=dict)  # field: why it is not compared
    unproven: int = 0  # removals that are wanted and not proven

    @property
    def silent(self) -> bool:
        """Nothing to say: no change and nothing set aside."""
        return not self.changes and not self.patterns and not self.aside and not any(self.counts.values())


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The run that applied a plan."""

    id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """A plan as reviewers read it, or, with `run`, what became of it. `applied`: by which run; `expired`: it is too old."""

    header: Header
    file: str = ""
    targets: tuple[TargetReport, ...] = ()
    reads: tuple[Read, ...] = ()
    guards: tuple[GuardVerdict, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    run: RunSummary | None = None
    applied: str = ""
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as a person reads them; `columns` are the headings."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What every other command answers: `data` are the members of its JSON document, `tables` and `lines`
    say the same to a person; `text` is a ready-made document (a graph in DOT, a schema) printed as it is."""

    data: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    lines: tuple[str, ...] = ()
    text: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
