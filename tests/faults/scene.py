"""The small company of these tests: two databases, a project, and what both must hold in the end.

A scene stands at one fixed path (a SQLite database is the file at a place, plans are bound to it), is prepared once,
and is put back to a saved moment before every test of a point.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.program import Forks

HERE = Path(__file__).parent
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MAC = 32  # bytes of a sealed base value that are the same for the same value

TABLES = {
    "erp": (
        "SELECT id, number, req_no, supplier, needed_by FROM purchase_order ORDER BY id",
        "SELECT id, order_id, line_no, item, qty, price FROM purchase_order_line ORDER BY id",
        "SELECT code, name, parent_code, head_code FROM department ORDER BY code",
        "SELECT code, name, department_code, id_card, phone FROM employee ORDER BY code",
    ),
    "oa": (
        "SELECT id, code, name, parent_id, manager_id, remark FROM dept ORDER BY id",
        "SELECT id, code, name, dept_id, id_card, phone, remark FROM person ORDER BY id",
        "SELECT req_no, supplier, needed_by, approved, order_number FROM requisition ORDER BY req_no",
        "SELECT req_no, line_no, item, qty, price FROM requisition_line ORDER BY req_no, line_no",
    ),
}

# Each answers the rows that are wrong. Written by hand from what the company wants, not from the project, in the SQL
# of SQLite and PostgreSQL.
AGREEMENT = {
    "a department is missing, or another than the ERP's": """
        SELECT d.code, d.name, d.parent_code, d.head_code FROM department d
        EXCEPT SELECT o.code, o.name, p.code, m.code FROM oa.dept o
        LEFT JOIN oa.dept p ON p.id = o.parent_id LEFT JOIN oa.person m ON m.id = o.manager_id""",
    "a department is not the ERP's": "SELECT code FROM oa.dept WHERE code <> 'X9' AND code NOT IN (SELECT code FROM department)",
    "a department is there twice": "SELECT code FROM oa.dept GROUP BY code HAVING count(*) > 1",
    "a person is missing, or another than the ERP's": """
        SELECT code, name, department_code, id_card, phone FROM employee
        EXCEPT SELECT o.code, o.name, d.code, o.id_card, o.phone FROM oa.person o JOIN oa.dept d ON d.id = o.dept_id""",
    "a person is not the ERP's": "SELECT code FROM oa.person WHERE code <> 'X001' AND code NOT IN (SELECT code FROM employee)",
    "a person is there twice": "SELECT code FROM oa.person GROUP BY code HAVING count(*) > 1",
    "an order is missing, or another than the requisition": """
        SELECT req_no, supplier, needed_by FROM oa.requisition WHERE approved = 1
        EXCEPT SELECT req_no, supplier, needed_by FROM purchase_order""",
    "an order is there twice": "SELECT req_no FROM purchase_order GROUP BY req_no HAVING count(*) > 1",
    "an order nobody asked for": "SELECT req_no FROM purchase_order WHERE req_no NOT IN (SELECT req_no FROM oa.requisition WHERE approved = 1)",
    "a line is missing, or another": """
        SELECT l.req_no, l.line_no, l.item, l.qty, l.price FROM oa.requisition_line l
        JOIN oa.requisition r ON r.req_no = l.req_no WHERE r.approved = 1
        EXCEPT SELECT o.req_no, l.line_no, l.item, l.qty, l.price FROM purchase_order_line l
        JOIN purchase_order o ON o.id = l.order_id""",
    "a line too many": """
        SELECT o.req_no, l.line_no FROM purchase_order_line l JOIN purchase_order o ON o.id = l.order_id
        EXCEPT SELECT req_no, line_no FROM oa.requisition_line""",
    "a line is there twice": "SELECT order_id, line_no FROM purchase_order_line GROUP BY 1, 2 HAVING count(*) > 1",
    "a number did not come back": """
        SELECT r.req_no, r.order_number, o.number FROM oa.requisition r LEFT JOIN purchase_order o ON o.req_no = r.req_no
        WHERE coalesce(r.order_number, '') <> coalesce(o.number, '')""",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """The project directory `root`, and the directory `store` of saved moments."""

    root: Path
    store: Path

    @property
    def plan(self) -> Path:
        return self.root / "the.erpoaplan"

    def build(self) -> None:
        """The project and its two databases, nothing applied yet."""
        self.project()
        self.sql("erp", (HERE / "erp.sql").read_text(encoding="utf-8"))
        self.sql("oa", (HERE / "oa.sql").read_text(encoding="utf-8"))

    def project(self) -> None:
        shutil.copytree(HERE / "world", self.root)
        key = self.root / ".erpoa" / "key"
        key.parent.mkdir(mode=0o700)
        key.touch(mode=0o600)
        key.write_text(KEY)

    def prepare(self, forked: Forks) -> None:
        """Build it and save its moments."""

        def run(*arguments: str) -> None:
            ended = forked.run(*arguments, directory=self.root)
            assert ended.exit == 0, ended

        self.build()
        run("plan", "-o", self.plan.name)
        self.save("fresh")
        run("apply", self.plan.name)
        assert self.disagreements() == {}
        self.plan.unlink()
        self.save("settled")
        self.edit()
        assert self.disagreements()
        run("plan", "-o", self.plan.name)
        self.save("planned")

    def edit(self) -> None:
        """A day's work on both sides."""
        self.sql("erp", (HERE / "erp_edits.sql").read_text(encoding="utf-8"))
        self.sql("oa", (HERE / "oa_edits.sql").read_text(encoding="utf-8"))

    def save(self, moment: str) -> None:
        shutil.copytree(self.root, self.store / moment)

    def restore(self, moment: str) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.store / moment, self.root)

    def sql(self, system: str, script: str) -> None:
        with closing(sqlite3.connect(self.root / f"{system}.db")) as db:
            db.executescript("PRAGMA foreign_keys = ON;" + script)

    def rows(self, system: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / f"{system}.db")) as db:
            return db.execute(query).fetchall()

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every business row of both databases."""
        return {query: self.rows(system, query) for system, queries in TABLES.items() for query in queries}

    def disagreements(self) -> dict[str, list[tuple[Any, ...]]]:
        """What is wrong between the two databases; empty when they agree, no row is lost and none is double."""
        with closing(sqlite3.connect(self.root / "erp.db")) as db:
            db.execute("ATTACH ? AS oa", (str(self.root / "oa.db"),))
            answers = {what: db.execute(query).fetchall() for what, query in AGREEMENT.items()}
            answers["broken foreign keys"] = db.execute("PRAGMA foreign_key_check").fetchall()
            answers["broken foreign keys of the OA"] = db.execute("PRAGMA oa.foreign_key_check").fetchall()
        return {what: rows for what, rows in answers.items() if rows}

    def control(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        path = self.root / ".erpoa" / "control.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as db:
            if not db.execute("SELECT 1 FROM sqlite_schema").fetchone():  # killed before it had tables
                return []
            return db.execute(query, values).fetchall()

    def remembered(self) -> dict[str, Any]:
        """What the state knows: serial, runs, and every base row with its two images, read from the files."""
        memory: dict[str, Any] = {
            "serial": self.control("SELECT environment, serial FROM environments"),
            "runs": self.control("SELECT status FROM runs ORDER BY opened"),
        }
        for environment, target, digest in self.control("SELECT environment, target, digest FROM images"):
            path = self.root / ".erpoa" / "base" / environment / target / f"{digest}.parquet"
            rows = pq.read_table(path).to_pylist()
            memory[target] = sorted(repr({n: _comparable(v) for n, v in row.items()}) for row in rows)
        return memory

    def run_status(self) -> str | None:
        """Status of the run that applies the plan; None before it is opened."""
        with zipfile.ZipFile(self.plan) as archive:
            plan = json.loads(archive.read("plan.json"))["id"]
        found = self.control("SELECT status FROM runs WHERE plan = ?", plan)
        return found[0][0] if found else None

    def batches(self) -> dict[str, int]:
        """How many batches were committed in each system, by its ledger."""
        return {system: self.rows(system, "SELECT count(*) FROM erpoa_ledger")[0][0] for system in TABLES}

    def bytes(self) -> dict[str, bytes]:
        """Every file of the project directory."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


def _comparable(value: Any) -> Any:
    return value[:MAC] if isinstance(value, bytes) else value
