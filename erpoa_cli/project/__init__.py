"""From the files of a project directory to core's values.

    root = find_root(Path.cwd())
    project = load(root, environment="prod", variables={"company": "02"})

The walk: `locate` (which files) → `parse` (YAML with positions) → `template` (Jinja2) → `validate` (JSON
Schema) → `build` (one module per noun) → `semantics` (what holds between the nouns) → `core.project.Project`.
"""

from __future__ import annotations

from erpoa_cli.project.conformity import conforms, remembering
from erpoa_cli.project.interface import interface_document
from erpoa_cli.project.load import load, load_findings
from erpoa_cli.project.locate import find_files, find_root
from erpoa_cli.project.memory import Memory, Said
from erpoa_cli.project.notes import illustrated
from erpoa_cli.project.published import SCHEMA_KINDS, schema
from erpoa_cli.project.scaffold import TEMPLATES, lacks_key, make_key, scaffold

__all__ = [
    "SCHEMA_KINDS",
    "TEMPLATES",
    "Memory",
    "Said",
    "conforms",
    "find_files",
    "find_root",
    "illustrated",
    "interface_document",
    "lacks_key",
    "load",
    "load_findings",
    "make_key",
    "remembering",
    "scaffold",
    "schema",
]
