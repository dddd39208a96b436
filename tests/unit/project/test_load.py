"""From files to a `Project`: defaults, environments, variables, secrets, ownership, lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from erpoa_cli.core import project as core
from erpoa_cli.core.diagnostic import Failure, Location
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.project import Completeness, Incremental, Project
from erpoa_cli.core.schema import Field, Sensitivity, parse_type
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.target import (
    Column,
    Compare,
    Constant,
    Limit,
    Lines,
    OnLineProblem,
    OnSourceGone,
    Ownership,
    Reference,
    Result,
)
from erpoa_cli.project import find_root, load

Loaded = Callable[..., Project]


def code(caught: pytest.ExceptionInfo[Failure]) -> str:
    assert caught.value.kind is FailureKind.INVALID
    return " ".join(d.code for d in caught.value.diagnostics if d.severity == "error")


def test_the_smallest_project(loaded: Loaded, write: Callable[..., Path]):
    project = loaded()
    assert (project.name, project.environment, project.root) == ("first", "default", str(write()))
    target = project.targets["oa_suppliers"]
    assert [(f.name, f.value, f.ownership) for f in target.fields] == [
        ("code", Column("code"), Ownership.OURS),
        ("name", Column("name"), Ownership.OURS),
    ]
    assert target.match == (("code",),)
    assert target.on_source_gone is OnSourceGone.KEEP
    assert target.batch is None
    assert target.at == Location("targets/t.yml", 1, 11)
    assert target.guards == {
        "max_delete": Limit(20, Decimal("0.05")),
        "max_undo": Limit(20),
        "max_change": Limit(None, Decimal("0.3"), 100),
    }
    content = (write() / "targets/t.yml").read_bytes()
    assert project.files["targets/t.yml"] == hashlib.sha256(content).hexdigest()
    assert sorted(project.files) == ["erpoa.yml", "sources/s.yml", "systems/s.yml", "targets/t.yml"]


def test_find_root_looks_upwards(write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory):
    root = write()
    assert find_root(root / "targets") == root
    with pytest.raises(Failure) as caught:
        find_root(tmp_path_factory.mktemp("elsewhere"))
    assert code(caught) == "E0101"


ENVIRONMENTS = """format: 1
name: first
vars: {company: "01", region: 华东, rate: 1.10}
environments:
  dev: {}
  prod: {state: "{{ env('STATE') }}", vars: {company: "02", host: "{{ env('HOST', 'h') }}"}, clean_git: required}
"""


def test_environments_and_variables(loaded: Loaded):
    files = {"erpoa.yml": ENVIRONMENTS}
    dev = loaded(files)
    assert (dev.environment, dev.state, dev.clean_git) == ("dev", "", False)
    assert dev.vars == {"company": "01", "region": "华东", "rate": Decimal("1.10")}
    prod = loaded(files, {"STATE": "postgresql://db/state"}, environment="prod", variables={"region": "华南"})
    assert (prod.environment, prod.state, prod.clean_git) == ("prod", "postgresql://db/state", True)
    assert prod.vars == {"company": "02", "region": "华南", "rate": Decimal("1.10"), "host": "h"}
    assert "env:STATE" in prod.inputs
    with pytest.raises(Failure) as caught:
        loaded(files, environment="prod")
    assert code(caught) == "E0204"


SYSTEMS = """systems:
  erp: {plugin: sqlite, config: {path: "{{ env('ERP', 'erp.db') }}", port: "{{ env('PORT') | int }}", ratio: 0.5, tls: "{{ env('TLS') | bool }}"}}
  oa: {plugin: sqlite, config: {path: oa.db, url: "https://x/?key={{ secret('oa_key') }}", nested: [{token: "{{ secret('oa_key') }}"}]}}
