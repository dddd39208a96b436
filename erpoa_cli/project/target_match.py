"""`key:` and `match:` of a target or of lines, as they are written → DeclaredMatch."""

from __future__ import annotations

from erpoa_cli.core.lowering.match import DeclaredMatch
from erpoa_cli.core.lowering.named import Named
from erpoa_cli.project.node import Node


def declared_match(node: Node) -> DeclaredMatch:
    """The key and the alternatives of *node*, with the places of their names."""
    alternatives = tuple(_names(alternative) for alternative in node.child("match"))
    return DeclaredMatch(_names(node.child("key")), alternatives if "match" in node else None)


def _names(node: Node) -> tuple[Named, ...]:
    return tuple(Named(str(name.data), name.at) for name in node)
