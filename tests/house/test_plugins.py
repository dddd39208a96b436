"""Plugins import only sdk and core, and nothing in erpoa_cli knows one of them by name."""

from __future__ import annotations

import re

from tests.house.sources import PACKAGE, ROOT, committable, imported, modules

PLUGINS = ROOT / "plugins"


def names() -> set[str]:
    return {path.parent.name for path in committable() if path.match("plugins/*/pyproject.toml")}


def test_plugins_import_sdk_and_core_only():
    assert [
        f"{file}:{line}: {name}"
        for file, tree in modules(PLUGINS)
        for line, name in imported(tree)
        if name.startswith("erpoa_cli") and not re.match(r"erpoa_cli\.(sdk|core)\b", name)
    ] == []


def test_no_plugin_is_named():
    distributions = "|".join(re.escape(name).replace(r"\-", "[-_]") for name in sorted(names()))
    if not distributions:
        return
    named = re.compile(rf"\b(?:{distributions})\b")
    assert [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in committable()
        if path.is_relative_to(PACKAGE) and path.suffix in {".py", ".json", ".j2", ".sql"}
        for found in named.finditer(path.read_text(encoding="utf-8"))
    ] == []


def test_the_contract_knows_every_plugin():
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {name for name in names() if f'"{name.replace("-", "_")}"' not in contracts} == set()
