"""The kinds of relations that a project declares, and where the rows of each lie in the staging area.

A new kind is an entry of `KINDS`: everything else asks here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from erpoa_cli.core.project import Project, Seed, Source, Transform

ACTUAL = "actual"
"""The schema of what targets hold now, and the function by which project SQL reads it; a target is no relation."""

Relation = Source | Seed | Transform


@dataclass(frozen=True, slots=True)
class RelationKind:
    """`noun`: what files, nodes and selections call it; `schema`: where its rows lie in the staging area; `function`: by which
    project SQL names it; `read`: its rows come from a system, else they are built here; `among`: those that a project declares."""

    noun: str
    schema: str
    function: str
    among: Callable[[Project], Mapping[str, Relation]]
    read: bool = False


SOURCE = RelationKind("source", schema="source", function="source", among=lambda p: p.sources, read=True)
SEED = RelationKind("seed", schema="model", function="ref", among=lambda p: p.seeds)
TRANSFORM = RelationKind("transform", schema="model", function="ref", among=lambda p: p.transforms)
KINDS = (SOURCE, SEED, TRANSFORM)
NOUNS = tuple(kind.noun for kind in KINDS)
SCHEMAS: Mapping[str, str] = {**{kind.function: kind.schema for kind in KINDS}, ACTUAL: ACTUAL}
"""Function of project SQL → schema of the relations it names."""


def kind_of(project: Project, name: str) -> RelationKind:
    """The kind of the relation called *name*; KeyError when there is none."""
    for kind in KINDS:
        if name in kind.among(project):
            return kind
    raise KeyError(name)


def schema_of(project: Project, name: str) -> str:
    """The schema of the staging area in which the relation called *name* lies; KeyError when there is none."""
    return kind_of(project, name).schema


def node_of(project: Project, name: str) -> str:
    """The node of the relation called *name* in the graph of *project*; KeyError when there is none."""
    return f"{kind_of(project, name).noun}:{name}"


def declared(project: Project, name: str) -> Relation:
    """The relation called *name*; KeyError when there is none."""
    return kind_of(project, name).among(project)[name]


def names(project: Project) -> tuple[str, ...]:
    """Every relation, as declared."""
    return tuple(name for kind in KINDS for name in kind.among(project))
