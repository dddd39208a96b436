"""Reads the cases of `plan/`: what both sides hold, and the plan that should come of it (`plan/README.md`)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from erpoa_cli.core.target import Target

PLAN = Path(__file__).parent / "plan"
SECTIONS = {  # folder → heading in docs/engine.md
    "situations": "Situations",
    "fields": "Fields of a confirmed row",
    "documents": "Documents",
    "lines": "Documents and their lines",
}

DEFAULTS = {each.name: each.default for each in fields(Target)}

Rows = tuple[dict[str, Any], ...]
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What each side holds from now on; None: as before."""

    wanted: Rows | None = None
    theirs: Rows | None = None
    settings: Tree = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What is there when the plan was applied; None: it is not told."""

    theirs: Rows | None = None
    remembered: Tree = field(default_factory=dict)
    plan: Tree = field(default_factory=dict)  # what the next plan does; by default nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    section: str
    name: str
    row: str = ""  # of a table in the section, or how one of its points begins
    says: str = ""  # or words of the section
    settings: Tree = field(default_factory=dict)  # of the target
    source: Tree = field(default_factory=dict)  # settings of the source
    policies: Tree = field(default_factory=dict)  # of the project
    alone: bool = False
    before: tuple[Step, ...] = ()
    now: Step
    expect: Tree
    foreign: int | None = None
    after: After = field(default_factory=After)

    @property
    def title(self) -> str:
        return f"{self.section}/{self.name}"

    @property
    def codes(self) -> frozenset[Any]:
        """What names its rows: each begins with that."""
        steps = (*self.before, self.now)
        rows = [row for step in steps for row in (*(step.wanted or ()), *(step.theirs or ()))]
        return frozenset(row[_name(row)] for row in (*rows, *(self.after.theirs or ())))

    @property
    def company(self) -> str:
        """Cases for which this is the same are rows of one company, planned together."""
        settings = {name: value for name, value in self.settings.items() if DEFAULTS.get(name) != value}
        told = (self.source, self.policies, settings, self.now.settings, self.name if self.alone else "")
        return repr((self.section, *told))


def cases() -> list[Case]:
    """All of them, those of one company side by side."""
    found = [read(path) for section in SECTIONS for path in sorted((PLAN / section).glob("*.yml"))]
    return sorted(found, key=lambda case: case.company)


def read(path: Path) -> Case:
    """The case in a file; TypeError when it says something that no case has."""
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    before = told.pop("before", [])
    return Case(
        section=path.parent.name,
        name=path.stem,
        before=tuple(_step(step) for step in (before if isinstance(before, list) else [before])),
        now=_step(told.pop("now")),
        expect=_tree(told.pop("expect")),
        after=_after(told.pop("after", {})),
        **told,
    )


def _step(told: Tree) -> Step:
    sides: Tree = {name: tuple(each) for name, each in told.items() if name != "settings"}
    return Step(**sides, settings=told.get("settings", {}))


def _after(told: Tree) -> After:
    theirs = told.pop("theirs", None)
    return After(
        theirs=None if theirs is None else tuple(theirs), **{name: _tree(each) for name, each in told.items()}
    )


def _tree(told: Tree | str) -> Tree:
    return told if isinstance(told, dict) else {"nothing": {}}[told]


def _name(row: dict[str, Any]) -> str:
    return next(name for name in row if name not in {"id", "was"})
