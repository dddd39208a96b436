"""A value of a declared type on its way into a column of any type, in every part that a field plays."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from erpoa_cli.core.diagnostic import Failure
from tests import planning

VALUES: Mapping[str, tuple[str, str]] = {
    "string": ("A", "007"),
    "integer": ("7", "8"),
    "decimal(10,2)": ("7.00", "0.10"),
    "boolean": ("true", "false"),
    "date": ("2026-01-02", "2026-01-03"),
    "time": ("10:00:00", "10:00:00.5"),
    "timestamp": ("2026-01-02 00:00:00", "2026-01-02 10:00:00.000001"),
    "timestamptz": ("2026-01-02 00:00:00Z", "2026-01-02 10:00:00+08:00"),
    "json": ('{"b": 1, "a": [1.10]}', "7"),
    "bytes": ("00ff", "41"),
}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("TEXT", "INTEGER", "NUMERIC", "DECIMAL(12,2)", "REAL", "BOOLEAN", "DATE", "TIME", "DATETIME",
               "TIMESTAMPTZ", "JSON", "BLOB", ""),
    "duckdb": ("VARCHAR", "BIGINT", "INTEGER", "DECIMAL(12,2)", "DECIMAL(9,0)", "DOUBLE", "BOOLEAN", "DATE", "TIME", "TIMESTAMP",
               "TIMESTAMPTZ", "JSON", "BLOB", "VARCHAR[]"),
}  # fmt: skip
ROLES = ("field", "key", "match", "ref", "by")
_TARGET: Mapping[str, Mapping[str, Any]] = {
    "field": {"key": ["no"], "fields": ["no", "v"]},
    "key": {"key": ["v"], "fields": ["v", "name"]},
    "match": {"key": ["v"], "fields": ["v", "name"]},
}


@dataclass(frozen=True)
class Pair:
    """Values of the type *declared* for a *column* of a database of *plugin*."""

    plugin: str
    declared: str
    column: str
    role: str

    def __str__(self) -> str:
        return f"{self.plugin}: {self.declared} as {self.role} in {self.column or 'no type'}"


class Project:
    """The project of one pair in *root*; both rows of the source go into an empty table."""

    def __init__(self, root: Path, pair: Pair) -> None:
        self.root, self.pair = root, pair
        root.mkdir(parents=True)
        one, two = VALUES[pair.declared]
        (root / "rows.csv").write_text(
            "no,name,v\n"
            + "".join(f'{n},n{n},"{v.replace(chr(34), chr(34) * 2)}"\n' for n, v in ((1, one), (2, two)))
        )
        own = "" if pair.role == "key" else "id INTEGER PRIMARY KEY, "
        key = " PRIMARY KEY" if pair.role == "key" else ""
        name = '"v"'
        tables = [f"CREATE TABLE t ({own}no INTEGER, name VARCHAR(20), {name} {pair.column}{key})"]
        if pair.plugin == "duckdb" and own:
            tables = ["CREATE SEQUENCE s", tables[0].replace("id INTEGER", "id INTEGER DEFAULT nextval('s')")]
        if pair.role in ("ref", "by"):
            kind = pair.column if pair.role == "ref" else "INTEGER"
            tables.append(f"CREATE TABLE child (id INTEGER PRIMARY KEY, no INTEGER, parent {kind})")
            if pair.plugin == "duckdb":
                tables.append("CREATE SEQUENCE c")
                tables[-2] = tables[-2].replace("id INTEGER", "id INTEGER DEFAULT nextval('c')")
                tables[-1], tables[-2] = tables[-2], tables[-1]
        self.sql(*tables)
        self._file("erpoa.yml", format=1, name="pair", owner="a@b.example", description="d")
        self._file(
            "systems/s.yml",
            systems={
                "erp": {"plugin": "files", "config": {"path": "."}},
                "oa": {"plugin": pair.plugin, "config": {"path": "oa.db"}},
            },
        )
        fields = {"no": "integer", "name": "string", "v": pair.declared}
        self._file(
            "sources/s.yml",
            sources={"rows": {"system": "erp", "object": "rows.csv", "key": ["no"], "fields": fields}},
        )
        self._file("targets/t.yml", targets=self._targets())

    def _targets(self) -> dict[str, Any]:
        at = {"from": "rows", "system": "oa"}
        if self.pair.role in _TARGET:
            return {"t": {**at, "object": "t", **_TARGET[self.pair.role]}}
        parent = {**at, "object": "t", "key": ["v"], "fields": ["v", "name"]}
        child = {
            **at,
            "object": "child",
            "key": ["no"],
            "fields": {"no": "no", "parent": {"ref": "t", "by": "v"}},
        }
        if self.pair.role == "ref":
            parent["id"] = ["v"]  # the column tells their rows apart: it is what others refer to
        return {"t": parent, "child": child}

    def _file(self, where: str, **content: Any) -> None:
        path = self.root / where
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        connect = sqlite3.connect if self.pair.plugin == "sqlite" else duckdb.connect
        db: Any = connect(str(self.root / "oa.db"))
        try:
            found: list[tuple[Any, ...]] = []
            for statement in statements:
                done = db.execute(statement)
                found = done.fetchall() if statement.startswith("SELECT") else []
            db.commit()
            return found
        finally:
            db.close()

    def outcome(self) -> tuple[str, Sequence[str]]:
        """`refused` with codes, `aside` when the plan sets rows aside or the run refuses them, `settled` when all was written and the
        next plan has nothing to say."""
        try:
            bound = planning.bound(self.root)
            first = planning.plan(bound)
        except Failure as failure:
            return "refused", sorted({d.code for d in failure.diagnostics})
        told = [m for m, *_ in planning.told(first) if m not in ("changes", "state")]
        try:
            run = planning.apply(bound, first)
        except Failure as failure:
            return "not applied", sorted({d.code for d in failure.diagnostics})
        outcomes = {str(o) for counts in run.outcomes.values() for o, n in counts.items() if n}
        again = list(planning.told(planning.plan(bound)))
        if told or outcomes - {"applied"}:
            return "aside", [*map(str, told), *outcomes]
        return ("settled", []) if not again else ("unsettled", [str(a) for a in again])
