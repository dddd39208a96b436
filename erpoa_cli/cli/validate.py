"""`erpoa validate`: every file, reference, template, SQL and mapping; offline unless asked otherwise."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.log import set_up
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Severity
from erpoa_cli.core.project import Project
from erpoa_cli.core.report import Answer

app = application()


@command(app)
def validate(
    options: Options,
    online: Annotated[
        bool, typer.Option("--online", help="Also check connections, objects and fields.")
    ] = False,
) -> Ending:
    """Judge every file, reference, template, SQL and mapping against contracts and connectors.

    Offline: nothing is connected to, nothing is written. All problems are told at once."""
    from erpoa_cli.project import load_findings

    set_up(options)
    found, diagnostics = load_findings(
        opened.root(options), opened.environment(options), dict(options.variables), getenv=os.environ.get
    )
    if found is not None:
        opened.learn_secrets(found)
        if not any(d.severity is Severity.ERROR for d in diagnostics):
            diagnostics = [*diagnostics, *_bound(found, online=online)]
    return _ending(found, diagnostics)


def _bound(project: Project, *, online: bool) -> list[Diagnostic]:
    """What connectors and DuckDB say about the project; with *online* also the systems themselves."""
    from erpoa_cli.engine.check import check_findings
    from erpoa_cli.project import conforms

    bound, findings = check_findings(project, conforms)
    if online and not findings.errors:
        from erpoa_cli.engine.doctor import missing_objects

        return [*findings.items, *missing_objects(bound)]
    return findings.items


def _ending(project: Project | None, diagnostics: list[Diagnostic]) -> Ending:
    errors = sum(1 for d in diagnostics if d.severity is Severity.ERROR)
    counts = _counts(project) if project else {}
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    line = f"{project.name} ({project.environment}) is valid: {told}." if project and not errors else ""
    return Ending(
        Answer(
            data={"valid": not errors, "project": project.name if project else None, "counts": counts},
            lines=(line,) if line else (),
            diagnostics=tuple(diagnostics),
        ),
        Exit.INVALID if errors else Exit.SUCCESS,
    )


def _counts(project: Project) -> dict[str, int]:
    kinds = ("systems", "contracts", "sources", "seeds", "transforms", "targets", "tests", "unit_tests")
    return {kind.replace("_", " "): len(getattr(project, kind)) for kind in kinds}
