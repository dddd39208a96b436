"""Hand-made plan reports with hostile and Chinese data."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Location, Severity
from erpoa_cli.core.plan import (
    Change,
    FieldChange,
    GuardVerdict,
    Header,
    Pattern,
    Read,
    ReadStatus,
    SetAside,
    Verdict,
)
from erpoa_cli.core.report import PlanReport, RunSummary, TargetReport
from erpoa_cli.core.situation import Action, Cause, Outcome, Situation

HOSTILE = "\x1b[31mred\x1b[0m \u202egnp.exe\u200b [bold]x[/bold] =cmd|'/c calc'!A1 <script>"


def address(target: str, **key: str) -> Address:
    return Address.of(target, key)


def change(where: Address, action: Action, ordinal: int, cause: Cause = Cause.DATA, **fields: Any) -> Change:
    situation = {Action.CREATE: Situation.ABSENT, Action.DELETE: Situation.SOURCE_GONE}
    told = {n: v if isinstance(v, FieldChange) else FieldChange(*v) for n, v in fields.items()}
    return Change(where, action, situation.get(action, Situation.CONFIRMED), cause, told, ordinal, wave=2)


def header(**other: object) -> Header:
    values = {
        "id": "20261122T232600-3f2a9c",
        "created": datetime(2026, 11, 22, 23, 26, tzinfo=UTC),
        "expires": datetime(2026, 11, 23, 23, 26, tzinfo=UTC),
        "as_of": datetime(2026, 11, 22, 23, 25, 59, tzinfo=UTC),
        "project": "huaxin",
        "environment": "prod",
        "author": "陈杰 <chen.jie@huaxin.example>",
        "tool": "0.1.0",
        "lineage": "6d0c",
        "serial": 7,
        "commit": "8742dbb1f0a94c1f8a2b3c4d5e6f708192a3b4c5",
        "applyable": True,
        "effects_digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }
    return Header(**{**values, **other})  # type: ignore[arg-type]


def suppliers() -> TargetReport:
    phone = [
        change(
            address("oa_suppliers", code=f"S{n:03}"),
            Action.UPDATE,
            n,
            phone=(f"+86 138 0000 {n:04}", f"138 0000 {n:04}"),
        )
        for n in (1, 2)
    ]
    rows = (
        *phone,
        change(
            address("oa_suppliers", code="007"),
            Action.DELETE,
            3,
            name=("华信轴承（已注销）", None),
            phone=("010", None),
        ),
        change(
            address("oa_suppliers", code="S900"),
            Action.UPDATE,
            4,
            Cause.PROJECT,
            name=("上海精工　", "上海精工"),
            amount=(Decimal("12345678901234567890.10"), Decimal("12345678901234567890.01")),
            tax_no=FieldChange("91310000000000110X", "913100000000002201", sensitive=True, reveal="last4"),
            bank=FieldChange("6222020000000000001", "6222020000000000002", sensitive=True),
            remark=(None, ""),
            note=("", "  "),
            since=(date(1899, 12, 31), date(2020, 1, 1)),
        ),
        change(
            address("oa_suppliers", code="S901"),
            Action.UPDATE,
            5,
            name=("NULL", None),
            remark=(HOSTILE, "ok"),
        ),
        change(
            address("oa_suppliers", code="S902"),
            Action.CREATE,
            6,
            code=(None, "S902"),
            name=(None, "Zhōngshān 中山市五金 👩‍🔧 Co."),
            department_id=FieldChange(pending=("oa_departments", '{"code":"D01"}', "")),
            remark=(None, None),
        ),
    )
    aside = (
        SetAside(
            address("oa_suppliers", code="S903"), "held", "E0350", "unit 箱 is not in unit_map.erp_unit"
        ),
        SetAside(
            address("oa_suppliers", code="S904"),
            "drift",
            "drift",
            "",
            fields={"contact": FieldChange("李四", "张三", agreed="张三", seen="张三")},
        ),
        SetAside(
            address("oa_suppliers", code="S905"),
            "conflict",
            "conflict",
            "both sides changed",
            fields={"contact": FieldChange("王五", "赵六", agreed="孙七", seen="孙七")},
        ),
        SetAside(
            address("oa_suppliers", code="S906"),
            "withheld",
            "E0410",
            "the source was not read completely",
            Action.DELETE,
        ),
    )
    return TargetReport(
        target="oa_suppliers",
        system="oa",
        object="supplier",
        counts={"create": 1, "update": 38914, "delete": 1, "adopt": 12},
        aside={"held": 1, "drift": 1, "conflict": 1, "withheld": 1},
        causes={"data": 38915, "project": 1},
        patterns=(
            Pattern(
                "oa_suppliers",
                Action.UPDATE,
                "phone",
                'prefix "+86 " removed',
                38912,
                Cause.DATA,
                (phone[0].address, phone[1].address),
            ),
        ),
        changes=rows,
        set_aside=aside,
        unlisted=17,
        uncompared={"remark": "mastered there", "contact_phone": "compare: ignore"},
    )


def orders() -> tuple[TargetReport, TargetReport]:
    order = address("erp_orders", requisition_no="PR-2026-001")
    document = TargetReport(
        target="erp_orders",
        system="erp",
        object="purchase_order",
        counts={"create": 1},
        causes={"data": 1},
        changes=(change(order, Action.CREATE, 1, supplier_id=(None, 17), total=(None, Decimal("1203.50"))),),
    )
    lines = tuple(
        change(
            address("erp_orders.lines", requisition_no="PR-2026-001", line_no=str(n)),
            Action.CREATE,
            n,
            material=(None, "M-0001 轴承"),
            qty=(None, Decimal("5.000")),
        )
        for n in (1, 2)
    )
    other = change(
        address("erp_orders.lines", requisition_no="PR-2026-000", line_no="3"),
        Action.UPDATE,
        3,
        qty=(Decimal("1.000"), Decimal("10.000")),
    )
    below = TargetReport(
        target="erp_orders.lines",
        parent="erp_orders",
        system="erp",
        object="purchase_order_line",
        counts={"create": 2, "update": 1},
        causes={"data": 3},
        changes=(*lines, other),
    )
    return document, below


@pytest.fixture
def rich_plan() -> PlanReport:
    """Everything a plan can show at once."""
    return PlanReport(
        header=header(applyable=False, dirty=True, complete=False, selection=("-s +oa_suppliers",)),
        file=".erpoa/plans/20261122T232600-3f2a9c.erpoaplan",
        targets=(suppliers(), *orders(), TargetReport(target="oa_quiet", system="oa", object="quiet")),
        reads=(
            Read("erp_suppliers", "erp", Verdict(ReadStatus.COMPLETE, evidence={"rows": 40000}), held=1),
            Read(
                "oa_requisitions",
                "oa",
                Verdict(ReadStatus.PARTIAL, "31 % fewer rows than last time", {"rows": 412}),
            ),
        ),
        guards=(
            GuardVerdict("max_delete", "oa_suppliers", 1, 40000, "20 rows or 5 %", blocks=False),
            GuardVerdict("max_change", "oa_suppliers", 38914, 40000, "30 % from 100 rows", blocks=True),
            GuardVerdict(
                "max_drop", "oa_requisitions", 188, 600, "20 %", blocks=False, waived="月末清理, ticket 4711"
            ),
        ),
        diagnostics=(
            Diagnostic("W0101", "no owner", at=Location("targets/t.yml", 3, 5), severity=Severity.WARNING),
        ),
    )


@pytest.fixture
def quiet_plan() -> PlanReport:
    return PlanReport(
        header=header(applyable=False),
        file="p.erpoaplan",
        targets=(TargetReport(target="oa_suppliers", system="oa", object="supplier"),),
        reads=(Read("erp_suppliers", "erp", Verdict(ReadStatus.COMPLETE, evidence={"rows": 1})),),
        guards=(GuardVerdict("max_delete", "oa_suppliers", 0, 1, "20 rows or 5 %", blocks=False),),
    )


@pytest.fixture
def run_report() -> PlanReport:
    done = change(address("oa_suppliers", code="S1"), Action.UPDATE, 1, name=("a", "b"))
    refused = change(address("oa_suppliers", code="S2"), Action.UPDATE, 2, name=("c", "d"))
    outcomes = (
        replace(done, outcome=Outcome.APPLIED),
        replace(refused, outcome=Outcome.REJECTED, error="税号不能为空 (code 1004)\x1b[2J"),
    )
    target = TargetReport(
        target="oa_suppliers",
        system="oa",
        object="supplier",
        counts={"update": 2},
        outcomes={"applied": 1, "rejected": 1},
        causes={"data": 2},
        changes=outcomes,
    )
    return PlanReport(
        header=header(), file="p.erpoaplan", targets=(target,), run=RunSummary("r-1", "partial")
    )
