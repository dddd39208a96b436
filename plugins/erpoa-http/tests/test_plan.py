"""The installed `erpoa` keeps a twin in agreement with a file, through faults; by the twin's audit, each effect once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import erpoa_twin
import pytest

from .program import erpoa, project
from .twin import EXAMPLE

pytestmark = pytest.mark.slow

FILES = {
    "systems/twin.yml": EXAMPLE.read_text(encoding="utf-8"),
    "systems/data.yml": "systems:\n  data: {plugin: files, owner: it@example.test, config: {path: data}}\n",
    "sources/data.yml": """
sources:
  suppliers:
    system: data
    object: suppliers.csv
    key: [code]
    fields: {code: string, name: string, tax_no: string}
""",
    "targets/twin.yml": """
targets:
  twin_suppliers:
    from: suppliers
    system: twin
    object: suppliers
    key: [code]
    fields: [code, name, tax_no]
    guards: {max_change: {share: 100%}}
""",
    "policies/p.yml": "guards: {max_calls: 1000}\n",
}
FAULTS = {
    "rate_limited": {"rate": 0.05, "retry_after": 0},
    "token_expired": {"rate": 0.02, "times": 6},
    "error_before_commit": 0.04,
    "error_after_commit": 0.04,
    "error_in_200": 0.03,
    "dropped_before_commit": 0.03,
    "dropped_after_commit": 0.04,
    "truncated": 0.03,
}


def rows(suffix: str = "") -> str:
    lines = "".join(f"0{n:03},华鑫钢材 {n}{suffix},{n:020}\n" for n in range(150))
    return "code,name,tax_no\n" + lines


def test_an_enforced_key_is_not_looked_for(tmp_path: Path):
    """A create is two calls, the record and its reading back, where the system refuses a second one by itself."""
    with erpoa_twin.running() as twin:
        env = {"TWIN_URL": twin.url, "ERPOA_SECRET_TWIN": "twin-secret"}
        place = project(tmp_path, {**FILES, "data/suppliers.csv": rows()})
        planned = json.loads(erpoa(place, "plan", "-o", "p.erpoaplan", "--format", "json", **env).stdout)
        assert [g["measured"] for g in planned["guards"] if g["guard"] == "max_calls"] == [150]
        before = len(twin.admin("GET", "calls")["calls"])
        done = erpoa(place, "apply", "p.erpoaplan", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        calls = [c for c in twin.admin("GET", "calls")["calls"][before:] if c["path"].startswith("/api/")]
        assert Counter(c["method"] for c in calls) == {"POST": 150, "GET": 150}


@pytest.mark.in_turn("http", of=2, seconds=20)
@pytest.mark.parametrize("safety", ["key", "lookup"])
def test_every_effect_happens_once(safety: str, tmp_path: Path):
    with erpoa_twin.running(create_safety=safety, seed=5) as twin:
        env = {"TWIN_URL": twin.url, "ERPOA_SECRET_TWIN": "twin-secret"}
        system = FILES["systems/twin.yml"].replace(
            "create_safety: key", f"create_safety: {safety}\n      retry: {{attempts: 6, longest: 0.05}}"
        )
        place = project(tmp_path, {**FILES, "systems/twin.yml": system, "data/suppliers.csv": rows()})
        for text in (rows(), rows(" 改")):
            (place / "data/suppliers.csv").write_text(text, encoding="utf-8")
            done = erpoa(place, "plan", "-o", "p.erpoaplan", **env)
            assert done.returncode == 0, done.stdout + done.stderr
            twin.faults(**FAULTS)
            done = erpoa(place, "apply", "p.erpoaplan", **env)
            for _ in range(20):
                if done.returncode != 1:
                    break
                done = erpoa(place, "resume", **env)
            twin.faults()
            assert done.returncode == 0, done.stdout + done.stderr
            (place / "p.erpoaplan").unlink()
        done = erpoa(place, "plan", "--detailed-exitcode", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        met = Counter((e["key"], e["effect"]) for e in twin.effects(kind="suppliers"))
        assert met == {(f"0{n:03}", effect): 1 for n in range(150) for effect in ("create", "change")}
        assert "twin-secret" not in done.stdout + done.stderr
