"""Requisitions of an OA that want orders of an ERP, both in SQLite, planned and applied for real."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.engine.report import report
from erpoa_cli.render.text import plan as render
from erpoa_cli.state import PlanFile
from tests import planning
from tests.planning import Bound, PlanResult, RunResult

FILES = {
    "erpoa.yml": "format: 1\nname: documents\nowner: a@b.example\ndescription: d\n",
    "systems/s.yml": """
systems:
  oa: {plugin: sqlite, config: {path: oa.db}}
  erp: {plugin: sqlite, config: {path: erp.db}}
""",
    "sources/s.yml": """
sources:
  requisitions:
    system: oa
    object: requisition
    key: [no]
    fields: {no: string, supplier: string, wanted: string}
  requisition_lines:
    system: oa
    object: requisition_line
    key: [no, line]
    fields: {no: string, line: integer, item: string, qty: "decimal(18,2)"}
""",
    "transforms/requested.sql": """
select r.no, r.supplier, r.wanted,
    coalesce(list({'line': l.line, 'item': l.item, 'qty': l.qty} order by l.line) filter (l.line is not null), []) as lines
from {{ source('requisitions') }} r left join {{ source('requisition_lines') }} l on l.no = r.no
group by r.no, r.supplier, r.wanted
""",
    "transforms/t.yml": "transforms: {requested: {description: d, key: [no]}}\n",
}
LIFECYCLE = """
    lifecycle:
      states:
        received: "received > 0"
        cancelled: "cancelled = 'B'"
        confirmed: "status = 'C'"
        submitted: "status = 'S'"
        draft: "true"
      moves:
        - {from: draft, to: submitted, set: {status: S}}
        - {from: submitted, to: confirmed, set: {status: C}}
        - {from: [confirmed, submitted], to: draft, set: {status: D}}
        - {from: [submitted, confirmed], to: cancelled, set: {cancelled: B}}
        - {from: draft, to: absent}
      undo: {draft: absent, submitted: cancelled, confirmed: cancelled, received: task}
      dead: [cancelled]
      editable: [draft]
"""
LINES = """
      lines:
        from: lines
        key: [line]
        object: po_line
        parent: order_id
        fields: {line: line, item: item, qty: qty}
"""
DDL = """
CREATE TABLE po (id INTEGER PRIMARY KEY, req_no TEXT, supplier TEXT, status TEXT NOT NULL DEFAULT 'D',
    cancelled TEXT, received INTEGER NOT NULL DEFAULT 0);
CREATE TABLE po_line (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES po(id), line INTEGER, item TEXT, qty TEXT);
"""


def target(lifecycle: str = LIFECYCLE, lines: str = "", **more: str) -> str:
    """`targets/t.yml` of the orders, with *more* settings."""
    settings = "".join(f"\n    {name}: {value}" for name, value in more.items())
    return f"""
targets:
  orders:
    description: Orders
    from: requested
    system: erp
    object: po
    key: [no]{settings}
    guards: {{max_change: {{share: 100%}}, max_delete: {{count: 100}}}}
    fields:
      req_no: no
      supplier: supplier
      state: wanted{lines}{lifecycle}"""


@dataclass
class Documents:
    root: Path
    plans: int = 0

    def build(self, text: str | None = None) -> Documents:
        for name, content in {**FILES, "targets/t.yml": text or target()}.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        self.sql("oa", "CREATE TABLE requisition (no TEXT PRIMARY KEY, supplier TEXT, wanted TEXT);")
        self.sql("oa", "CREATE TABLE requisition_line (no TEXT, line INTEGER, item TEXT, qty TEXT);")
        self.sql("erp", DDL)
        return self

    def sql(self, system: str, script: str) -> None:
        with closing(sqlite3.connect(self.root / f"{system}.db")) as db:
            db.executescript("PRAGMA foreign_keys = ON;" + script)

    def rows(self, query: str, system: str = "erp") -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / f"{system}.db")) as db:
            return db.execute(query).fetchall()

    def want(self, no: str, wanted: str | None, supplier: str = "华信") -> None:
        said = "NULL" if wanted is None else f"'{wanted}'"
        self.sql("oa", f"INSERT OR REPLACE INTO requisition VALUES ('{no}', '{supplier}', {said});")

    def orders(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT req_no, supplier, status, cancelled FROM po ORDER BY id")

    def bound(self) -> Bound:
        return planning.bound(self.root)

    def plan(self, **options: Any) -> PlanResult:
        self.plans += 1
        return planning.plan(self.bound(), out=self.root / f"{self.plans}.erpoaplan", **options)

    def apply(self, result: PlanResult | None = None) -> RunResult:
        return planning.apply(self.bound(), result or self.plan())

    def base(self) -> dict[str, dict[str, Any]]:
        return {row["k_no"]: row for row in planning.base(self.bound(), "orders")}

    def diagnostics(self) -> list[Diagnostic]:
        try:
            self.plan()
        except Failure as failure:
            return list(failure.diagnostics)
        return []


def steps(result: PlanResult, member: str = "changes", name: str = "orders") -> list[tuple[Any, ...]]:
    """What a plan does to orders: key, step, action, call, from, to; ordered as it is written."""
    rows = sorted(planning.rows(result, member, name), key=lambda r: (r["wave"], r["k_no"], r["step"]))
    return [(r["k_no"], r["step"], r["action"], r["call"], r["a_state"], r["d_state"]) for r in rows]


def tasks(result: PlanResult) -> list[tuple[str, str]]:
    return [(r["k_no"], r["code"]) for r in planning.rows(result, "tasks", "orders")]


def told(root: Path, result: PlanResult, **options: Any) -> str:
    """A plan as a person reads it."""
    found = report(PlanFile.open(result.path), root, **options)
    return "\n".join("".join(piece.text for piece in line) for line in render(found, 100))
