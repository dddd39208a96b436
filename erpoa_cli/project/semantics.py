"""What holds between the parts of a project: no circles, one writer per field, references that fit."""

from __future__ import annotations

from erpoa_cli.core.diagnostic import Failure, Location
from erpoa_cli.core.graph import Graph
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Project
from erpoa_cli.core.target import Reference, Result, Target, TargetField
from erpoa_cli.project.notes import Notes


def check(project: Project, notes: Notes) -> None:
    """Note what no part of *project* could see by itself."""
    graph = Graph(project)
    _circles(project, graph, notes)
    _one_writer(project, notes)
    for target in project.targets.values():
        for field in target.fields:
            _links(target, field, project, notes)
    for freeze in project.freezes:
        if freeze.select:
            try:
                graph.select(freeze.select)
            except Failure as failure:
                for found in failure.diagnostics:
                    notes.error(
                        found.code, freeze.at, f"the freeze `{freeze.name}`: {found.summary}", found.remedy
                    )


def _circles(project: Project, graph: Graph, notes: Notes) -> None:
    for circle in graph.cycles:
        first = graph.nodes[circle[0]]
        names = " → ".join(graph.nodes[i].name for i in (*circle, circle[0]))
        model = first.kind == "transform"
        at = Location(first.file, 1, 1) if model else project.targets[first.name].at
        remedy = (
            "Write `defer: true` beside one of the refs: it is then written by a second step."
            if not model
            else "Take one of the ref() calls out, or split a model in two."
        )
        notes.error("E0122", at, f"a circle: {names}", remedy)


def _one_writer(project: Project, notes: Notes) -> None:
    writers: dict[tuple[str, str, str], str] = {}
    for target in project.targets.values():
        for field in target.fields:
            place = (target.system, target.object.casefold(), field.name.casefold())
            other = writers.setdefault(place, target.name)
            if other != target.name:
                notes.error(
                    "E0123",
                    field.at,
                    f"`{other}` and `{target.name}` both write `{field.name}` of {target.object} in `{target.system}`",
                    "Let one of the two targets write it; targets of one object share its rows but not its fields.",
                )


def _links(target: Target, field: TargetField, project: Project, notes: Notes) -> None:
    match field.value:
        case Reference(target=name, by=by) | Result(target=name, by=by):
            other = project.targets.get(name)
        case _:
            return
    if other is None:
        return
    if isinstance(field.value, Reference) and len(by) != len(other.key):
        notes.error(
            "E0125",
            field.at,
            f"`{field.name}` finds `{name}` by {len(by)} columns, its key has {len(other.key)}: {', '.join(other.key)}",
            f"Write `by:` with one column for each of {', '.join(other.key)}, in this order.",
        )
    if isinstance(field.value, Reference) and other.system != target.system:
        notes.error(
            "E0125",
            field.at,
            f"`{field.name}` refers to `{name}`, whose rows are in `{other.system}`, not in `{target.system}`",
            "A ref is the id of a row in the same system; for a value of the other system write `result:`.",
        )
    if isinstance(field.value, Result):
        known = [*(f.name for f in other.fields), *other.returns, *(other.id or ("id",))]
        if field.value.field not in known:
            notes.error(
                "E0125",
                field.at,
                f"`{name}` has no field `{field.value.field}`",
                did_you_mean(field.value.field, known) or f"Add it to `returns:` of `{name}`.",
            )
