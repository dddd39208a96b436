"""The installed `erpoa` moves the twin's purchase orders through their lifecycle, through faults and kills; by the twin's
audit, every call was made once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import erpoa_twin
import pytest

from .program import erpoa, project
from .twin import EXAMPLE

pytestmark = pytest.mark.slow

FILES = {
    "systems/data.yml": "systems:\n  data: {plugin: files, owner: it@example.test, config: {path: data}}\n",
    "sources/data.yml": """
sources:
  requisitions:
    system: data
    object: requisitions.jsonl
    key: [no]
    fields:
      no: string
      note: string
      wanted: string
      lines: "list<struct<product: string, quantity: decimal(18,6), price: decimal(18,6)>>"
""",
    "targets/twin.yml": """
targets:
  orders:
    from: requisitions
    system: twin
    object: purchase_orders
    key: [no]
    returns: [number]
    guards: {max_change: {share: 100%}, max_undo: 100}
    fields:
      reference: no
      supplier: {value: S0001}
      currency: {value: CNY}
      note: note
      lines: lines
      state: wanted
""",
}
FAULTS = {
    "rate_limited": {"rate": 0.05, "retry_after": 0},
    "error_before_commit": 0.04,
    "error_after_commit": 0.05,
    "dropped_before_commit": 0.03,
    "dropped_after_commit": 0.05,
    "truncated": 0.03,
}
ORDERS = 24
WAY = ("create", "submit", "audit")


def requisitions(wanted: str, note: str = "采购") -> str:
    line = {"product": "P100", "quantity": "2.000000", "price": "1.500000"}
    rows = [{"no": f"PR-{n:03}", "note": note, "wanted": wanted, "lines": [line]} for n in range(ORDERS)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def effects(twin: Any) -> list[tuple[str, ...]]:
    """Per document what was done to it, in order."""
    done: dict[int, list[str]] = {}
    for effect in twin.effects(kind="purchase_orders"):
        done.setdefault(effect["id"], []).append(effect["effect"])
    return [tuple(told) for _, told in sorted(done.items())]


def folder(tmp_path: Path, safety: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    system = text.replace(
        "create_safety: key", f"create_safety: {safety}\n      retry: {{attempts: 6, longest: 0.05}}"
    )
    return project(tmp_path, {**FILES, "systems/twin.yml": system, "data/requisitions.jsonl": ""})


def finish(place: Path, env: dict[str, str], *first: str) -> subprocess.CompletedProcess[str]:
    done = erpoa(place, *first, **env)
    for _ in range(30):
        if done.returncode != 1:
            break
        done = erpoa(place, "resume", **env)
    return done


@pytest.mark.in_turn("http", of=2, seconds=20)
@pytest.mark.parametrize("safety", ["key", "lookup"])
def test_every_call_is_made_once(safety: str, tmp_path: Path) -> None:
    with erpoa_twin.running(create_safety=safety, seed=7) as twin:
        env = {"TWIN_URL": twin.url, "ERPOA_SECRET_TWIN": "twin-secret"}
        place = folder(tmp_path, safety)
        for wanted, note in (("confirmed", "采购"), ("confirmed", "改"), ("undo", "改"), ("confirmed", "改")):
            (place / "data/requisitions.jsonl").write_text(requisitions(wanted, note), encoding="utf-8")
            done = erpoa(place, "plan", "-o", "p.erpoaplan", **env)
            assert done.returncode == 0, done.stdout + done.stderr
            twin.faults(**FAULTS)
            done = finish(place, env, "apply", "p.erpoaplan")
            twin.faults()
            assert done.returncode == 0, done.stdout + done.stderr
            (place / "p.erpoaplan").unlink()
        done = erpoa(place, "plan", "--detailed-exitcode", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        first = (*WAY, "unaudit", "change", "submit", "audit", "cancel")
        assert Counter(effects(twin)) == {first: ORDERS, WAY: ORDERS}


def test_killed_while_documents_are_moved(tmp_path: Path) -> None:
    """kill -9 at moments spread over the run, resumed each time until it has ended."""
    with erpoa_twin.running(create_safety="lookup", seed=7) as twin:
        env = {"TWIN_URL": twin.url, "ERPOA_SECRET_TWIN": "twin-secret"}
        place = folder(tmp_path, "lookup")
        (place / "data/requisitions.jsonl").write_text(requisitions("confirmed"), encoding="utf-8")
        assert erpoa(place, "plan", "-o", "p.erpoaplan", **env).returncode == 0
        program = [str(Path(sys.executable).with_name("erpoa"))]
        command = ["apply", "p.erpoaplan"]
        for kills in range(12):
            running = subprocess.Popen(
                [*program, *command],
                cwd=place,
                env={**os.environ, **env},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            calls = len(twin.effects(kind="purchase_orders"))
            deadline = time.monotonic() + 60
            while running.poll() is None and time.monotonic() < deadline:
                if len(twin.effects(kind="purchase_orders")) >= calls + 3 + kills:
                    running.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.003)
            running.wait()
            if running.returncode >= 0:
                break
            command = ["resume"]
        assert erpoa(place, "resume", **env).returncode in {0, 3}
        assert Counter(effects(twin)) == {WAY: ORDERS}
        assert erpoa(place, "plan", "--detailed-exitcode", **env).returncode == 0
