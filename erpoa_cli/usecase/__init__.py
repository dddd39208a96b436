"""What erpoa does, as plain callables: values in, values out, `Failure` where it cannot. Every door (the command line, a
scheduler, a notebook) opens a workspace and calls these (docs/python.md).

    work = open_workspace("company", environment="prod")
    planned = plan(work)
    run = apply(work, planned.path)

A module is loaded when a name of it is first asked for: no command pays for another. The types of what comes back are here
too, so that a door needs nothing from below.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erpoa_cli.engine.discover import Offer
    from erpoa_cli.engine.doctor import Check
    from erpoa_cli.engine.explain import Explanation
    from erpoa_cli.engine.plan import PlanResult
    from erpoa_cli.engine.query import Rows
    from erpoa_cli.engine.relations.quality import Tested, Unmapped
    from erpoa_cli.engine.unit_test import UnitResult
    from erpoa_cli.engine.writing.walk import RunResult
    from erpoa_cli.state.records import AuditRecord, Holder, Run, RunStatus
    from erpoa_cli.usecase.applying import apply, give_up, refuse_beside_unfinished, resume
    from erpoa_cli.usecase.declaring import declare, draft, keep_draft
    from erpoa_cli.usecase.edit_file import read_edits, read_settlements
    from erpoa_cli.usecase.editing import (
        Adopt,
        Edit,
        Forget,
        Proposal,
        Protect,
        Rekey,
        Unprotect,
        carry_out,
        propose,
    )
    from erpoa_cli.usecase.exporting import write_parquet
    from erpoa_cli.usecase.graphing import Lineage, Listing, lineage, nodes
    from erpoa_cli.usecase.history import audit_lines, export_audit, runs, verify_audit
    from erpoa_cli.usecase.installed import Connector, Plugin, connector, plugins
    from erpoa_cli.usecase.keeping import backup, migrate, newest_format, rebuild, restore
    from erpoa_cli.usecase.locking import lock_holder, release_lock
    from erpoa_cli.usecase.looking import discover, examine, explain, problems
    from erpoa_cli.usecase.planning import drift, plan, rollback
    from erpoa_cli.usecase.relations import data_tests, extract, query, unit_tests
    from erpoa_cli.usecase.remembering import (
        Link,
        Links,
        OpenTask,
        RememberedTarget,
        StateSummary,
        links,
        summarise,
        tasks,
    )
    from erpoa_cli.usecase.reporting import LIMIT, is_run, plan_report, run_report
    from erpoa_cli.usecase.resolving import InDoubt, Settlement, doubts, resolve, settle
    from erpoa_cli.usecase.revealing import Reveal, SealedFields, record_reveal, reveal, sealed_fields
    from erpoa_cli.usecase.schemas import schema_kinds, schema_text
    from erpoa_cli.usecase.secrets import secrets_of
    from erpoa_cli.usecase.starting import Begun, begin
    from erpoa_cli.usecase.systems import Declared, Standing, declare_system, standing
    from erpoa_cli.usecase.twin import serve_twin
    from erpoa_cli.usecase.validating import Judgement, validate
    from erpoa_cli.usecase.workspace import Workspace, open_workspace

_NAMES = {
    "erpoa_cli.engine.discover": ("Offer",),
    "erpoa_cli.engine.doctor": ("Check",),
    "erpoa_cli.engine.explain": ("Explanation",),
    "erpoa_cli.engine.plan": ("PlanResult",),
    "erpoa_cli.engine.query": ("Rows",),
    "erpoa_cli.engine.relations.quality": ("Tested", "Unmapped"),
    "erpoa_cli.engine.unit_test": ("UnitResult",),
    "erpoa_cli.engine.writing.walk": ("RunResult",),
    "erpoa_cli.state.records": ("AuditRecord", "Holder", "Run", "RunStatus"),
    "erpoa_cli.usecase.applying": ("apply", "give_up", "refuse_beside_unfinished", "resume"),
    "erpoa_cli.usecase.declaring": ("declare", "draft", "keep_draft"),
    "erpoa_cli.usecase.editing": (
        "Adopt",
        "Edit",
        "Forget",
        "Proposal",
        "Protect",
        "Rekey",
        "Unprotect",
        "carry_out",
        "propose",
    ),
    "erpoa_cli.usecase.edit_file": ("read_edits", "read_settlements"),
    "erpoa_cli.usecase.exporting": ("write_parquet",),
    "erpoa_cli.usecase.graphing": ("Lineage", "Listing", "lineage", "nodes"),
    "erpoa_cli.usecase.history": ("audit_lines", "export_audit", "runs", "verify_audit"),
    "erpoa_cli.usecase.installed": ("Connector", "Plugin", "connector", "plugins"),
    "erpoa_cli.usecase.keeping": ("backup", "migrate", "newest_format", "rebuild", "restore"),
    "erpoa_cli.usecase.locking": ("lock_holder", "release_lock"),
    "erpoa_cli.usecase.looking": ("discover", "examine", "explain", "problems"),
    "erpoa_cli.usecase.planning": ("drift", "plan", "rollback"),
    "erpoa_cli.usecase.relations": ("data_tests", "extract", "query", "unit_tests"),
    "erpoa_cli.usecase.remembering": (
        "Link",
        "Links",
        "OpenTask",
        "RememberedTarget",
        "StateSummary",
        "links",
        "summarise",
        "tasks",
    ),
    "erpoa_cli.usecase.reporting": ("LIMIT", "is_run", "plan_report", "run_report"),
    "erpoa_cli.usecase.resolving": ("InDoubt", "Settlement", "doubts", "resolve", "settle"),
    "erpoa_cli.usecase.revealing": ("Reveal", "SealedFields", "record_reveal", "reveal", "sealed_fields"),
    "erpoa_cli.usecase.schemas": ("schema_kinds", "schema_text"),
    "erpoa_cli.usecase.secrets": ("secrets_of",),
    "erpoa_cli.usecase.starting": ("Begun", "begin"),
    "erpoa_cli.usecase.systems": ("Declared", "Standing", "declare_system", "standing"),
    "erpoa_cli.usecase.twin": ("serve_twin",),
    "erpoa_cli.usecase.validating": ("Judgement", "validate"),
    "erpoa_cli.usecase.workspace": ("Workspace", "open_workspace"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "LIMIT",
    "Adopt",
    "AuditRecord",
    "Begun",
    "Check",
    "Connector",
    "Declared",
    "Edit",
    "Explanation",
    "Forget",
    "Holder",
    "InDoubt",
    "Judgement",
    "Lineage",
    "Link",
    "Links",
    "Listing",
    "Offer",
    "OpenTask",
    "PlanResult",
    "Plugin",
    "Proposal",
    "Protect",
    "Rekey",
    "RememberedTarget",
    "Reveal",
    "Rows",
    "Run",
    "RunResult",
    "RunStatus",
    "SealedFields",
    "Settlement",
    "Standing",
    "StateSummary",
    "Tested",
    "UnitResult",
    "Unmapped",
    "Unprotect",
    "Workspace",
    "apply",
    "audit_lines",
    "backup",
    "begin",
    "carry_out",
    "connector",
    "data_tests",
    "declare",
    "declare_system",
    "discover",
    "doubts",
    "draft",
    "drift",
    "examine",
    "explain",
    "export_audit",
    "extract",
    "give_up",
    "is_run",
    "keep_draft",
    "lineage",
    "links",
    "lock_holder",
    "migrate",
    "newest_format",
    "nodes",
    "open_workspace",
    "plan",
    "plan_report",
    "plugins",
    "problems",
    "propose",
    "query",
    "read_edits",
    "read_settlements",
    "rebuild",
    "record_reveal",
    "refuse_beside_unfinished",
    "release_lock",
    "resolve",
    "restore",
    "resume",
    "reveal",
    "rollback",
    "run_report",
    "runs",
    "schema_kinds",
    "schema_text",
    "sealed_fields",
    "secrets_of",
    "serve_twin",
    "settle",
    "standing",
    "summarise",
    "tasks",
    "unit_tests",
    "validate",
    "verify_audit",
    "write_parquet",
]
