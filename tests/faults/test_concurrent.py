"""Two applies at once: one runs, the other ends with exit 7 and says who holds the lock."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing

from erpoa_cli.cli.exits import Exit
from tests.faults.scene import Scene
from tests.program import Forks, erpoa, start


def test_the_second_is_told_who_holds_the_lock(scene: Scene):
    """The first is stopped in the middle of a batch, by a writer who sits on the OA's file."""
    with closing(sqlite3.connect(scene.root / "oa.db", isolation_level=None)) as sitter:
        sitter.execute("BEGIN IMMEDIATE")
        with start("apply", scene.plan.name, "--no-input", directory=scene.root) as first:
            _wait_for_lock(scene, first)
            second = erpoa("apply", scene.plan.name, "--no-input", "--format", "json", directory=scene.root)
            sitter.execute("ROLLBACK")
            out, err = first.communicate(timeout=60)
    assert first.returncode == Exit.SUCCESS, (out, err)
    assert second.exit == Exit.LOCKED, second
    (finding,) = [d for d in second.json()["diagnostics"] if d["severity"] == "error"]
    assert finding["code"] == "E0520"
    assert f"process {first.pid}" in finding["summary"]
    assert scene.disagreements() == {}


def test_many_at_once_have_one_effect(scene: Scene):
    programs = [start("apply", scene.plan.name, "--no-input", directory=scene.root) for _ in range(4)]
    ended = []
    for program in programs:
        program.communicate(timeout=120)
        ended.append(program.returncode)
    assert set(ended) <= {Exit.SUCCESS, Exit.LOCKED, Exit.STALE, Exit.IN_DOUBT}
    assert ended.count(Exit.SUCCESS) == 1
    assert scene.disagreements() == {}


def test_ctrl_c_stops_between_batches(scene: Scene, forked: Forks):
    """SIGINT while a batch waits: that batch is finished, the run is resumable, resume completes it."""
    with closing(sqlite3.connect(scene.root / "oa.db", isolation_level=None)) as sitter:
        sitter.execute("BEGIN IMMEDIATE")
        with start("apply", scene.plan.name, "--no-input", directory=scene.root) as program:
            _wait_for_lock(scene, program)
            program.send_signal(signal.SIGINT)
            sitter.execute("ROLLBACK")
            out, err = program.communicate(timeout=60)
    assert program.returncode == 130, (out, err)
    assert scene.run_status() == "interrupted"
    assert scene.disagreements()
    resumed = forked.run("resume", "--no-input", directory=scene.root)
    assert resumed.exit == 0, resumed
    assert scene.disagreements() == {}


def _wait_for_lock(scene: Scene, program: subprocess.Popen[bytes]) -> None:
    """Until the program has opened its run and recorded the first intent."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert program.poll() is None, program.communicate()
        held = scene.control("SELECT pid FROM lease WHERE token IS NOT NULL")
        if held == [(program.pid,)] and scene.run_status() == "running":
            return
        time.sleep(0.05)
    raise AssertionError("the lock was never taken")
