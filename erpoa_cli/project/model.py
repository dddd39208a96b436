"""The SQL files of a project: rendered, judged, and what they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.relation import SCHEMAS
from erpoa_cli.project.functions import Inputs, model_templates
from erpoa_cli.project.scope import Scope
from erpoa_cli.project.template import Piece, Rendered, Templates, line_column
from erpoa_cli.project.template_problem import TemplateProblem

_FUNCTIONS = {schema: function for function, schema in SCHEMAS.items()}


@dataclass(frozen=True, slots=True)
class Model:
    """A rendered SELECT. `calls`: (function, name, line, column) of every relation it reads."""

    sql: str
    calls: tuple[tuple[str, str, int, int], ...]

    def names(self, function: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for f, name, _, _ in self.calls if f == function))


@dataclass(slots=True)
class Models:
    """Reads SQL files; one per project, so that the template engine is made once and only when needed."""

    inputs: Inputs
    scope: Scope
    _templates: Templates | None = None
    _vars: str = ""

    def __post_init__(self) -> None:
        self._vars = json.dumps(self.inputs.vars, sort_keys=True, default=repr)

    def read(self, file: str, text: str) -> Model | None:
        """The model in *file*; None (noted) when it is not one clean SELECT over relations that exist."""
        keys = json.dumps(self._keys_in(text), sort_keys=True)
        key = f"sql {sha256(chr(0).join((self._vars, keys, text)).encode()).hexdigest()}"
        entry = self.scope.cache.get(key)
        if entry is None:
            model = self._judge(text, lambda line, column: Location(file, line, column))
            if model is None:
                return None
            used = sorted(name for name in self.inputs.used if name.startswith("var:"))
            self.scope.cache.put(key, [model.sql, model.calls, used])
        else:
            model = Model(entry[0], tuple((f, n, line, column) for f, n, line, column in entry[1]))
            self.inputs.used.update(entry[2])
        return model if self._resolved(model, file) else None

    def _keys_in(self, text: str) -> dict[str, tuple[str, ...]]:
        """The keys of the relations that *text* may read: all of them, where a variable may name one."""
        keys = self.scope.keys
        return dict(keys) if "var" in text else {name: key for name, key in keys.items() if name in text}

    def rule(self, text: str, at: Location) -> bool:
        """Whether *text*, written at *at* and rendered with its file, is one clean SELECT over the plan's tables."""
        key = f"rule {sha256(text.encode()).hexdigest()}"
        if self.scope.cache.get(key):
            return True
        if self._clean(Rendered(text, text, [Piece(0, 0)]), lambda _: at, frozenset({"plan"})) is None:
            return False
        self.scope.cache.put(key, True)
        return True

    def _judge(self, text: str, place: Callable[[int, int], Location]) -> Model | None:
        if self._templates is None:
            self._templates = model_templates(self.inputs)
        try:
            rendered = self._templates.render(text)
        except TemplateProblem as problem:
            at = place(*line_column(text, problem.offset))
            self.scope.notes.error(problem.code, at, problem.summary, problem.remedy)
            return None
        relations = self._clean(rendered, lambda offset: place(*rendered.place(offset)))
        if relations is None:
            return None
        calls = [(_FUNCTIONS[schema], name, *rendered.place(offset)) for schema, name, offset in relations]
        return Model(rendered.text, tuple(calls))

    def _clean(
        self,
        rendered: Rendered,
        place: Callable[[int], Location],
        plain_schemas: frozenset[str] = frozenset(),
    ) -> list[tuple[str, str, int]] | None:
        """The relations that *rendered* reads; None (noted) when it is not one clean SELECT."""
        from erpoa_cli.project.sql import judge  # noqa: PLC0415 - sqlglot costs 0.3 s; a warm cache does without

        judged = judge(rendered, {} if plain_schemas else self.scope.keys, plain_schemas=plain_schemas)
        for found in judged.problems:
            self.scope.notes.error(found.code, place(found.offset), found.summary, found.remedy)
        return None if judged.problems else judged.relations

    def _resolved(self, model: Model, file: str) -> bool:
        good = True
        for function, name, line, column in model.calls:
            good &= self._exists(function, name, Location(file, line, column))
        return good

    def _exists(self, function: str, name: str, at: Location) -> bool:
        names = self.scope.names
        wanted = {"source": ("source",), "ref": ("transform", "seed"), "actual": ("target",)}[function]
        if any(name in names.get(noun, {}) for noun in wanted):
            return True
        for other, nouns in (("source", ("source",)), ("ref", ("transform", "seed"))):
            if other != function and any(name in names.get(noun, {}) for noun in nouns):
                remedy = f"Write {{{{ {other}('{name}') }}}}: it is declared as a {nouns[0]}."
                break
        else:
            known: list[Any] = [n for noun in wanted for n in names.get(noun, {})]
            remedy = did_you_mean(name, known) or f"Declare it under {wanted[0]}s/."
        self.scope.notes.error("E0120", at, f"there is no {' or '.join(wanted)} `{name}`", remedy)
        return False
