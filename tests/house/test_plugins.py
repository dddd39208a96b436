"""Plugins import what the page for their authors lists, and nothing in erpoa_cli knows one of them by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

from tests.house.sources import PACKAGE, ROOT, committable, imported, modules

PLUGINS = ROOT / "plugins"


def names() -> set[str]:
    return {path.parent.name for path in committable() if path.match("plugins/*/pyproject.toml")}


def allowed() -> dict[str, frozenset[str] | None]:
    """Module → the names that a plugin may import from it, None for all: as the page for their authors says."""
    page = (PLUGINS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(erpoa_cli[\w.]+)` \| (all|`.*?`) \|", page, re.MULTILINE)
    return {
        module: None if names == "all" else frozenset(re.findall(r"`(\w+)`", names)) for module, names in rows
    }


def packages() -> Iterator[tuple[str, int, str]]:
    """File, line and name of everything of erpoa that the packages of plugins import; their tests are left out."""
    for file, tree in modules(PLUGINS):
        if "tests" not in file.split("/"):
            yield from ((file, line, name) for line, name in imported(tree) if name.startswith("erpoa_cli"))


def is_allowed(name: str) -> bool:
    module, _, own = name.rpartition(".")
    names = allowed()
    if name in names:  # the module itself
        return True
    return module in names and (
        (names[module] is None and not own.startswith("_")) or own in (names[module] or ())
    )


def test_plugins_import_what_the_list_says():
    assert [f"{file}:{line}: {name}" for file, line, name in packages() if not is_allowed(name)] == []


def test_tests_of_plugins_import_no_further_than_layers_go():
    """They plan and apply through tests/, as everybody's tests do."""
    assert [
        f"{file}:{line}: {name}"
        for file, tree in modules(PLUGINS)
        for line, name in imported(tree)
        if name.startswith("erpoa_cli") and not re.match(r"erpoa_cli\.(sdk|core)\b", name)
    ] == []


def test_the_list_has_what_is_there_and_used():
    used = {name for _, _, name in packages()}
    for module, names in allowed().items():
        found = import_module(module)
        for name in names or ():
            assert hasattr(found, name), f"{module}.{name} is not there"
            assert f"{module}.{name}" in used, f"{module}.{name} is used by no plugin"


def test_what_is_not_listed_is_refused():
    assert is_allowed("erpoa_cli.sdk.sql.Outcomes")
    assert is_allowed("erpoa_cli.core.project.Limits")
    assert not is_allowed("erpoa_cli.core.project.Project")
    assert not is_allowed("erpoa_cli.sdk.sql.staged.StagedWriting"), "not past the door of the package"
    assert not is_allowed("erpoa_cli.engine.plan.plan")


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
