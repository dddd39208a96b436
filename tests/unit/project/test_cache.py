"""The content cache: never needed, never wrong, cheap when warm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from erpoa_cli.project import load_findings
from erpoa_cli.project.cache import read_json

MODEL = {
    "transforms/m.sql": "select code, '{{ var(\"company\", \"01\") }}' as name from {{ source('erp_suppliers') }}\n"
}


def cached(root: Path) -> Path:
    return root / ".erpoa" / "cache" / "project.json"


@pytest.fixture
def root(write: Callable[..., Path]) -> Path:
    root = write(MODEL)
    (root / ".erpoa").mkdir()
    return root


def test_a_warm_look_is_the_same(root: Path):
    cold = load_findings(root)
    assert cached(root).is_file()
    assert load_findings(root) == cold
    assert cold[0] is not None
    assert "var:company" in cold[0].inputs


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"edition": "x"}', '{"edition": null, "entries": 5}', "[" * 100000]
)
def test_a_damaged_cache_is_no_cache(root: Path, content: str):
    cold = load_findings(root)
    cached(root).write_text(content, encoding="utf-8")
    assert load_findings(root) == cold


def test_what_changes_is_looked_at_again(root: Path):
    load_findings(root)
    (root / "transforms/m.sql").write_text("select now()", encoding="utf-8")
    assert [d.code for d in load_findings(root)[1] if d.severity == "error"] == ["E0214"]
    project, _ = load_findings(root, variables={"company": "02"})
    assert project is None
    (root / "transforms/m.sql").write_text(MODEL["transforms/m.sql"], encoding="utf-8")
    sql = [load_findings(root, variables={"company": c})[0].transforms["m"].sql for c in ("01", "02")]  # type: ignore[union-attr]
    assert ["'01'" in sql[0], "'02'" in sql[1]] == [True, True]


def test_no_secret_is_cached(root: Path):
    (root / "systems/s.yml").write_text(
        "systems: {erp: {plugin: sqlite, config: {p: \"{{ secret('a') }}\", u: \"{{ env('B') }}\"}}, oa: {plugin: sqlite}}\n",
        encoding="utf-8",
    )
    project, _ = load_findings(root, getenv={"ERPOA_SECRET_A": "canary-a", "B": "canary-b"}.get)
    assert project is not None
    assert "canary" not in cached(root).read_text(encoding="utf-8")
    assert read_json(cached(root))["entries"]


def test_where_nothing_can_be_written_nothing_is(root: Path, write: Callable[..., Path]):
    (root / ".erpoa").rmdir()
    assert load_findings(root)[0] is not None
    assert not (root / ".erpoa").exists()
    (root / ".erpoa").write_text("a file", encoding="utf-8")
    assert load_findings(root)[0] is not None


@pytest.mark.process
def test_a_warm_look_loads_no_heavy_library(root: Path):
    systems = "systems: {erp: {plugin: sqlite, config: {path: \"{{ env('ERP', 'erp.db') }}\"}}, oa: {plugin: sqlite}}\n"
    (root / "systems/s.yml").write_text(systems, encoding="utf-8")
    load_findings(root, getenv=lambda _: None)
    script = (
        "import sys; from pathlib import Path; from erpoa_cli.project import load_findings; "
        f"assert load_findings(Path({str(root)!r}))[0]; "
        "print([m for m in ('yaml', 'jinja2', 'jsonschema', 'sqlglot', 'duckdb', 'pyarrow') if m in sys.modules])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"
