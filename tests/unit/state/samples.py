"""Plans and layouts for the tests of state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.plan import GuardVerdict, Header, Read, ReadStatus, Verdict
from erpoa_cli.core.schema import INTEGER, STRING, TIMESTAMPTZ, Sensitivity, decimal
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.situation import Action
from erpoa_cli.state import (
    FieldLayout,
    Intent,
    Journal,
    Layout,
    PlanFile,
    RunStatus,
    Sealer,
    StateReader,
    StateWriter,
    open_reader,
    open_writer,
    write_plan,
)

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
        inputs={
            "files": {"erpoa.yml": "ab" * 32},
            "definitions": {"target:suppliers": "cd" * 32},
            "variables": [],
            "secrets": ["erp_password"],
        },
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


CREATES = [
    row(0, "001", "create", fields=["name", "iban"], d_name="张三", d_iban="DE02 1203"),
    row(1, "002", "create", fields=["name", "iban"], d_name="b", d_iban="DE99 4711"),
]


@dataclass(frozen=True, slots=True)
class Place:
    """A project directory, and where its state is kept: `url` as in erpoa.yml; empty: in the directory."""

    root: Path
    url: str | Secret = ""

    def elsewhere(self, root: Path) -> Place:
        """Another directory, as on another machine, with the same shared state."""
        root.mkdir(exist_ok=True)
        return replace(self, root=root)

    def reader(self, environment: str = "dev") -> StateReader:
        return open_reader(self.root, environment, self.url)

    def writer(self, environment: str = "dev", **how: Any) -> StateWriter:
        return open_writer(self.root, environment, self.url, **how)

    def base(self, layout: Layout = SUPPLIERS) -> dict[str, dict[str, Any]]:
        with self.reader() as state:
            return {r["k_code"]: r for r in state.base(layout, SEALER).read_all().to_pylist()}

    def program(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """*code* as another process; `place` in it is this place."""
        url = self.url.reveal() if isinstance(self.url, Secret) else self.url
        start = "import os; from pathlib import Path; from erpoa_cli.core.secret import Secret\n"
        start += "from tests.unit.state.samples import Place\n"
        start += "place = Place(Path(os.environ['PLACE']), Secret(os.environ['PLACE_URL']))\n"
        return subprocess.Popen(
            [sys.executable, "-c", start + code, *arguments],
            env={**os.environ, "PLACE": str(self.root), "PLACE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def apply(
    writer: StateWriter,
    directory: Path,
    name: str,
    changes: Sequence[Mapping[str, Any]] = (),
    state: Sequence[Mapping[str, Any]] = (),
    outcomes: Mapping[int, Mapping[str, Any]] | None = None,
    status: RunStatus = RunStatus.APPLIED,
    layout: Layout = SUPPLIERS,
) -> Journal:
    """Plan and apply in one go; every change is applied unless *outcomes* say otherwise."""
    plan = make_plan(
        directory / f"{name}.erpoaplan",
        changes,
        state,
        layout=layout,
        lineage=writer.lineage,
        serial=writer.serial,
    )
    journal = writer.open_run(plan, SEALER)
    if changes:
        carry_out(journal, outcomes or {change["ordinal"]: {} for change in changes})
    journal.close(status)
    return journal


def failure(call: Callable[[], Any]) -> tuple[str, FailureKind]:
    """Code and kind of the failure that *call* ends in."""
    with pytest.raises(Failure) as caught:
        call()
    return caught.value.diagnostics[0].code, caught.value.kind
