"""Requisitions of an OA that become orders of an ERP, whose lines live inside the order: a project over two DuckDB files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb

from tests import planning
from tests.planning import PlanResult, RunResult
from tests.unit.engine.small import Small

LINE = "STRUCT(line_id BIGINT, src_line BIGINT, item BIGINT, qty DECIMAL(12,3), price DECIMAL(12,2), remark VARCHAR)"


class Orders(Small):
    """`want` fills the OA, `hold` the ERP; lines of the OA are (line_no, item code, qty, price), of the ERP whole structs."""

    def __init__(self, root: Path, **lines: str) -> None:
        super().__init__(root)
        self.file("erpoa.yml", "format: 1\nname: orders\nowner: a@b.example\ndescription: d\n")
        self.file(
            "systems/s.yml",
            "systems: {oa: {plugin: duckdb, config: {path: oa.duckdb}}, erp: {plugin: duckdb, config: {path: erp.duckdb}}}",
        )
        self.file(
            "sources/s.yml",
            """
            sources:
              items: {system: oa, object: item, key: [code], fields: {code: string, name: string}}
              requisitions:
                system: oa
                object: requisition
                key: [no]
                fields:
                  no: string
                  buyer: string
                  lines: "list<struct<line_no: integer, item_code: string, qty: decimal(12,3), price: decimal(12,2)>>"
            """,
        )
        self.declare(**lines)
        self.run("oa", "CREATE TABLE item (code VARCHAR, name VARCHAR)")
        self.run("oa", "INSERT INTO item VALUES ('A', '螺丝'), ('B', '螺母')")
        self.run(
            "oa",
            """CREATE TABLE requisition (no VARCHAR, buyer VARCHAR,
            lines STRUCT(line_no BIGINT, item_code VARCHAR, qty DECIMAL(12,3), price DECIMAL(12,2))[])""",
        )
        self.run("erp", "CREATE SEQUENCE ids START 100")
        self.run(
            "erp",
            "CREATE TABLE material (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), code VARCHAR UNIQUE, name VARCHAR)",
        )
        self.run(
            "erp",
            f"CREATE TABLE purchase_order (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), no VARCHAR, buyer VARCHAR, lines {LINE}[])",
        )

    def declare(
        self, *, manner: str = "", lines: str = "", more: str = "", price: str = "{from: price, master: erp}"
    ) -> None:
        self.file(
            "targets/t.yml",
            f"""
            targets:
              materials: {{from: items, system: erp, object: material, key: [code], fields: [code, name]}}
              orders:
                from: requisitions
                system: erp
                object: purchase_order
                key: [no]
                guards: {{max_delete: {{count: 100}}}}
                {manner or "tags: []"}
                fields:
                  no: no
                  buyer: buyer
                  {more}
                  lines:
                    from: lines
                    key: [line_no]
                    {lines or "on_missing_line: delete"}
                    fields:
                      src_line: line_no
                      item: {{ref: materials, by: [item_code]}}
                      qty: qty
                      price: {price}
            """,
        )

    def run(self, system: str, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(str(self.root / f"{system}.duckdb"))) as db:
            return db.execute(dedent(sql), list(parameters) or None).fetchall()

    def want(self, no: str, lines: Sequence[tuple[Any, ...]] | None, buyer: str = "王") -> None:
        self.run("oa", "DELETE FROM requisition WHERE no = ?", [no])
        names = ("line_no", "item_code", "qty", "price")
        structs = None if lines is None else [dict(zip(names, line, strict=True)) for line in lines]
        self.run("oa", "INSERT INTO requisition VALUES (?, ?, ?)", [no, buyer, structs])

    def hold(self, no: str, lines: Sequence[tuple[Any, ...]], buyer: str = "王") -> None:
        """The lines of an order as the ERP shall hold them: (line_id, src_line, item, qty, price, remark)."""
        names = ("line_id", "src_line", "item", "qty", "price", "remark")
        structs = [dict(zip(names, line, strict=True)) for line in lines]
        self.run(
            "erp",
            "INSERT OR REPLACE INTO purchase_order SELECT coalesce((SELECT id FROM purchase_order WHERE no = $1), nextval('ids')), $1, $2, $3",
            [no, buyer, structs],
        )

    def held(self, no: str) -> list[tuple[Any, ...]] | None:
        """The lines that the ERP holds, as `hold` takes them, with the item's code."""
        codes = dict(self.run("erp", "SELECT id, code FROM material"))
        ((lines,),) = self.run("erp", "SELECT lines FROM purchase_order WHERE no = ?", [no])
        return (
            None
            if lines is None
            else [tuple(codes.get(v, v) if n == "item" else v for n, v in line.items()) for line in lines]
        )

    def resume(self) -> RunResult:
        return planning.resume(self.bound())

    def rollback(self, run: str) -> PlanResult:
        return planning.roll_back(self.bound(), run)


def changes(result: PlanResult, target: str, member: str = "changes") -> list[dict[str, Any]]:
    """What a plan says of the rows of *target*, by key."""
    return planning.rows(result, member, target)
