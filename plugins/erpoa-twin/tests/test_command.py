"""The installed `erpoa twin start`, as a pipeline uses it: started, read, used, ended by a signal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from erpoa_twin import Settings, Twin

from .client import ORDERS, Client, order

pytestmark = pytest.mark.process

ERPOA = Path(sys.executable).with_name("erpoa")


@contextmanager
def started(*arguments: str | Path, end: int = signal.SIGTERM) -> Iterator[dict[str, Any]]:
    """The JSON that a started twin tells; it ends with exit code 0."""
    command = [ERPOA, "twin", "start", "generic", "--format", "json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            text = ""
            for line in process.stdout:
                text += line
                if line == "}\n":
                    break
            yield json.loads(text)
        finally:
            process.send_signal(end)
            assert process.wait(30) == 0


@pytest.fixture(scope="module")
def schema() -> Any:
    """Of what a started twin tells."""
    done = subprocess.run([ERPOA, "schema", "print", "twin"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_started_used_and_ended(tmp_path: Path, schema: Any, end: int):
    data, faults = tmp_path / "孪生.db", tmp_path / "faults.json"
    faults.write_text('{"error_in_200": {"rate": 1, "times": 1, "on": "POST /api/*"}}', encoding="utf-8")
    for run, statuses in enumerate([[200, 201], [200, 409]]):
        with started("--data", data, "--faults", faults, "--seed", str(run), end=end) as told:
            jsonschema.validate(told, schema)
            assert told["twin"]["seed"] == run
            client = Client(Twin(told["twin"]["url"], Settings()))
            assert [client("POST", ORDERS, order()).status for _ in range(2)] == statuses


def test_what_cannot_start_is_told_with_its_line(tmp_path: Path):
    faults = tmp_path / "faults.json"
    faults.write_text('{\n  "slwo": 1\n', encoding="utf-8")
    for options, words in (
        [("--faults", faults), "faults.json:3: no JSON"],
        [("--create-safety", "x"), "create_safety is one of"],
    ):
        command = [ERPOA, "twin", "start", "generic", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"COLUMNS": "400"})
        assert (done.returncode, done.stdout) == (3, "")
        assert words in done.stderr
        assert "error E0614" in done.stderr
