"""From the files of a project directory to core's values.

    root = find_root(Path.cwd())
    project = load(root, environment="prod", variables={"company": "02"})

The walk: `locate` (which files) → `parse` (YAML with positions) → `template` (Jinja2) → `validate` (JSON
Schema) → `build` (one module per noun) → `semantics` (what holds between the nouns) → `core.project.Project`.

A module is loaded when a name of it is first asked for: what was judged before is told without loading what judges.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erpoa_cli.project.conformity import conforms, remembering
    from erpoa_cli.project.interface import interface_document
    from erpoa_cli.project.loading import load, load_findings
    from erpoa_cli.project.locate import belongs, find_files, find_root
    from erpoa_cli.project.memory import Memory, Said
    from erpoa_cli.project.notes import illustrated
    from erpoa_cli.project.published import SCHEMA_KINDS, schema
    from erpoa_cli.project.scaffolding import TEMPLATES, lacks_key, make_files, make_key, scaffold

_NAMES = {
    "conformity": ("conforms", "remembering"),
    "interface": ("interface_document",),
    "loading": ("load", "load_findings"),
    "locate": ("belongs", "find_files", "find_root"),
    "memory": ("Memory", "Said"),
    "notes": ("illustrated",),
    "published": ("SCHEMA_KINDS", "schema"),
    "scaffolding": ("TEMPLATES", "lacks_key", "make_files", "make_key", "scaffold"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "SCHEMA_KINDS",
    "TEMPLATES",
    "Memory",
    "Said",
    "belongs",
    "conforms",
    "find_files",
    "find_root",
    "illustrated",
    "interface_document",
    "lacks_key",
    "load",
    "load_findings",
    "make_files",
    "make_key",
    "remembering",
    "scaffold",
    "schema",
]
