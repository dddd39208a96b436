"""Tells a plan in the words of the cases: of every row what is done, what is not, and why."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from erpoa_cli.core.codes import CATALOGUE
from tests.planning import PlanResult, told

Facts = dict[str, dict[str, Any]]
LINK = "document"  # of a line: the identifier of its document
ASIDE = {"held": "held", "withheld": "withheld", "tasks": "task"}


def facts(result: PlanResult) -> Facts:
    """What a plan says of each row, by its key; of a line: `DOCUMENT/LINE`."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for member, _, key, row in told(result):
        found["/".join(text(value) for value in key)].append((member, row))
    return {key: _fact(rows) for key, rows in found.items()}


def _fact(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    fact: dict[str, Any] = {"situation": rows[0][1]["situation"]}
    done = sorted(
        (member == "state", row["step"], _step(row)) for member, row in rows if member in ("changes", "state")
    )
    steps = [step for _, _, step in done]  # what only changes the state comes last
    aside = [(member, row) for member, row in rows if member in ASIDE]
    if not aside:
        fact["does"] = steps[0] if len(steps) == 1 else steps or "report"
    for member, row in aside:
        fact[ASIDE[member]] = f"{row['code']} {CATALOGUE[row['code']].title}"
        if member == "withheld":
            fact["would"] = row["action"]
    for _, row in rows:
        if row["kind"] is None:
            _values(fact, row)
        if row["generation"] > 1:
            fact["generation"] = str(row["generation"])
    return fact


def _step(row: dict[str, Any]) -> str:
    if row["action"] != "move":
        return str(row["action"])
    return f"move {text(row.get('a_state'))} → {text(row.get('d_state'))}"


def _values(fact: dict[str, Any], row: dict[str, Any]) -> None:
    names = () if row["action"] == "move" else row["fields"]
    for name in (name for name in names if name != LINK):
        new, old = text(row[f"d_{name}"]), text(row.get(f"a_{name}"))
        fact.setdefault("writes", {})[name] = new if row["action"] == "create" else f"{old} → {new}"
    for word, names in (("drift", row["drifted"]), ("conflict", row["conflicted"])):
        for name in names:
            fact.setdefault(word, {})[name] = f"{text(row[f'a_{name}'])} ≠ {text(row[f'd_{name}'])}"


def remembered(row: dict[str, Any]) -> dict[str, str]:
    """What is agreed of each field, and what was seen in their system where it is something else."""
    told = {}
    for name in row["known"]:
        agreed, seen = text(row[f"agreed_{name}"]), text(row[f"seen_{name}"])
        told[name] = agreed if agreed == seen else f"agreed {agreed}, seen {seen}"
    return told


def text(value: Any) -> str:
    """A value as the cases spell it."""
    match value:
        case None:
            return "(empty)"
        case "":
            return '""'
        case bool():
            return "true" if value else "false"
        case list():
            return f"{len(value)} lines"
        case _:
            return str(value)


def plain(value: Any) -> Any:
    """*value* of a case or a database with every single value as text."""
    match value:
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case str() if value.startswith("[{"):
            return plain(json.loads(value))
        case _:
            return text(value)