"""


def test_templates_in_configuration(loaded: Loaded):
    env = {"PORT": "8069", "TLS": "true", "ERPOA_SECRET_OA_KEY": "s3cr3t"}
    project = loaded({"systems/s.yml": SYSTEMS}, env)
    assert project.systems["erp"].config == {"path": "erp.db", "port": 8069, "ratio": 0.5, "tls": True}
    config = project.systems["oa"].config
    assert config["url"] == Secret("https://x/?key=s3cr3t")
    assert config["nested"] == [{"token": Secret("s3cr3t")}]
    assert "s3cr3t" not in repr(project)
    assert "secret:oa_key" in project.inputs


def test_an_environment_variable_stays_text(loaded: Loaded):
    systems = SYSTEMS.replace("env('ERP', 'erp.db')", "env('ERP')").replace("oa_key", "k")
    env = {"PORT": "1", "TLS": "false", "ERP": "0012", "ERPOA_SECRET_K": "x"}
    assert loaded({"systems/s.yml": systems}, env).systems["erp"].config["path"] == "0012"


def test_secrets_from_a_file(loaded: Loaded, tmp_path: Path):
    kept = tmp_path / "kept.yml"
    kept.write_text('oa_key: "0042"\n', encoding="utf-8")
    kept.chmod(0o600)
    files = {"erpoa.yml": "format: 1\nname: x\nsecrets: [env, {file: kept.yml}]\n", "systems/s.yml": SYSTEMS}
    env = {"PORT": "1", "TLS": "false"}
    assert loaded(files, env).systems["oa"].config["nested"] == [{"token": Secret("0042")}]
    kept.chmod(0o640)
    with pytest.raises(Failure) as caught:
        loaded(files, env)
    assert set(code(caught).split()) == {"E0208"}
    assert any("chmod 600" in d.summary for d in caught.value.diagnostics)
    kept.chmod(0o600)
    kept.write_text("oa_key: 0042x\nother: 42\n", encoding="utf-8")
    with pytest.raises(Failure) as caught:
        loaded(files, env)
    assert set(code(caught).split()) == {"E0208"}
    assert "0042x" not in str(caught.value.diagnostics)


def test_secrets_from_the_keyring(loaded: Loaded, monkeypatch: pytest.MonkeyPatch):
    import sys
    from types import ModuleType

    ring = ModuleType("keyring")
    held = {("erpoa", "oa_key"): "from the ring"}
    monkeypatch.setattr(ring, "get_password", lambda service, name: held.get((service, name)), raising=False)
    monkeypatch.setitem(sys.modules, "keyring", ring)
    files = {"erpoa.yml": "format: 1\nname: x\nsecrets: [keyring]\n", "systems/s.yml": SYSTEMS}
    env = {"PORT": "1", "TLS": "false"}
    assert loaded(files, env).systems["oa"].config["nested"] == [{"token": Secret("from the ring")}]


SOURCES = """sources:
  erp_suppliers:
    system: erp
    object: party.party
    key: [id]
    owner: a@x
    fields:
      id: integer
      code: string
      tax_no: {type: string, class: sensitive}
      needed_by: {path: 需求日期, type: date, format: "%Y-%m-%d", nulls: ["", "null"]}
      updated_at: {type: timestamp, zone: Asia/Shanghai}
      lines: "list<struct<no: integer, qty: decimal(9,3)>>"
    filter: {active: true, ratio: 1.5}
    incremental: {cursor: updated_at, lookback: PT5M, full_every: P1DT2H}
    complete: {min_rows: 1, max_drop: 12.5%}
    fresh_within: P2W
"""
NO_TARGETS = {"targets/t.yml": "targets: {}\n"}


def test_sources(loaded: Loaded):
    source = loaded({"sources/s.yml": SOURCES, **NO_TARGETS}).sources["erp_suppliers"]
    assert source.fields[2] == Field("tax_no", parse_type("string"), sensitivity=Sensitivity.SENSITIVE)
    assert source.fields[3] == Field(
        "needed_by", parse_type("date"), "需求日期", format="%Y-%m-%d", nulls=("", "null")
    )
    assert source.fields[4].zone == "Asia/Shanghai"
    assert source.fields[5].type == parse_type("list<struct<no: integer, qty: decimal(9,3)>>")
    assert source.incremental == Incremental("updated_at", timedelta(minutes=5), timedelta(hours=26))
    assert source.complete == Completeness(1, Decimal("0.125"))
    assert source.fresh_within == timedelta(weeks=2)
    assert source.filter == {"active": True, "ratio": 1.5}


CONTRACT = """description: x
type: object
properties:
  code: {type: string}
  name: {type: string, x-erpoa: {master: shared}}
  phone: {type: string, x-erpoa: {master: oa, class: sensitive}}
  department: {type: string, x-erpoa: {master: oa}}
  credit: {type: number, x-erpoa: {decimal: [20, 4]}}
  since: {type: [string, "null"], format: date}
  seen: {type: string, format: date-time}
  place: {$ref: "#/$defs/place", x-erpoa: {class: internal}}
  tags: {type: array, items: {type: string}}
