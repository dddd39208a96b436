"""The columns of one target's relations, and the names under which the diff keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.columns import KEY
from erpoa_cli.core.lifecycle import Lifecycle
from erpoa_cli.core.schema import Field, Type, identifier, literal
from erpoa_cli.core.target import BoundField, Mode, OnSourceGone, Ownership, Reference, Result, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Opposite:
    """The target *name* that writes into what another one is fed from, and is fed from what that one writes: its key column
    per key column of the other, and its shared field per shared field."""

    name: str
    key: Mapping[str, str]
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One target with everything the diff must know about its columns.

    `key` and `id` carry the declared types; `extras` are the fields of `deactivate` and `restore` that are no
    target fields; `siblings` are targets that keep the same object and have the same key columns; `document`
    says how many key columns of a line are those of its document, and `wish` which field of the document, if any, the
    state that is wanted of it. `opposite` is the target that brings shared fields the other way. `lists` are the fields of a document that hold the lines inside it, by the name of their
    target. `unique` are the sets of fields of which the system refuses equal values in a second row at once."""

    target: Target
    key: Mapping[str, Type]
    id: Mapping[str, Type]
    extras: Mapping[str, Type]
    siblings: tuple[str, ...] = ()
    document: int = 0
    wish: str = ""
    lists: Mapping[str, Field] = field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()
    opposite: Opposite | None = None

    @property
    def name(self) -> str:
        return self.target.name

    @cached_property
    def fields(self) -> tuple[BoundField, ...]:
        """The fields of the target, which reaches the diff only after binding; `ValueError` where one has no type."""
        return tuple(f.bound for f in self.target.fields)

    def field(self, name: str) -> BoundField:
        return next(f for f in self.fields if f.name == name)

    @property
    def columns(self) -> dict[str, Type]:
        """Every field the diff carries values of: target fields, then those it only carries."""
        return {f.name: f.type for f in self.fields} | self.carried

    @property
    def carried(self) -> dict[str, Type]:
        """The fields that are no target fields: extras, then lists."""
        return dict(self.extras) | {f.name: f.type for f in self.lists.values()}

    @property
    def compared(self) -> tuple[BoundField, ...]:
        """The fields whose later values matter: not theirs, not `ignore`, not after `create_only`."""
        if self.target.mode is Mode.CREATE_ONLY:
            return ()
        return tuple(f for f in self.fields if f.ownership is not Ownership.THEIRS and not ignored(f))

    @property
    def pending(self) -> tuple[BoundField, ...]:
        """The fields whose value may only be known after a wave."""
        return tuple(f for f in self.fields if isinstance(f.value, Reference | Result))

    @property
    def late(self) -> tuple[BoundField, ...]:
        """The references that are resolved when all targets' rows are known: deferred ones and trees."""
        return tuple(
            f
            for f in self.fields
            if isinstance(f.value, Reference) and (f.value.defer or f.value.target == self.name)
        )

    @property
    def lifecycle(self) -> Lifecycle | None:
        return self.target.lifecycle

    @property
    def state(self) -> BoundField | None:
        """The field of the wanted state, where the rows are documents with a lifecycle."""
        return self.field(self.lifecycle.field) if self.lifecycle else None

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that are written as they are: all but the state."""
        return tuple(name for name in self.columns if self.state is None or name != self.state.name)

    @property
    def undoes(self) -> bool:
        """Whether documents that are gone from the source are undone."""
        return self.target.on_source_gone is OnSourceGone.UNDO

    @property
    def deactivate(self) -> dict[str, Any]:
        """The fields that are set of a row that is gone from the source."""
        deactivates = self.target.on_source_gone is OnSourceGone.DEACTIVATE
        return dict(self.target.deactivate) if deactivates else {}


def ignored(field: BoundField) -> bool:
    return any(step.kind == "ignore" for step in field.compare)


def table(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


def work(target: str, part: str) -> str:
    """A table the diff of *target* needs on its way; `/` cannot occur in a target's name."""
    return table("diff", f"{target}/{part}")


def column(prefix: str, name: str, alias: str = "") -> str:
    """A column of an image (`d_`, `a_`, …) as SQL names it."""
    quoted = identifier(prefix + name)
    return f"{alias}.{quoted}" if alias else quoted


def listed(parts: Iterable[str], joiner: str = ", ") -> str:
    return joiner.join(parts)


def same_key(shape: Shape, left: str, right: str) -> str:
    """Equal keys of two aliases; NULL keys equal nothing."""
    return listed((f"{KEY.sql(k, left)} = {KEY.sql(k, right)}" for k in shape.key), " AND ")


def key_text_sql(shape: Shape, prefix: str) -> str:
    """The key JSON text of a row whose key columns begin with *prefix* (an alias and dot, or nothing)."""
    parts = (f"{literal(k)}, {canonical_sql(prefix + KEY.sql(k), type_)}" for k, type_ in shape.key.items())
    return f"CAST(json_object({listed(parts)}) AS VARCHAR)"


def value_sql(value: Any, type_: Type) -> str:
    """A value of a project file as a constant of *type_*."""
    match value:
        case None:
            return f"CAST(NULL AS {type_.duckdb})"
        case bool():
            return f"CAST({str(value).lower()} AS {type_.duckdb})"
        case _:
            return f"CAST({literal(str(value))} AS {type_.duckdb})"


def names_sql(names: Iterable[str]) -> str:
    """A VARCHAR[] constant."""
    return f"CAST([{listed(literal(n) for n in names)}] AS VARCHAR[])"
