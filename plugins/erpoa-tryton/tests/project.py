"""A project that keeps suppliers, products and purchases of a Tryton as an OA says, and the OA."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.program import Ended, Forks, environment

OA = """
CREATE TABLE supplier (code TEXT PRIMARY KEY, name TEXT NOT NULL, tax_no TEXT, city TEXT, street TEXT, active INTEGER NOT NULL DEFAULT 1);
CREATE TABLE product (code TEXT PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL);
CREATE TABLE requisition (no TEXT PRIMARY KEY, supplier_code TEXT NOT NULL, note TEXT, stage TEXT);
CREATE TABLE line (no TEXT, line_no INTEGER, product_code TEXT, qty TEXT, price TEXT, PRIMARY KEY (no, line_no));
INSERT INTO supplier (code, name, tax_no, city, street) VALUES
    ('S1', '华鑫钢材有限公司 🏭', '91110000600037341L', '杭州', '文三路 1 号'),
    ('S2', 'O''Brien & “Söhne”', NULL, '上海', ''), ('S3', '　全角空格％_', '914403001922038216', '深圳', 'a
b');
INSERT INTO product VALUES ('P1', '螺栓 M8×40', 'Unit'), ('P2', '钢板 “2mm”', 'Kilogram');
INSERT INTO requisition (no, supplier_code, note) VALUES ('PR-2026-0001', 'S1', '加急'), ('PR-2026-0002', 'S2', NULL);
INSERT INTO line VALUES ('PR-2026-0001', 1, 'P1', '100', '0.35'), ('PR-2026-0001', 2, 'P2', '12.5', '4.2'),
    ('PR-2026-0002', 1, 'P2', '0.12', '1000.0001');
"""

FILES = {
    "systems/systems.yml": """
systems:
  oa: {plugin: sqlite, owner: it@example.test, config: {path: oa.db}}
  erp:
    plugin: tryton
    owner: it@example.test
    config:
      url: "URL"
      database: "DATABASE"
      user: admin
      password: "{{ secret('TRYTON') }}"
      lingers: 1
""",
    "sources/sources.yml": """
sources:
  oa_suppliers:
    owner: it@example.test
    system: oa
    object: supplier
    key: [code]
    fields: {code: string, name: string, tax_no: string, city: string, street: string, active: boolean}
  oa_products:
    owner: it@example.test
    system: oa
    object: product
    key: [code]
    fields: {code: string, name: string, unit: string}
  oa_requisitions:
    owner: it@example.test
    system: oa
    object: requisition
    key: [no]
    fields: {no: string, supplier_code: string, note: string, stage: string}
  oa_lines:
    owner: it@example.test
    system: oa
    object: line
    key: [no, line_no]
    fields: {no: string, line_no: integer, product_code: string, qty: "decimal(15,6)", price: "decimal(18,4)"}
  erp_units:
    owner: it@example.test
    system: erp
    object: product.uom
    key: [id]
    fields: {id: integer, name: string}
""",
    "transforms/tax_numbers.sql": "SELECT code, tax_no FROM {{ source('oa_suppliers') }} WHERE tax_no IS NOT NULL",
    "transforms/products.sql": """
SELECT p.code, p.name, u.id AS unit, true AS purchasable
FROM {{ source('oa_products') }} p LEFT JOIN {{ source('erp_units') }} u ON u.name = p.unit
""",
    "transforms/orders.sql": """
SELECT r.no, r.supplier_code, r.note, r.stage,
       list({'line_no': l.line_no, 'product_code': l.product_code, 'unit': p.unit, 'qty': l.qty, 'price': l.price}
            ORDER BY l.line_no) AS lines
FROM {{ source('oa_requisitions') }} r JOIN {{ source('oa_lines') }} l USING (no)
LEFT JOIN {{ ref('products') }} p ON p.code = l.product_code
GROUP BY ALL
""",
    "transforms/transforms.yml": """
transforms:
  tax_numbers: {owner: it@example.test, key: [code]}
  products: {owner: it@example.test, key: [code]}
  orders: {owner: it@example.test, key: ["no"]}
""",
    "policies/policies.yml": "guards: {max_delete: {count: 20, share: 100%}}",
    "targets/targets.yml": """
targets:
  suppliers:
    owner: it@example.test
    from: oa_suppliers
    system: erp
    object: party.party
    key: [code]
    fields: [code, name]
  addresses:
    owner: it@example.test
    from: oa_suppliers
    system: erp
    object: party.address
    key: [code]
    match: [[party]]
    fields: {party: {ref: suppliers, by: [code]}, city: city, street_unstructured: street}
  tax_numbers:
    owner: it@example.test
    from: tax_numbers
    system: erp
    object: party.identifier
    key: [code]
    match: [[party, type]]
    fields: {party: {ref: suppliers, by: [code]}, type: {value: cn_vat}, code: tax_no}
  templates:
    owner: it@example.test
    from: products
    system: erp
    object: product.template
    key: [code]
    fields: {code: code, name: name, default_uom: unit, purchase_uom: unit, purchasable: purchasable}
  products:
    owner: it@example.test
    from: products
    system: erp
    object: product.product
    key: [code]
    match: [[template]]
    fields: {template: {ref: templates, by: [code]}}
  orders:
    owner: it@example.test
    from: orders
    system: erp
    object: purchase.purchase
    key: ["no"]
    returns: [number]
    fields:
      reference: "no"
      party: {ref: suppliers, by: [supplier_code]}
      invoice_address: {ref: addresses, by: [supplier_code]}
      comment: note
      invoice_method: {value: manual}
      stage: stage
      lines:
        from: lines
        object: purchase.line
        parent: purchase
        key: [line_no]
        fields:
          sequence: line_no
          product: {ref: products, by: [product_code]}
          unit: unit
          quantity: qty
          unit_price: price
""",
}


@dataclass(frozen=True)
class Site:
    """A copy of the project with its OA, against one Tryton."""

    path: Path
    config: Mapping[str, Any]  # of the system erp
    program: Forks

    @classmethod
    def made(cls, folder: Path, config: Mapping[str, Any], program: Forks) -> Site:
        site = cls(folder / "project", config, program)
        done = site.erpoa("init", "--template", "empty", str(site.path), directory=folder)
        assert done.exit == 0, done
        for name, text in FILES.items():
            there = text.replace("URL", config["url"]).replace("DATABASE", config["database"])
            (site.path / name).parent.mkdir(exist_ok=True)
            (site.path / name).write_text(there, encoding="utf-8")
        site.oa(OA)
        return site

    def oa(self, script: str) -> None:
        with closing(sqlite3.connect(self.path / "oa.db")) as connection, connection:
            connection.executescript(script)

    def prefixed(self, prefix: str) -> None:
        """Give everything keys that no other copy of the project uses in the same Tryton."""
        self.oa(
            f"""
            UPDATE supplier SET code = '{prefix}' || code; UPDATE product SET code = '{prefix}' || code;
            UPDATE line SET no = '{prefix}' || no, product_code = '{prefix}' || product_code;
            UPDATE requisition SET no = '{prefix}' || no, supplier_code = '{prefix}' || supplier_code
            """
        )

    def environment(self) -> dict[str, str]:
        """Of the program where it is a process of its own."""
        return {**environment(), "ERPOA_SECRET_TRYTON": self.config["password"], "PYTHONUTF8": "1"}

    def erpoa(self, *arguments: str, directory: Path | None = None) -> Ended:
        done = self.program.run(*arguments, directory=directory or self.path)
        assert self.config["password"] not in done.out + done.err
        return done

    def expect(self, code: int, *arguments: str) -> str:
        done = self.erpoa(*arguments)
        assert done.exit == code, f"{arguments}: {done}"
        return done.out

    def apply(self, code: int = 0) -> None:
        """Plan, apply what was planned, and plan again: nothing is left."""
        plan = self.path / "plan.erpoaplan"
        plan.unlink(missing_ok=True)
        self.expect(0, "plan", "-o", str(plan))
        self.expect(code, "apply", str(plan), "--yes")
        self.expect(0, "plan", "--detailed-exitcode")
