"""`tests:` of a seed or transform → RelationTest."""

from __future__ import annotations

from collections.abc import Iterator

from erpoa_cli.core.project import RelationTest, TestSeverity
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Scope

KINDS = ("unique", "not_null", "accepted_values", "relationships", "mapped")


def build_tests(relation: str, node: Node, scope: Scope) -> tuple[RelationTest, ...]:
    """The tests *node* lists for *relation*; what they refer to is looked up when `check_tests` is called."""
    return tuple(test for entry in node for test in _tests(relation, entry, scope))


def _tests(relation: str, entry: Node, scope: Scope) -> Iterator[RelationTest]:
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) != 1:
        scope.notes.error(
            "E0115",
            entry.at,
            f"a test of `{relation}` is exactly one of {', '.join(KINDS)}",
            "Write one per list item.",
        )
        return
    kind, node = kinds[0], entry.child(kinds[0])
    at = entry.key_at(kind)
    inner = node.text("severity") if isinstance(node.data, dict) else ""
    severity = TestSeverity(entry.text("severity") or inner or "error")
    if kind in {"unique", "not_null"}:
        for column in node:
            scope.need_column(relation, str(column.data), column.at)
        yield RelationTest(kind, node.texts(), at, severity=severity)
        return
    for name, value in node.items():
        if name == "severity":
            continue
        scope.need_column(relation, name, node.key_at(name))
        if kind == "accepted_values":
            yield RelationTest(kind, (name,), at, values=tuple(value.data), severity=severity)
            continue
        other, _, other_column = str(value.data).partition(".")
        if scope.need("relation", other, value.at):
            scope.need_column(other, other_column, value.at)
        yield RelationTest(kind, (name,), at, to=(other, other_column), severity=severity)
