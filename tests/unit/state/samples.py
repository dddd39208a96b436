"""Plans and layouts for the tests of state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from erpoa_cli.core.plan import GuardVerdict, Header, Read, ReadStatus, Verdict
from erpoa_cli.core.schema import INTEGER, STRING, TIMESTAMPTZ, Sensitivity, decimal
from erpoa_cli.core.situation import Action
from erpoa_cli.state import FieldLayout, Intent, Journal, Layout, PlanFile, Sealer, write_plan

SEALER = Sealer(bytes(range(32)))
NOON = datetime(2026, 7, 28, 12, tzinfo=UTC)
READ = Read(
    "erp_suppliers", "erp", Verdict(ReadStatus.COMPLETE, "", {"rows": 3, "watermark": "2026-07-01"}), 1
)
GUARD = GuardVerdict("max_delete", "suppliers", 1, 20, "20 rows or 5 %", blocks=False)

SUPPLIERS = Layout(
    target="suppliers",
    system="oa",
    object="supplier",
    key={"code": STRING},
    id={"id": INTEGER},
    fields={
        "name": FieldLayout(STRING),
        "iban": FieldLayout(STRING, Sensitivity.SENSITIVE),
        "amount": FieldLayout(decimal(38, 9)),
        "at": FieldLayout(TIMESTAMPTZ),
        "dep": FieldLayout(INTEGER, pending=True),
    },
)
HOSTILE = ["001", "张三\u202e", "Ａ\tB", "", " ", 'a"b\\c', "\x1b[31m", "😀", "＝cmd"]


def header(id: str = "p1", **values: Any) -> Header:
    known = {
        "created": NOON,
        "expires": NOON + timedelta(hours=24),
        "as_of": NOON,
        "project": "huaxin",
        "environment": "dev",
        "author": "陈洁",
        "tool": "erpoa 0.1",
        "lineage": "",
        "serial": 0,
    }
    return Header(id=id, **{**known, **values})


def row(ordinal: int, code: str, action: str, **values: Any) -> dict[str, Any]:
    """A row of a plan; `links` and `settled` as the planner fills them."""
    links = action not in ("delete", "forget")
    base = {"wave": 1, "step": 1, "fields": [], "settled": [], "links": links, "situation": "confirmed"}
    return {**base, "ordinal": ordinal, "k_code": code, "action": action, **values}


def make_plan(
    path: Path,
    changes: Sequence[Mapping[str, Any]] = (),
    state: Sequence[Mapping[str, Any]] = (),
    *,
    layout: Layout = SUPPLIERS,
    **values: Any,
) -> PlanFile:
    """A plan file of one target with these rows, opened."""
    tables = {
        (member, layout.target): pa.Table.from_pylist([dict(r) for r in rows], layout.plan_schema())
        for member, rows in (("changes", changes), ("state", state))
        if rows
    }
    write_plan(
        path,
        header(path.stem, **values),
        inputs={"files": {"erpoa.yml": "ab" * 32}, "variables": [], "secrets": ["erp_password"]},
        reads=[READ],
        targets={layout.target: {"system": layout.system, "identity": "sqlite:oa.db"}},
        guards=[GUARD],
        layouts={layout.target: layout},
        tables=tables,
        sealer=SEALER,
    )
    return PlanFile.open(path)


def carry_out(journal: Journal, outcomes: Mapping[int, Mapping[str, Any]], number: int = 0) -> None:
    """Journal one batch: ordinal → outcome and other columns of its result."""
    ordinals = pa.array(list(outcomes), pa.int64())
    target = journal.plan.members("changes")[0]
    journal.intend(Intent(number, target, Action.UPDATE, ordinals))
    rows = [{"ordinal": ordinal, "outcome": "applied", **values} for ordinal, values in outcomes.items()]
    names = dict.fromkeys(name for r in rows for name in r)
    kinds = {"deviated": pa.list_(pa.utf8()), "ordinal": pa.int64(), "id_id": pa.int64(), "d_dep": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.utf8())) for name in names])
    journal.record(number, pa.Table.from_pylist(rows, schema))
