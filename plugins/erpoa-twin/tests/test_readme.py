"""The README is true: its Python runs, and both languages tell every fault."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from erpoa_twin import FAULTS
from erpoa_twin.kinds import KINDS

HERE = Path(__file__).resolve().parents[1]


@pytest.mark.process
def test_the_python_of_the_readme_runs():
    [block] = re.findall(
        r"^```python\n(.*?)^```", (HERE / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"HTTP Error 50[023]", done.stdout)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_tells_every_fault_with_its_options_every_kind_and_call(name: str):
    text = (HERE / name).read_text("utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    told = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`[^`\n]+`", prose))))
    assert set(FAULTS) - told == set()
    assert {option for options in FAULTS.values() for option in options} - told == set()
    assert set(KINDS) - told == set()
    assert [call for kind in KINDS.values() for call in kind.moves if call not in text] == []