required: [code]
x-erpoa: {key: [code], version: 2, master: erp}
$defs:
  place: {type: object, properties: {city: {type: string}, zip: {$ref: zip.yml}}}
"""
ZIP = "description: x\ntype: object\nproperties: {x: {type: string}}\n"


def test_contracts_have_types_and_masters(loaded: Loaded):
    found = loaded({"contracts/supplier.yml": CONTRACT, "contracts/zip.yml": ZIP}).contracts["supplier"]
    types = {p.name: str(p.type) for p in found.properties}
    assert types == {
        "code": "string",
        "name": "string",
        "phone": "string",
        "department": "string",
        "credit": "decimal(20,4)",
        "since": "date",
        "seen": "timestamptz",
        "place": "struct<city: string, zip: struct<x: string>>",
        "tags": "list<string>",
    }
    by_name = {p.name: p for p in found.properties}
    assert (found.master, found.key, found.version) == ("erp", ("code",), "2")
    assert by_name["code"].required
    assert not by_name["name"].required
    assert by_name["phone"].sensitivity is Sensitivity.SENSITIVE
    assert by_name["place"].sensitivity is Sensitivity.INTERNAL


TARGETS = """targets:
  oa_suppliers:
    from: suppliers
    system: oa
    object: supplier
    key: [code]
    contract: supplier
    fields:
      code: code
      label: {from: name, compare: [trim, {tolerance: "0.01"}]}
      phone: phone
      credit: {from: credit, master: oa}
      dept_id: {ref: oa_suppliers, by: department, defer: true, when_null: hold, missing: null}
      kind: {value: supplier}
      rate: {value: 1.10}
      none: {value: null}
      number: {result: oa_suppliers.no, by: [code], join: "、", text: "订单 {value}"}
    returns: [no]
    id: id
    on_source_gone: deactivate
    deactivate: {set: {active: false}, restore: {active: true}}
    guards: {max_delete: 5, max_create: {share: 50%, floor: 3}}
  erp_suppliers_back:
    from: suppliers
    system: erp
    object: supplier
    key: [code]
    contract: supplier
    match: [[code], tax_no]
    fields: [code, name, phone, credit, tax_no]
"""
MODEL = {
    "transforms/suppliers.sql": "select * from {{ source('erp_suppliers') }}\n",
    "transforms/t.yml": """transforms:
  suppliers:
    key: [code]
    contract: supplier
    tests:
      - unique: code
      - not_null: [code, name]
      - accepted_values: {code: [a, b]}
        severity: warn
      - mapped: {code: erp_suppliers.code, severity: hold_row}
