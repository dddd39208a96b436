"""`erpoa validate`: every file, reference, template, SQL and mapping; offline unless asked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending, masked
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.log import MASKER, set_up
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.core.project import Project
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.project import Memory, Said

app = application()


@command(app)
def validate(
    options: Options,
    online: Annotated[
        bool, typer.Option("--online", help="Also check connections, objects and fields.")
    ] = False,
) -> Ending:
    """Judge every file, reference, template, SQL and mapping against contracts and connectors.

    Offline: nothing is connected to, nothing is written but a memory in .erpoa/cache. All problems
    are told at once; while nothing changes, an answer without errors is given again."""
    from erpoa_cli.engine.installed import fingerprint
    from erpoa_cli.project import Memory, find_files

    set_up(options)
    files = find_files(opened.root(options))
    asked = opened.environment(options), opened.variables(options)
    memory = Memory(files, *asked, tools=fingerprint(), getenv=opened.getenv)
    said = None if online else memory.recall()
    if said:
        MASKER.learn(secret.reveal() for secret in memory.secrets)
        return _valid(said)
    return _judged(memory, online=online)


def _judged(memory: Memory, *, online: bool) -> Ending:
    """What the files, the connectors and DuckDB say about the project; with *online* also the systems themselves.

    An answer without errors is remembered, as it is shown: without secrets."""
    from erpoa_cli.engine.check import check_findings
    from erpoa_cli.project import Said, load_findings, remembering

    files = memory.found
    project, diagnostics = load_findings(
        files.root, memory.environment, memory.variables, getenv=opened.getenv, found=files
    )
    if project is None:
        return _invalid(None, diagnostics)
    opened.learn_secrets(project)
    with remembering(files.root) as conforms:
        bound, findings = check_findings(project, conforms)
    diagnostics += findings.items
    if online and not findings.errors:
        from erpoa_cli.engine.doctor import missing_objects

        diagnostics += missing_objects(bound)
    if _failed(diagnostics):
        return _invalid(project, diagnostics)
    said = Said(project.name, project.environment, _counts(project), tuple(map(masked, diagnostics)))
    if not online:
        _remember(memory, project, said)
    return _valid(said)


def _remember(memory: Memory, project: Project, said: Said) -> None:
    from erpoa_cli.engine.binding.abilities import inner_paths, judged_without_secrets
    from erpoa_cli.project import conforms

    if judged_without_secrets(project, conforms):
        memory.keep(said, project.inputs, inner_paths(project))


def _failed(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(d.severity is Severity.ERROR for d in diagnostics)


def _valid(said: Said) -> Ending:
    told = ", ".join(
        f"{number} {what.removesuffix('s') if number == 1 else what}"
        for what, number in said.counts.items()
        if number
    )
    return Ending(
        Answer(
            data={"valid": True, "project": said.project, "counts": said.counts},
            lines=(f"{said.project} ({said.environment}) is valid: {told or 'nothing is declared yet'}.",),
            diagnostics=said.diagnostics,
        )
    )


def _invalid(project: Project | None, diagnostics: Sequence[Diagnostic]) -> Ending:
    data = {
        "valid": False,
        "project": project.name if project else None,
        "counts": _counts(project) if project else {},
    }
    return Ending(Answer(data=data, diagnostics=tuple(diagnostics)), Exit.INVALID)


def _counts(project: Project) -> dict[str, int]:
    kinds = ("systems", "contracts", "sources", "seeds", "transforms", "targets", "tests", "unit_tests")
    return {kind.replace("_", " "): len(getattr(project, kind)) for kind in kinds}
