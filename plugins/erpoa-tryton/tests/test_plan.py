"""The installed `erpoa` plans and applies a small project to a real Tryton; the second plan is empty."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from erpoa_tryton.session import TrytonSession

from tests.unit.connectors.asking import Writer, read

pytestmark = pytest.mark.slow

PROJECT = """
systems:
  data: {plugin: files, owner: it@example.test, config: {path: data}}
  erp:
    plugin: tryton
    owner: it@example.test
    config: {url: "%s", database: erp, user: admin, password: "{{ secret('TRYTON') }}"}
sources:
  suppliers:
    owner: it@example.test
    system: data
    object: suppliers.csv
    key: [code]
    fields: {code: string, name: string}
  notes:
    owner: it@example.test
    system: data
    object: orders.csv
    key: [reference]
    fields: {reference: string, comment: string, party: integer}
targets:
  parties:
    owner: it@example.test
    from: suppliers
    system: erp
    object: party.party
    key: [code]
    fields: [code, name]
  orders:
    owner: it@example.test
    from: notes
    system: erp
    object: purchase.purchase
    key: [reference]
    fields: [reference, comment, party]
"""


def erpoa(folder: Path, password: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("erpoa")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ERPOA_")}
    kept |= {"ERPOA_SECRET_TRYTON": password, "PYTHONUTF8": "1"}
    return subprocess.run(
        [program, *arguments], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


def test_a_second_plan_is_empty(tryton: TrytonSession, tryton_config: dict[str, Any], tmp_path: Path) -> None:
    [party] = Writer(tryton, "party.party", id="integer", code="string").create([{"code": "PLAN"}])
    project = tmp_path / "project"
    done = erpoa(tmp_path, "", "init", "--template", "empty", str(project))
    assert done.returncode == 0, done.stderr
    (project / "data").mkdir(exist_ok=True)
    rows = "".join(f"P{at},华鑫钢材 {at} 🏭\n" for at in range(40))
    (project / "data/suppliers.csv").write_text("code,name\n" + rows, encoding="utf-8")
    orders = "".join(f"REF{at},'注 {at},{party['id.id']}\n" for at in range(5))
    (project / "data/orders.csv").write_text("reference,comment,party\n" + orders, encoding="utf-8")
    for kind, part in parts(PROJECT % tryton_config["url"]).items():
        (project / kind).mkdir(exist_ok=True)
        (project / kind / f"{kind}.yml").write_text(part, encoding="utf-8")

    password = tryton_config["password"]
    first = erpoa(project, password, "plan", "-o", "first.erpoaplan")
    assert first.returncode == 0, first.stdout + first.stderr
    applied = erpoa(project, password, "apply", "first.erpoaplan", "--yes")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    names = {r["code"]: r["name"] for r in read(tryton, "party.party", code="string", name="string")[0]}
    assert names["P39"] == "华鑫钢材 39 🏭"
    made = read(tryton, "purchase.purchase", reference="string", total_amount="string", comment="string")[0]
    assert {"reference": "REF4", "total_amount": "0", "comment": "'注 4"} in [
        {**row, "total_amount": row["total_amount"].split(".")[0]} for row in made
    ]
    second = erpoa(project, password, "plan", "--detailed-exitcode")
    assert second.returncode == 0, second.stdout + second.stderr
    assert password not in second.stdout + applied.stdout


def parts(text: str) -> dict[str, str]:
    """The top-level sections of a project as the files they belong in."""
    found: dict[str, str] = {}
    kind = ""
    for line in text.strip().splitlines(keepends=True):
        if not line.startswith(" "):
            kind = line.strip().rstrip(":")
        found[kind] = found.get(kind, "") + line
    return found