""",
    "contracts/supplier.yml": CONTRACT,
    "contracts/zip.yml": ZIP,
}


def test_targets(loaded: Loaded):
    project = loaded(
        {
            **MODEL,
            "targets/t.yml": TARGETS,
            "policies/p.yml": "guards: {max_change: {count: 9}, max_calls: 7}\n",
        }
    )
    oa = project.targets["oa_suppliers"]
    assert {f.name: f.value for f in oa.fields} == {
        "code": Column("code"),
        "label": Column("name"),
        "phone": Column("phone"),
        "credit": Column("credit"),
        "dept_id": Reference("oa_suppliers", ("department",), defer=True, when_null="hold", missing="null"),
        "kind": Constant("supplier"),
        "rate": Constant(Decimal("1.10")),
        "none": Constant(None),
        "number": Result("oa_suppliers", "no", ("code",), "、", "订单 {value}"),
    }
    assert {f.name: f.ownership.value for f in oa.fields} == {
        "code": "ours",
        "label": "shared",  # by the column it is fed from
        "phone": "theirs",
        "credit": "theirs",  # by the field itself
        "dept_id": "theirs",  # by the column that finds it
        "kind": "ours",
        "rate": "ours",
        "none": "ours",
        "number": "ours",
    }
    assert oa.field("label").compare == (Compare("trim"), Compare("tolerance", Decimal("0.01")))
    assert (oa.id, oa.returns, oa.deactivate, oa.restore) == (
        ("id",),
        ("no",),
        {"active": False},
        {"active": True},
    )
    assert oa.guards == {
        "max_delete": Limit(5),
        "max_undo": Limit(20),
        "max_change": Limit(9),
        "max_calls": Limit(7),
        "max_create": Limit(None, Decimal("0.5"), 3),
    }
    back = project.targets["erp_suppliers_back"]
    assert {f.name: f.ownership.value for f in back.fields} == {
        "code": "theirs",
        "name": "shared",
        "phone": "ours",
        "credit": "theirs",
        "tax_no": "ours",
    }
    assert back.match == (("code",), ("tax_no",))


def test_relation_tests(loaded: Loaded):
    tests = loaded({**MODEL, "targets/t.yml": TARGETS}).transforms["suppliers"].tests
    assert [(t.kind, t.columns, t.values, t.to, t.severity) for t in tests] == [
        ("unique", ("code",), (), None, core.TestSeverity.ERROR),
        ("not_null", ("code", "name"), (), None, core.TestSeverity.ERROR),
        ("accepted_values", ("code",), ("a", "b"), None, core.TestSeverity.WARN),
        ("mapped", ("code",), (), ("erp_suppliers", "code"), core.TestSeverity.HOLD_ROW),
    ]


def test_a_transform_with_a_contract_decides_the_masters_of_its_targets(loaded: Loaded):
    targets = TARGETS.replace("    contract: supplier\n", "")
    project = loaded({**MODEL, "targets/t.yml": targets})
    assert project.targets["oa_suppliers"].field("phone").ownership is Ownership.THEIRS


def test_defaults_hold_where_a_target_is_silent(loaded: Loaded):
    header = "format: 1\nname: x\nowner: all@x\ndefaults: {targets: {on_drift: revert, batch: 7, guards: {max_delete: 3}}}\n"
    files = {
        **MODEL,
        "erpoa.yml": header,
        "targets/t.yml": TARGETS.replace("    id: id\n", "    id: id\n    batch: 9\n    owner: me@x\n"),
    }
    project = loaded(files)
    oa, back = project.targets["oa_suppliers"], project.targets["erp_suppliers_back"]
    assert (oa.on_drift.value, oa.batch, oa.owner) == ("revert", 9, "me@x")
    assert (back.on_drift.value, back.batch, back.owner) == ("revert", 7, "all@x")
    assert (oa.guards["max_delete"], back.guards["max_delete"]) == (Limit(5), Limit(3))


LINES = """targets:
  erp_orders:
    from: orders
    system: erp
    object: purchase
    key: [requisition]
    owner: buyer@x
    fields:
      reference: requisition
      lines:
        from: lines
        object: purchase_line
        parent: purchase_id
        key: [line_no]
        on_line_problem: hold_line
        on_missing_line: keep
        fields: {no: line_no, item: {ref: erp_items, by: [item]}, price: {from: price, master: erp}}
  erp_items: {from: items, system: erp, object: item, key: [code], fields: [code]}
"""


def test_lines_become_a_target_of_their_own(loaded: Loaded):
    sources = """sources:
  orders: {system: oa, object: o, key: [requisition], fields: {requisition: string, lines: "list<struct<line_no: integer, item: string, price: decimal(9,2)>>"}}
  items: {system: oa, object: i, key: [code], fields: {code: string}}
