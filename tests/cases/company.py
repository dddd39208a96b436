"""Plans and applies the cases of one company for real: two databases, the project between them, and a state."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from erpoa_cli.core.situation import Outcome
from erpoa_cli.state import PlanFile
from tests import planning
from tests.cases.facts import Facts, facts, remembered
from tests.cases.situation import PLAN, Case, Rows, Step, Tree
from tests.planning import Bound, PlanResult

SIDES = ("wanted", "theirs")  # names of the databases, too


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of the rows of a company: its plan, and what was there when that was applied."""

    plan: Facts
    foreign: int
    theirs: list[Tree]
    remembered: dict[str, dict[str, str]]
    again: Facts


class Company:
    """*cases* in the directory `root`, planned together."""

    def __init__(self, root: Path, cases: Sequence[Case]) -> None:
        self.root, self.cases = root, cases
        shutil.copytree(PLAN / cases[0].section / "project", root, dirs_exist_ok=True)
        for side in SIDES:
            with self._database(side) as db:
                db.executescript((root / f"{side}.sql").read_text(encoding="utf-8"))
        self._settle("sources", cases[0].source)
        if cases[0].policies:
            (root / "policies").mkdir()
            (root / "policies" / "policies.yml").write_text(
                yaml.safe_dump(cases[0].policies), encoding="utf-8"
            )

    def run(self) -> Ran:
        for n in range(max(len(case.before) for case in self.cases)):
            self._fill((case, case.before[n]) for case in self.cases if n < len(case.before))
            self._apply(planning.plan(self._settled()))
        self._fill((case, case.now) for case in self.cases)
        bound = self._settled(self.cases[0].now.settings)
        plan = again = planning.plan(bound)
        if plan.header.applyable:
            self._apply(plan)
            again = planning.plan(bound)
        return Ran(
            facts(plan),
            sum(read.verdict.evidence.get("foreign", 0) for read in PlanFile.open(plan.path).reads),
            self._contents(),
            self._base(bound),
            facts(again),
        )

    def _apply(self, plan: PlanResult) -> None:
        outcomes = planning.apply(self._bound, plan).outcomes
        assert {each for counts in outcomes.values() for each in counts} <= {Outcome.APPLIED}, outcomes

    # -- project ---------------------------------------------------------------------------------------------------

    def _settled(self, more: Tree | None = None) -> Bound:
        """The project with the settings of its cases, and *more*."""
        self._settle("targets", merged(self.cases[0].settings, more or {}))
        self._bound = planning.bound(self.root)
        return self._bound

    def _settle(self, kind: str, settings: Tree) -> None:
        """Write the one source or target that the project has, with *settings*."""
        (path,) = (PLAN / self.cases[0].section / "project" / kind).iterdir()
        ((name, told),) = yaml.safe_load(path.read_text(encoding="utf-8"))[kind].items()
        text = yaml.safe_dump({kind: {name: merged(told, settings)}}, allow_unicode=True, sort_keys=False)
        (self.root / kind / path.name).write_text(text, encoding="utf-8")

    def _base(self, bound: Bound) -> dict[str, dict[str, str]]:
        found = {}
        for name in bound.targets:
            key = [f"k_{column}" for column in bound.targets[name].key]
            for row in planning.base(bound, name):
                found["/".join(str(row[column]) for column in key)] = remembered(row)
        return found

    # -- rows ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _database(self, side: str) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.root / f"{side}.db")) as db, db:
            db.row_factory = sqlite3.Row
            yield db

    @cached_property
    def _tables(self) -> dict[str, tuple[str, str]]:
        """The table of each side and the column that names its rows, which is the first but `id`."""
        found = {}
        for side in SIDES:
            with self._database(side) as db:
                (table,) = (
                    row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                )
                names = [row["name"] for row in db.execute(f"PRAGMA table_info({table})")]
            found[side] = (table, next(name for name in names if name != "id"))
        return found

    def _fill(self, steps: Iterable[tuple[Case, Step]]) -> None:
        told = list(steps)
        for side in SIDES:
            with self._database(side) as db:
                for case, step in told:
                    rows: Rows | None = getattr(step, side)
                    if rows is not None:
                        self._replace(db, side, case.codes, rows)

    def _replace(self, db: sqlite3.Connection, side: str, codes: frozenset[Any], rows: Rows) -> None:
        """The rows that *codes* name become *rows*; one that is named as before stays the same row, with its identifier."""
        table, key = self._tables[side]
        old = {
            row[key]: row["n"]
            for row in db.execute(f"SELECT rowid AS n, {key} FROM {table}")
            if row[key] in codes
        }
        kept = [(old.pop(row.get("was", row.get(key)), None), row) for row in rows]
        db.executemany(f"DELETE FROM {table} WHERE rowid = ?", [(n,) for n in old.values()])
        for n, row in kept:
            values = {name: _stored(value) for name, value in row.items() if name != "was"}
            if n is None:
                marks = ", ".join("?" * len(values))
                db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", [*values.values()])
            else:
                sets = ", ".join(f"{name} = ?" for name in values)
                db.execute(f"UPDATE {table} SET {sets} WHERE rowid = ?", [*values.values(), n])

    def _contents(self) -> list[Tree]:
        table, _ = self._tables["theirs"]
        with self._database("theirs") as db:
            return [dict(row) for row in db.execute(f"SELECT * FROM {table}")]


def _stored(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def merged(tree: Tree, more: Tree) -> Tree:
    """*tree* with *more* over it, down to single settings."""
    both = tree | more
    for name in tree.keys() & more.keys():
        if isinstance(tree[name], dict) and isinstance(more[name], dict):
            both[name] = merged(tree[name], more[name])
    return both
