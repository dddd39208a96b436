"""A run that was killed leaves nothing that the next one does not find, and a run that lives is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import runs

pytestmark = pytest.mark.process

# Starts what tests start, says so, and waits to be killed: a server of another user, a program in a session of its own.
BEGUN = """
import subprocess, sys, time
from tests import runs
run = runs.Run()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, stdout=subprocess.DEVNULL)
print(run.folder, flush=True)
time.sleep(600)
"""


@contextmanager
def begun() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run in a process of its own, and its folder."""
    environment = {k: v for k, v in os.environ.items() if k not in {runs.NAME, "TMPDIR"}}
    root = Path(runs.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", BEGUN], cwd=root, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()
    runs.remove_what_is_left()


def test_what_a_killed_run_leaves_is_removed_and_a_living_one_stays():
    with begun() as (living, ours):
        with begun() as (killed, folder):
            assert len([*runs.processes(folder)]) == 1
            killed.kill()
            killed.wait()
            assert folder.exists()
        assert not folder.exists()
        assert [*runs.processes(folder)] == []
        assert living.poll() is None
        assert ours.exists()
        assert len([*runs.processes(ours)]) == 1
        assert runs.folder().exists()
    assert not ours.exists()


def test_what_a_run_has_made_at_a_server_is_known_by_its_name():
    with begun() as (_, ours):
        name = f"erpoa_test_{ours.name.rpartition('-')[2]}_0123abcd"
        dead = "erpoa_test_0123abcd_0123abcd"
        assert runs.left([name, dead, runs.name(), "customers"]) == [dead]