"""
    project = loaded({"sources/s.yml": sources, "targets/t.yml": LINES})
    assert list(project.targets) == ["erp_orders", "erp_orders.lines", "erp_items"]
    assert [f.name for f in project.targets["erp_orders"].fields] == ["reference"]
    lines = project.targets["erp_orders.lines"]
    assert lines.lines == Lines("erp_orders", "lines", "purchase_id", OnLineProblem.HOLD_LINE)
    assert lines.key == ("requisition", "line_no")
    assert lines.match == (("purchase_id", "no"),)
    assert lines.field("purchase_id").value == Reference("erp_orders", ("requisition",))
    assert lines.field("price").ownership is Ownership.THEIRS
    assert (lines.object, lines.on_source_gone, lines.owner) == (
        "purchase_line",
        OnSourceGone.KEEP,
        "buyer@x",
    )


def test_a_key_may_reach_the_target_through_a_reference(loaded: Loaded):
    targets = """targets:
  users: {from: erp_suppliers, system: oa, object: u, key: [code], fields: [code]}
  grants: {from: erp_suppliers, system: oa, object: g, key: [code, name], fields: {user_id: {ref: users, by: [code]}, role: name}}
"""
    assert loaded({"targets/t.yml": targets}).targets["grants"].match == (("user_id", "role"),)


def test_seeds_keep_what_their_header_says(loaded: Loaded):
    files = {
        "seeds/units.csv": '\ufeffoa_unit,"factor, exact"\r\nkg,1.5\r\n',
        "seeds/s.yml": 'seeds: {units: {key: [oa_unit], fields: {"factor, exact": "decimal(18,6)"}, tests: [{unique: oa_unit}]}}\n',
    }
    seed = loaded(files).seeds["units"]
    assert [(f.name, str(f.type)) for f in seed.fields] == [
        ("oa_unit", "string"),
        ("factor, exact", "decimal(18,6)"),
    ]
    assert (seed.key, seed.file, len(seed.tests)) == (("oa_unit",), "seeds/units.csv", 1)


def test_policies_and_tests(loaded: Loaded):
    files = {
        "policies/p.yml": """freezes:
  month_end: {from: "2026-12-30T18:00+08:00", until: "2027-01-02T08:00:30Z", select: "system:oa"}
rules:
  bank: {severity: approval, sql: "select address from plan.fields where field like '%bank%'"}
""",
        "tests/no_gaps.sql": "select * from {{ source('erp_suppliers') }} where code = ''\n",
        "tests/t.yml": "data_tests: {no_gaps: {severity: warn}}\n",
    }
    project = loaded(files)
    assert project.freezes[0].start.isoformat() == "2026-12-30T18:00:00+08:00"
    assert project.freezes[0].until.isoformat() == "2027-01-02T08:00:30+00:00"
    assert project.rules[0].severity == "approval"
    assert project.tests["no_gaps"].severity is core.TestSeverity.WARN
    assert project.tests["no_gaps"].sources == ("erp_suppliers",)
    assert project.tests["no_gaps"].sql == "select * from source.\"erp_suppliers\" where code = ''\n"


def test_a_key_named_for_sealing_is_a_secret(loaded: Loaded):
    header = "format: 1\nname: x\nkey: \"{{ secret('erpoa_key') }}\"\n"
    assert loaded({"erpoa.yml": header}, {"ERPOA_SECRET_ERPOA_KEY": "ab" * 32}).key == Secret("ab" * 32)


def test_a_missing_project_file_is_told(tmp_path: Path):
    with pytest.raises(Failure) as caught:
        load(tmp_path)
    assert code(caught) == "E0102"


def test_what_belongs_to_no_folder_is_not_read(loaded: Loaded):
    project = loaded(
        {"notes.yml": "a: [", "docs/x.yml": "a: [", ".erpoa/x.yml": "a: [", "targets/.draft.yml": "a: ["}
    )
    assert len(project.files) == 4


def test_the_name_of_a_place_may_look_random(loaded: Loaded):
    systems = """
        systems:
          erp: {plugin: sqlite, role: erp, config: {path: erp.db, database: q7Zp0KxW3vTn8LrYb2MfJ6hDs1Gc}}
          oa: {plugin: sqlite, role: oa, config: {path: oa.db}}
    """
    assert loaded({"systems/s.yml": systems}).systems["erp"].config["database"].startswith("q7Zp")
