"""policies/*.yml → limits, freezes, rules."""

from __future__ import annotations

from datetime import datetime

from erpoa_cli.core.project import Freeze, Rule
from erpoa_cli.project.model import Models
from erpoa_cli.project.scope import Entry, Scope


def build_freeze(entry: Entry, scope: Scope) -> Freeze | None:
    """The freeze *entry* declares; None (noted) when its times are none."""
    node = entry.node
    times: list[datetime] = []
    for key in ("from", "until"):
        try:
            times.append(datetime.fromisoformat(node.text(key)))
        except ValueError as error:
            scope.notes.error(
                "E0127",
                node.child(key).at,
                f"{node.text(key)!r} is not a time: {error}",
                "Write 2026-12-30T18:00+08:00.",
            )
    if len(times) < 2:
        return None
    if times[0] >= times[1]:
        scope.notes.error(
            "E0112",
            node.child("until").at,
            f"the freeze `{entry.name}` ends before it starts",
            "Exchange `from` and `until`.",
        )
    return Freeze(entry.name, times[0], times[1], node.text("select"), entry.at)


def build_rule(entry: Entry, models: Models) -> Rule | None:
    """The rule *entry* declares; None (noted) when its SQL is not one clean SELECT over the plan."""
    node = entry.node
    if not models.rule(node.text("sql"), node.child("sql").at):
        return None
    return Rule(entry.name, node.text("severity"), node.text("sql"), entry.at)
