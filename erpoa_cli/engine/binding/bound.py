"""A project whose relations and targets have types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from erpoa_cli.core.dependency import build_order, inputs, prerequisites, reach
from erpoa_cli.core.project import Project
from erpoa_cli.core.relation import declared, kind_of
from erpoa_cli.core.schema import Field
from erpoa_cli.core.target import Target


@dataclass(frozen=True)
class Bound:
    """`relations`: sources, seeds and transforms by name, with the types and sensitivity of their columns;
    `targets` with the type and sensitivity of every field that can be known without asking their systems."""

    project: Project
    relations: Mapping[str, tuple[Field, ...]]
    targets: Mapping[str, Target]

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Seeds and transforms, each after what it refers to."""
        return tuple(n for n in build_order(self.project) if not kind_of(self.project, n).read)

    @cached_property
    def sensitive(self) -> bool:
        """Whether any value that is read or written must not lie open on a disk."""
        kept = (f.sensitivity for fields in self.relations.values() for f in fields)
        wanted = (f.sensitivity for target in self.targets.values() for f in target.fields)
        return any(sensitivity.sealed for sensitivity in (*kept, *wanted))

    def needed(self, names: Iterable[str]) -> frozenset[str]:
        """*names* and every relation that must be there to build and test them."""
        return reach(names, lambda name: prerequisites(self.project, name))

    def made_of(self, relation: str) -> frozenset[str]:
        """*relation* and every relation it is selected from, directly or not."""
        return reach([relation], lambda name: inputs(self.project, name))

    def behind(self, relation: str) -> frozenset[str]:
        """The sources that *relation* is made of, itself if it is one."""
        return frozenset(n for n in self.made_of(relation) if kind_of(self.project, n).read)

    def actuals(self, names: Iterable[str]) -> frozenset[str]:
        """The targets whose actual rows the relations *names*, or those needed for them, read; lines with their document."""
        models = self.project.transforms
        return self.with_documents(t for n in self.needed(names) if n in models for t in models[n].actuals)

    def with_documents(self, targets: Iterable[str]) -> frozenset[str]:
        """*targets*, and the documents of those that are lines: which lines are living, the state of these tells."""
        chosen = frozenset(targets)
        return chosen | {lines.parent for name in chosen if (lines := self.targets[name].lines)}

    def key(self, relation: str) -> tuple[str, ...]:
        """The declared key of *relation*; empty when it has none."""
        return declared(self.project, relation).key
