"""A page of documentation, executed from top to bottom: its files written, its commands run, its outputs found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^(?:#|--) file: (\S+)\n")
EXIT = re.compile(r"# exit (\d+)$")


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every block, in order."""
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def execute(page: str, place: Path, change: Callable[[str], str] = lambda text: text) -> int:
    """Execute *page* in the directory *place*; how many commands there were. *change* makes of a block what it says
    here: a port that is free, say."""
    said, executed = "", 0
    for language, whole in blocks(page):
        text = change(whole)
        if named := FILE.match(text):
            file = place / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(text[named.end() :], encoding="utf-8")
        elif language == "sh":
            said = "".join(_run(line, place) for line in text.splitlines())
            executed += len(text.splitlines())
        else:
            assert language == "text"
            assert [line for line in text.splitlines() if line not in said] == [], said
    return executed


def _run(line: str, place: Path) -> str:
    expected = int(found[1]) if (found := EXIT.search(line)) else 0
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=place,
        env={**os.environ, "PATH": programs, "COLUMNS": "100"},  # as where there is no terminal
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
