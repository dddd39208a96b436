"""What no list of forbidden modules can say: core is the standard library and nothing that asks the machine."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tests.house.sources import PACKAGE, imported, modules

ASKS_THE_CLOCK = {"now", "today", "utcnow", "fromtimestamp"}
TOUCHES_THE_MACHINE = {"breakpoint", "eval", "exec", "input", "open", "print"}


def impurities(tree: ast.Module) -> Iterator[str]:
    for line, name in imported(tree):
        if name.partition(".")[0] not in {"erpoa_cli", *sys.stdlib_module_names}:
            yield f"{line}: imports {name}, which is not the standard library"
        if name.startswith("urllib.") and not name.startswith("urllib.parse"):
            yield f"{line}: imports {name}, which opens connections"
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in ASKS_THE_CLOCK:
                yield f"{node.lineno}: asks the clock with {name}()"
            case ast.Call(func=ast.Name(id=name)) if name in TOUCHES_THE_MACHINE:
                yield f"{node.lineno}: calls {name}()"


def test_core_is_pure():
    assert [f"{file}:{what}" for file, tree in modules(PACKAGE / "core") for what in impurities(tree)] == []


def test_impurities_are_noticed():
    offences = [
        "import attrs",
        "from urllib.request import urlopen",
        "datetime.now(tz=UTC)",
        "date.today()",
        "print(1)",
        "open('x')",
    ]
    assert [line for line in offences if not [*impurities(ast.parse(line))]] == []
    assert [*impurities(ast.parse("from urllib.parse import quote\nimport re\nnow = 1"))] == []
