"""Judging the files of a project: by their schemas, by the connectors, by DuckDB, and online by the systems themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.core.project import Project
from erpoa_cli.usecase.secrets import secrets_of

if TYPE_CHECKING:
    from erpoa_cli.project import Memory

_KINDS = ("systems", "contracts", "sources", "seeds", "transforms", "targets", "tests", "unit_tests")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What there is to say of a project, and how many of each kind it has. `project` and `environment` are None, and
    `counts` empty, where its files could not be read."""

    project: str | None
    environment: str | None
    counts: Mapping[str, int]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def valid(self) -> bool:
        return not any(d.severity is Severity.ERROR for d in self.diagnostics)


def validate(
    directory: Path | str,
    environment: str | None,
    variables: Mapping[str, str],
    *,
    learn: Callable[[Iterable[str]], None],
    masked: Callable[[Diagnostic], Diagnostic],
    online: bool = False,
    getenv: Callable[[str], str | None] = os.getenv,
) -> Judgement:
    """Judge every file of the project in *directory*, or the nearest above where this process stands; all findings at once.

    *learn* hears the secrets as soon as they are known, and *masked* takes them out of a finding: one without errors is
    remembered below .erpoa/cache as it is shown, and told again while nothing changes. *online*: connections, objects and
    fields are looked at too, each time."""
    from erpoa_cli.engine.installed import fingerprint
    from erpoa_cli.project import Memory, find_files, find_root

    files = find_files(find_root(Path(directory)))
    memory = Memory(files, environment, variables, tools=fingerprint(), getenv=getenv)
    if not online and (said := memory.recall()):
        learn(secret.reveal() for secret in memory.secrets)
        return Judgement(said.project, said.environment, said.counts, said.diagnostics)
    return _judged(memory, learn, masked, online=online)


def _judged(
    memory: Memory,
    learn: Callable[[Iterable[str]], None],
    masked: Callable[[Diagnostic], Diagnostic],
    *,
    online: bool,
) -> Judgement:
    from erpoa_cli.engine.check import check_findings
    from erpoa_cli.project import load_findings, remembering

    files = memory.found
    project, diagnostics = load_findings(
        files.root, memory.environment, memory.variables, getenv=memory.getenv, found=files
    )
    if project is None:
        return Judgement(None, None, {}, tuple(diagnostics))
    learn(secrets_of(project))
    with remembering(files.root) as conforms:
        bound, findings = check_findings(project, conforms)
    diagnostics += findings.items
    if online and not findings.errors:
        from erpoa_cli.engine.doctor import missing_objects

        diagnostics += missing_objects(bound)
    counts = {kind.replace("_", " "): len(getattr(project, kind)) for kind in _KINDS}
    judgement = Judgement(project.name, project.environment, counts, tuple(diagnostics))
    if not judgement.valid:
        return judgement
    judgement = replace(judgement, diagnostics=tuple(map(masked, diagnostics)))
    if not online:
        _remember(memory, project, judgement)
    return judgement


def _remember(memory: Memory, project: Project, judgement: Judgement) -> None:
    from erpoa_cli.engine.binding.abilities import inner_paths, judged_without_secrets
    from erpoa_cli.project import Said, conforms

    if judged_without_secrets(project, conforms):
        said = Said(project.name, project.environment, judgement.counts, judgement.diagnostics)
        memory.keep(said, project.inputs, inner_paths(project))
