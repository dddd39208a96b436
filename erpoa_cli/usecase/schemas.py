"""The published JSON Schemas of project files and of answers."""

from __future__ import annotations

from importlib.resources import files

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean

_PACKAGE = files("erpoa_cli")  # not the packages themselves: naming a schema loads neither
_HOMES = {
    "project file": _PACKAGE / "project" / "schemas",
    "answer": _PACKAGE / "render" / "schemas",
}


def schema_kinds() -> dict[str, str]:
    """Every kind of schema and what it describes."""
    found = {}
    for what, home in _HOMES.items():
        names = sorted(p.name for p in home.iterdir() if p.name.endswith(".json"))
        found.update({name.removesuffix(".json"): what for name in names})
    return found


def schema_text(kind: str) -> str:
    """The schema of that *kind* as its file has it; `Failure` E0609 for an unknown one."""
    known = schema_kinds()
    if kind not in known:
        raise Failure(Diagnostic("E0609", f"no schema {kind!r}", remedy=did_you_mean(kind, known)))
    return (_HOMES[known[kind]] / f"{kind}.json").read_text(encoding="utf-8")
