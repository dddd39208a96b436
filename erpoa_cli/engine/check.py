"""What only connectors and DuckDB can judge about a project, without asking any system: abilities, configs,
the SQL of models, and the types of everything. All findings at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from graphlib import CycleError
from pathlib import Path

from erpoa_cli.core.dependency import build_order
from erpoa_cli.core.diagnostic import Diagnostic, Findings
from erpoa_cli.core.project import Project
from erpoa_cli.core.relation import SOURCE, TRANSFORM, declared
from erpoa_cli.core.schema import Field
from erpoa_cli.core.sight import contradictions
from erpoa_cli.engine.binding.abilities import Conforms, judge_systems
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.feed import bind_target, expected_actual
from erpoa_cli.engine.binding.model import bind_model, bind_tests
from erpoa_cli.engine.relations.seed import load_seed
from erpoa_cli.engine.staging import Staging

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # nothing runs while checking


def check(project: Project, conforms: Conforms) -> Bound:
    """*project* with types; `Failure` (INVALID) with every finding when one of them is an error."""
    bound, findings = check_findings(project, conforms)
    findings.stop_on_errors()
    return bound


def check_findings(project: Project, conforms: Conforms) -> tuple[Bound, Findings]:
    """*project* with types as far as they could be found, and every finding."""
    findings = Findings()
    for finding in judge_systems(project, conforms):
        findings.add(finding)
    relations: dict[str, tuple[Field, ...]] = {}
    with Staging(None, as_of=_NEVER, threads=1) as staging:
        staging.lock()
        for name in _order(project, findings):
            if name in project.sources:
                relations[name] = project.sources[name].fields
                staging.create(SOURCE.schema, name, relations[name])
            elif name in project.seeds:
                relations[name] = project.seeds[name].fields
                for finding in load_seed(staging, Path(project.root), project.seeds[name], relations[name]):
                    findings.add(finding)
            else:
                known = _actuals(project, name, relations, staging, findings)
                model = project.transforms[name]
                fields = bind_model(project, model, relations, staging, findings) if known else None
                if fields is not None:
                    relations[name] = fields
                    staging.create(TRANSFORM.schema, name, fields)
        bind_tests(project, relations, staging, findings)
    targets = {name: bind_target(target, relations, findings) for name, target in project.targets.items()}
    for target in targets.values():
        for finding in contradictions(target):
            findings.add(finding)
    return Bound(project, relations, targets), findings


def _order(project: Project, findings: Findings) -> tuple[str, ...]:
    """The order to bind relations in; none, with a finding, where tests lead round in a circle."""
    try:
        return build_order(project)
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        findings.add(
            Diagnostic(
                "E0336",
                f"these relations wait for each other: {' → '.join(reversed(circle))}",
                detail="A relation is built after those it selects from and those its tests look into.",
                remedy="Write the test as a data test in tests/, which runs after all models.",
                at=declared(project, circle[0]).at,
            )
        )
        return ()


def _actuals(
    project: Project,
    model: str,
    relations: Mapping[str, tuple[Field, ...]],
    staging: Staging,
    findings: Findings,
) -> bool:
    """Empty relations for the targets whose rows *model* reads; False, with findings, where a type is unknown."""
    whole = True
    for name in project.transforms[model].actuals:
        fields, unknown = expected_actual(project, project.targets[name], relations)
        if unknown:
            whole = False
        else:
            staging.create("actual", name, fields)
        for field in unknown:
            findings.add(
                Diagnostic(
                    "E0337",
                    f"model {model} reads actual('{name}'), whose field {field} has no type yet",
                    detail=f"{name} is fed by {project.targets[name].from_}, which is built later.",
                    remedy=f"Give the target {name} a `contract:` that tells the type of {field}.",
                    at=project.transforms[model].at,
                )
            )
    return whole


__all__ = ["Bound", "Conforms", "check", "check_findings"]
