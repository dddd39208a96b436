"""The JSON Schemas (draft 2020-12) of the project files, as `erpoa schema print` publishes them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

SCHEMA_KINDS = (
    "project",
    "systems",
    "sources",
    "seeds",
    "transforms",
    "contract",
    "targets",
    "policies",
    "tests",
)


@cache
def _text(kind: str) -> str:
    return (files("erpoa_cli.project") / "schemas" / f"{kind}.json").read_text(encoding="utf-8")


def schema(kind: str) -> dict[str, Any]:
    """The schema of a file *kind* (one of SCHEMA_KINDS; KeyError otherwise); the caller's own copy."""
    if kind not in SCHEMA_KINDS:
        raise KeyError(kind)
    found: dict[str, Any] = json.loads(_text(kind))
    return found
