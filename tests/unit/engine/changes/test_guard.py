"""What a freeze covers, by the project that `erpoa init` makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.plan import GuardVerdict
from erpoa_cli.engine.changes.guard import chosen, objection
from erpoa_cli.project import load

TEMPLATE = Path(__file__).resolve().parents[4] / "project_template"
ALL = [
    "oa_departments",
    "oa_users",
    "erp_orders",
    "erp_orders.lines",
    "oa_order_numbers",
    "oa_suppliers",
    "erp_supplier_phones",
]


@pytest.mark.parametrize(
    ("selection", "targets"),
    [
        ("", ALL),
        ("erp_orders", ["erp_orders", "erp_orders.lines"]),
        ("tag:suppliers system:erp", [*ALL[2:4], *ALL[5:]]),
        ("tag:suppliers,system:erp", ["erp_supplier_phones"]),
        ("path:targets/suppliers.yml", ["oa_suppliers", "erp_supplier_phones"]),
        ("supplier_phones+", ["erp_supplier_phones"]),
        ("erp_orders+", ["erp_orders", "erp_orders.lines", "oa_order_numbers"]),
        ("tag:nothing", []),
    ],
)
def test_a_freeze_covers_what_its_selection_names(selection: str, targets: list[str]):
    project = load(TEMPLATE, None, {})
    assert sorted(chosen(project, selection)) == sorted(targets)


@pytest.mark.parametrize(
    ("guard", "target", "waivable"),
    [
        ("max_delete", "oa_users", True),
        ("max_calls", "", False),
        ("rule:tax", "", False),
        ("freeze", "month_end", False),
    ],
)
def test_a_waiver_is_proposed_only_where_it_is_taken(guard: str, target: str, *, waivable: bool):
    told = objection(GuardVerdict(guard, target, 3, 10, "2 rows", blocks=True), {})
    assert (f"--waive {target}.{guard}=3 " in told.remedy) is waivable
