"""The commands of an example's README."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    section: int
    text: str
    exit: int


def commands(readme: Path) -> list[Command]:
    """The lines of the README's `sh` blocks, with the section they stand in and the exit code they expect."""
    found: list[Command] = []
    section, inside = 0, False
    for line in readme.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## (\d+) ", line):
            section = int(heading[1])
        elif line.startswith("```"):
            inside = line == "```sh"
        elif inside:
            text, _, code = re.sub(r" +# exit ", "\0", line).partition("\0")
            found.append(Command(section, text.strip(), int(code or 0)))
    return found
