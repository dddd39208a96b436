"""What erpoa does, as plain callables: values in, values out, `Failure` where it cannot. Every door (the command line, a
scheduler, a notebook) opens a workspace and calls these (docs/python.md).

    work = open_workspace("company", environment="prod")
    planned = plan(work)
    run = apply(work, planned.path)

A module is loaded when a name of it is first asked for: no command pays for another.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erpoa_cli.usecase.applying import apply, refuse_beside_unfinished, resume
    from erpoa_cli.usecase.authorship import author
    from erpoa_cli.usecase.looking import discover, examine, explain
    from erpoa_cli.usecase.planning import drift, plan, rollback
    from erpoa_cli.usecase.relations import data_tests, extract, query
    from erpoa_cli.usecase.reporting import LIMIT, is_run, plan_report, run_report
    from erpoa_cli.usecase.workspace import Workspace, open_workspace

_NAMES = {
    "applying": ("apply", "refuse_beside_unfinished", "resume"),
    "authorship": ("author",),
    "looking": ("discover", "examine", "explain"),
    "planning": ("drift", "plan", "rollback"),
    "relations": ("data_tests", "extract", "query"),
    "reporting": ("LIMIT", "is_run", "plan_report", "run_report"),
    "workspace": ("Workspace", "open_workspace"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "LIMIT",
    "Workspace",
    "apply",
    "author",
    "data_tests",
    "discover",
    "drift",
    "examine",
    "explain",
    "extract",
    "is_run",
    "open_workspace",
    "plan",
    "plan_report",
    "query",
    "refuse_beside_unfinished",
    "resume",
    "rollback",
    "run_report",
]
