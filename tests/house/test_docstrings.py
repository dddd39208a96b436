"""Modules state their one responsibility; public functions say what is promised.

A function of a single statement is its own description, and so are value classes beside their module's docstring.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.sources import PACKAGE, modules


def undocumented(tree: ast.Module) -> Iterator[str]:
    if not ast.get_docstring(tree):
        yield "1: module"
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for function in functions:
        if not function.name.startswith("_") and len(function.body) > 1 and not ast.get_docstring(function):
            yield f"{function.lineno}: {function.name}"


def test_public_functions_are_documented():
    assert [f"{file}:{what}" for file, tree in modules(PACKAGE) for what in undocumented(tree)] == []


def test_silence_is_noticed():
    tree = ast.parse("def f():\n a()\n b()\ndef g(): return 1\ndef _h():\n a()\n b()")
    assert [*undocumented(tree)] == ["1: module", "1: f"]
