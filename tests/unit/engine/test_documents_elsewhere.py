"""Lines inside documents of stores that are no DuckDB: a file of JSON lines, Parquet, a text column with JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import InDoubt
from tests.unit.engine.orders import Orders, changes

pytestmark = [pytest.mark.slow, pytest.mark.in_turn("documents", of=3, seconds=5)]

HOSTILE = "';--\u202e😀\t\"{}[],\\"
LINE = pa.struct(
    [("no", pa.int64()), ("item", pa.utf8()), ("qty", pa.decimal128(12, 3)), ("remark", pa.utf8())]
)
SCHEMA = pa.schema([("id", pa.utf8()), ("buyer", pa.utf8()), ("lines", pa.list_(LINE))])
Row = tuple[Any, ...]


class Elsewhere(Orders):
    """The orders' store in `erp/`; `stored` gives (no, item, qty) of the lines of an order, whoever reads them."""

    def __init__(self, root: Path, kind: str) -> None:
        self.kind = kind
        super().__init__(root)
        self.file(
            "systems/s.yml",
            f"systems: {{oa: {{plugin: duckdb, config: {{path: oa.duckdb}}}}, erp: {self.system}}}",
        )
        self.start([{"id": "old", "buyer": "theirs", "lines": [{"no": 1, "item": "A", "qty": 1}]}])

    @property
    def system(self) -> str:
        if self.kind == "sqlite":
            return "{plugin: sqlite, config: {path: erp.db}}"
        name = f"orders.{self.kind}"
        return f"{{plugin: files, config: {{path: erp, files: {{{name}: {{id: [id]{self.fields}}}}}}}}}"

    @property
    def fields(self) -> str:
        return ", fields: [id, buyer, lines]" if self.kind == "jsonl" else ""

    def declare(self, **_: str) -> None:
        name = "purchase_order" if self.kind == "sqlite" else f"orders.{self.kind}"
        self.file(
            "targets/t.yml",
            f"""
            targets:
              orders:
                from: requisitions
                system: erp
                object: {name}
                key: [no]
                id: [id]
                guards: {{max_delete: {{count: 100}}}}
                fields:
                  id: no
                  buyer: buyer
                  lines: {{from: lines, key: [line_no], fields: {{no: line_no, item: item_code, qty: qty}}}}
            """,
        )

    def start(self, rows: list[dict[str, Any]]) -> None:
        """The store with *rows* and nothing else."""
        (self.root / "erp").mkdir(exist_ok=True)
        match self.kind:
            case "parquet":
                pq.write_table(pa.Table.from_pylist(rows, SCHEMA), self.root / "erp" / "orders.parquet")
            case "jsonl":
                text = "".join(json.dumps(row, default=float) + "\n" for row in rows)
                (self.root / "erp" / "orders.jsonl").write_text(text)
            case _:
                self.sql(
                    "DROP TABLE IF EXISTS purchase_order; CREATE TABLE purchase_order (id TEXT PRIMARY KEY, buyer TEXT, lines TEXT)",
                    "erp.db",
                )
                with closing(sqlite3.connect(self.root / "erp.db")) as db, db:
                    values = [(r["id"], r["buyer"], json.dumps(r["lines"], default=float)) for r in rows]
                    db.executemany("INSERT INTO purchase_order VALUES (?, ?, ?)", values)

    def stored(self, no: str) -> list[Row]:
        match self.kind:
            case "parquet":
                rows = pq.read_table(self.root / "erp" / "orders.parquet").to_pylist()
            case "jsonl":
                text = (self.root / "erp" / "orders.jsonl").read_text(encoding="utf-8")
                rows = [json.loads(line, parse_float=Decimal) for line in text.split("\n") if line]
            case _:
                with closing(sqlite3.connect(self.root / "erp.db")) as db:
                    found = db.execute("SELECT id, lines FROM purchase_order").fetchall()
                rows = [{"id": id_, "lines": json.loads(text)} for id_, text in found]
        (lines,) = (row["lines"] for row in rows if row["id"] == no)
        return [(line["no"], line["item"], Decimal(str(line["qty"]))) for line in lines]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "sqlite"])
def test_documents_with_lines_go_there_and_come_back(tmp_path: Path, kind: str):
    orders = Elsewhere(tmp_path, kind)
    orders.want("PR-1", [(1, HOSTILE, Decimal("2.000"), None), (2, "B", Decimal("123456789.125"), None)])
    orders.want("PR-2", [(1, None, None, None)])
    assert orders.apply().outcomes["orders.lines"] == {Outcome.APPLIED: 3}
    assert orders.stored("PR-1") == [(1, HOSTILE, Decimal(2)), (2, "B", Decimal("123456789.125"))]
    assert orders.plan().conclusion is PlanConclusion.UNCHANGED
    orders.want("PR-1", [(2, "C", Decimal("0.001"), None), (3, HOSTILE, Decimal(7), None)])
    told = orders.apply().outcomes
    assert (told["orders"], told["orders.lines"]) == ({Outcome.APPLIED: 1}, {Outcome.APPLIED: 3})
    assert orders.stored("PR-1") == [(2, "C", Decimal("0.001")), (3, HOSTILE, Decimal(7))]
    assert orders.plan().conclusion is PlanConclusion.UNCHANGED


@pytest.mark.parametrize("kind", ["jsonl", "sqlite"])
def test_lines_that_are_more_than_declared_are_left_alone(tmp_path: Path, kind: str):
    """They would be lost by writing the list anew."""
    orders = Elsewhere(tmp_path, kind)
    more = [{"no": 1, "item": "A", "qty": 1, "remark": "theirs"}]
    orders.start([{"id": "PR-1", "buyer": "王", "lines": more}, {"id": "PR-2", "buyer": "王", "lines": []}])
    orders.want("PR-1", [(1, "A", Decimal(5), None)])
    orders.want("PR-2", [(1, "A", Decimal(5), None)])
    result = orders.plan()
    assert [r["k_no"] for r in changes(result, "orders")] == ["PR-2"]
    assert [(r["k_no"], r["code"]) for r in changes(result, "orders", "held")] == [("PR-1", "E0410")]
    assert {r["k_no"] for r in changes(result, "orders.lines")} == {"PR-2"}
    orders.apply(result)
    assert orders.stored("PR-1") == [(1, "A", Decimal(1))]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_answer_that_was_lost_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str):
    orders = Elsewhere(tmp_path, "jsonl")
    orders.want("PR-1", [(1, "A", Decimal(1), None)])
    orders.apply()
    orders.want("PR-1", [(1, "A", Decimal(5), None), (2, "B", Decimal(1), None)])
    orders.want("PR-2", [(1, "A", Decimal(5), None)])
    real: Callable[..., Any] = FilesSession.write
    lost: list[str] = []

    def write(self: FilesSession, batch: WriteBatch) -> Any:
        if batch.action.value in lost:
            return real(self, batch)
        lost.append(batch.action.value)
        if moment == "after":
            list(real(self, batch))
        raise InDoubt("cut off")

    monkeypatch.setattr(FilesSession, "write", write)
    told = orders.apply().outcomes
    assert (told["orders"], told["orders.lines"]) == ({Outcome.APPLIED: 2}, {Outcome.APPLIED: 3})
    assert orders.stored("PR-1") == [(1, "A", Decimal(5)), (2, "B", Decimal(1))]
    assert orders.stored("PR-2") == [(1, "A", Decimal(5))]
    assert orders.plan().conclusion is PlanConclusion.UNCHANGED
