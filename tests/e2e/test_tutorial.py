"""The tutorial, executed from top to bottom: its files written, its commands run, its outputs found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^(?:#|--) file: (\S+)\n")
EXIT = re.compile(r"# exit (\d+)$")


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every block, in order."""
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def test_the_chinese_tutorial_has_the_same_blocks() -> None:
    assert blocks("tutorial.zh-CN.md") == blocks("tutorial.md")


def test_the_tutorial_is_true(tmp_path: Path) -> None:
    said, executed = "", 0
    for language, text in blocks("tutorial.md"):
        if named := FILE.match(text):
            file = tmp_path / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(text[named.end() :], encoding="utf-8")
        elif language == "sh":
            said = "".join(_run(line, tmp_path) for line in text.splitlines())
            executed += len(text.splitlines())
        else:
            assert language == "text"
            assert [line for line in text.splitlines() if line not in said] == [], said
    assert executed > 15


def _run(line: str, place: Path) -> str:
    expected = int(found[1]) if (found := EXIT.search(line)) else 0
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=place,
        env={**os.environ, "PATH": programs},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
