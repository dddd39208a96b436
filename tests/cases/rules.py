"""The rules of docs/engine.md that cases must show: rows of its tables, and points of its sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.cases.situation import SECTIONS

ENGINE = Path(__file__).parents[2] / "docs" / "engine.md"
# What names a row in each table, by the table's first heading; a table that is not here is one nobody thought of.
NAMED_BY = {
    "D": (3,),
    "D against agreed": (0, 1),
    "wanted, and how it came about": (0,),
    "policy": (),  # `policies` reads it
    "the call": (),  # what becomes of a call whose answer was lost: no plan tells it
}


@cache
def section(folder: str) -> str:
    """The text of the section that the cases of a folder are about."""
    text = ENGINE.read_text(encoding="utf-8")
    (found,) = re.findall(
        rf"^## {re.escape(SECTIONS[folder])}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    return str(found)


def rows(folder: str) -> list[str]:
    """What names each row of the section's tables, in plain words: `same, changed`."""
    found = []
    for head, *body in tables(section(folder)):
        for cells in body:
            named = [plain(cells[n]) for n in NAMED_BY[head[0]]]
            found += [", ".join(filter(None, named))] if named else []
    return found


def points(folder: str) -> list[str]:
    """Every point of the section's lists, in plain words and on one line."""
    return [
        plain(text)
        for text in re.findall(r"^\* (.*?)(?=^\* |^$|\Z)", section(folder), re.DOTALL | re.MULTILINE)
    ]


def policies() -> dict[str, list[str]]:
    """The values of every policy that a plan shows."""
    told = [body for head, *body in tables(section("fields")) if head[0] == "policy"]
    return {plain(name): re.findall(r"`(\w+)`", values) for name, values in told[0]}


def tables(text: str) -> Iterator[list[list[str]]]:
    """Each table as its rows of cells, without the line of dashes."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line.strip("|").split("|") for line in block.splitlines()]
        yield [[cell.strip() for cell in line] for n, line in enumerate(lines) if n != 1]


def plain(text: str) -> str:
    """Words without their markup, on one line."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(text.replace("`", "").replace("**", "").split())
