"""The README's commands, executed in both languages' order; and the demo, as a customer sees it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ERPOA = Path(sys.executable).with_name("erpoa")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(readme: str) -> list[tuple[str, int]]:
    """(command, exit code) of every line of the `sh` blocks."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines() if line]
    found = []
    for line in lines:
        code = re.search(r"# exit (\d+)$", line)
        found.append((line.partition("  #")[0].strip(), int(code[1]) if code else 0))
    return found


def test_both_readmes_have_the_same_commands():
    assert commands("README.md") == commands("README.zh-CN.md")
    assert len(commands("README.md")) > 10


def test_the_readme_is_true(tmp_path):
    """In one terminal, which does not know the program before the README says how."""
    checkout = tmp_path / "erpoa"
    checkout.mkdir()
    (checkout / ".venv").symlink_to(Path(sys.prefix))
    script = commands("README.md")
    said = tmp_path / "exits"
    done = subprocess.run(
        ["sh", "-c", "\n".join(f"{command}\necho $? >> '{said}'" for command, _ in script)],
        cwd=checkout,
        env={**os.environ, "PATH": os.pathsep.join(elsewhere(os.environ["PATH"]))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    exits = [int(code) for code in said.read_text().split()]
    assert exits == [code for _, code in script], f"{done.stdout}\n{done.stderr}"


def elsewhere(path: str) -> list[str]:
    """The directories of *path* in which there is no erpoa."""
    return [place for place in path.split(os.pathsep) if not (Path(place) / "erpoa").exists()]


@pytest.mark.slow
def test_the_demo(tmp_path):
    """In a directory with spaces, without a terminal."""
    place = tmp_path / "a customer's 目录"
    done = subprocess.run(
        ["sh", str(ROOT / "project_template" / "demo.sh"), str(place)],
        env={**os.environ, "ERPOA": str(ERPOA)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    told = (
        "nothing to apply, 1 row set aside",
        'email: "-group" inserted · 55 rows',
        "≠ drift code=S0005",
        "o deactivate code=S0008",
        "· held code=S0006",
        "The audit trail is whole",
    )
    assert [words for words in told if words not in done.stdout] == []
    assert "\x1b" not in done.stdout
    assert "330102198003033453" not in done.stdout + done.stderr  # an identity card number
