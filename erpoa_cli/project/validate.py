"""Project files against their published JSON Schemas; findings with positions, in the users' words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from erpoa_cli.core.diagnostic import Location, Misfit
from erpoa_cli.core.near import did_you_mean, near
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.functions import FromTemplate, NumberFromTemplate
from erpoa_cli.project.node import Node
from erpoa_cli.project.notes import SECRET_KEY, Notes
from erpoa_cli.project.parse import plain
from erpoa_cli.project.published import schema


class _Hidden(str):
    """The text of a secret while it is judged; `spelled` never repeats it."""

    __slots__ = ()


def _opened(value: Any) -> Any:
    match value:
        case dict():
            return {key: _opened(part) for key, part in value.items()}
        case list():
            return [_opened(part) for part in value]
        case Secret():
            return _Hidden(value.reveal())
        case _:
            return value


HABITS: dict[str, str] = {
    # dbt
    "models": "Models are `transforms:` here.",
    "columns": "Write `fields:`.",
    "meta": "There is no meta; write `description:` and `tags:`.",
    "config": "Settings stand directly below the name.",
    "materialized": "Models are always computed in staging.",
    "unique_key": "Write `key:`.",
    "loaded_at_field": "Write `incremental: {cursor: …}`.",
    "freshness": "Write `fresh_within: PT24H`.",
    "database": "Write `system:` and `object:`.",
    "schema": "The object's address carries the schema: `object: schema.table`.",
    "table": "Write `object:`.",
    "identifier": "Write `object:`.",
    "version": "Write `format: 1`.",
    # Terraform
    "provider": "Write `plugin:`.",
    "providers": "Write `systems:`.",
    "variables": "Write `vars:`.",
    "resource": "Write `targets:`.",
    "lifecycle": "A lifecycle is that of a target's documents: write it there.",
    "count": "One target holds all rows of its `from`.",
    "for_each": "One target holds all rows of its `from`.",
    # Meltano
    "plugins": "Write `systems:` with `plugin:`.",
    "extractors": "Write `systems:` and `sources:`.",
    "loaders": "Write `systems:` and `targets:`.",
    "variant": "Write `plugin:`.",
    "select": "Name what is read in `fields:`.",
    # ours, not yet
    "operators": "Approvals and operators come with a later version.",
    "approvals": "Approvals and operators come with a later version.",
    "standing_approvals": "Approvals and operators come with a later version.",
}


@cache
def validator(kind: str) -> Any:
    """The compiled schema of a file *kind*."""
    whole = schema(kind)
    leaves = {
        f"#/$defs/{name}": part for name, part in whole.get("$defs", {}).items() if "$ref" not in str(part)
    }
    return Draft202012Validator(_inlined(whole, leaves))


def _inlined(part: Any, leaves: Mapping[str, Any]) -> Any:
    """*part* with references to *leaves* written out: following one costs more than what it says."""
    match part:
        case {"$ref": str(name), **beside} if name in leaves:
            return {**leaves[name], **_inlined(beside, leaves)}
        case dict():
            return {key: _inlined(value, leaves) for key, value in part.items()}
        case list():
            return [_inlined(value, leaves) for value in part]
        case _:
            return part


def validate(
    node: Node, kind: str, notes: Notes, skip: frozenset[tuple[str | int, ...]] = frozenset()
) -> set[tuple[str | int, ...]]:
    """Note how *node* departs from the schema of *kind*; the paths that do (those in *skip* are passed over).

    A path leads to the broken value, so that its first two steps name the broken entry.
    """
    broken: set[tuple[str | int, ...]] = set()
    for error in validator(kind).iter_errors(_opened(node.data)):
        path = tuple(error.absolute_path)
        if path not in skip:
            broken.add(path)
            _note(error, node, notes)
    return broken


def _note(error: Any, node: Node, notes: Notes) -> None:
    path = list(error.absolute_path)
    place = node.place(path)
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", ()))
            for key in error.instance:
                if key not in known:
                    _unknown_key(key, known, node.below(path).key_at(key), path, notes)
        case "required":
            for key in error.validator_value:
                if key not in error.instance:
                    _missing_key(key, error.instance, node, path, notes)
        case "type":
            code, summary, remedy = _wrong_type(error, path)
            notes.error(code, place, summary, remedy)
        case _ if "propertyNames" in error.absolute_schema_path:
            at = node.below(path).key_at(str(error.instance)) if path else node.key_at(str(error.instance))
            notes.error("E0116", at, f"`{error.instance}` cannot be a name here", _NAMES)
        case _:
            summary, remedy = _wrong_value(error, path)
            notes.error("E0112", place, summary, remedy)


_NAMES = "Names start with a letter and hold letters, digits and underscores; at most 100 characters."


def _unknown_key(key: str, known: Sequence[str], at: Location, path: Sequence[Any], notes: Notes) -> None:
    hint = f"Did you mean `{close}`?" if (close := near(key, known)) else HABITS.get(key)
    notes.error(
        "E0110", at, f"unknown key `{key}`{_in(path)}", hint or did_you_mean(key, known) or "Remove it."
    )


def _missing_key(
    key: str, instance: Mapping[str, Any], node: Node, path: Sequence[Any], notes: Notes
) -> None:
    owner = node.below(path[:-1]) if path else node
    at = owner.key_at(str(path[-1])) if path and isinstance(path[-1], str) else node.place(path)
    mistyped = near(key, list(instance))
    remedy = f"Add `{key}:`" + (f", or rename `{mistyped}`." if mistyped else ".")
    notes.error("E0113", at, f"`{key}` is missing{_in(path)}", remedy)


def _in(path: Sequence[Any]) -> str:
    return f" in {_dotted(path)}" if path else ""


def _dotted(path: Sequence[Any]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def spelled(value: Any) -> str:
    """What *value* is, in words that never repeat a secret."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _Hidden():
            return "a secret"
        case FromTemplate() | NumberFromTemplate():
            return "what its template gives"
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "…")
        case _:
            return f"the number {value}"


def _wrong_type(error: Any, path: Sequence[Any]) -> tuple[str, str, str]:
    wanted = (
        [error.validator_value] if isinstance(error.validator_value, str) else list(error.validator_value)
    )
    words = " or ".join(_WORDS[w] for w in wanted)
    summary = f"{_dotted(path) or 'the file'}: {words} is expected, not {_said(error.instance, path)}"
    value = error.instance
    if "string" in wanted and value is not None and not isinstance(value, dict | list):
        text = str(value).lower() if isinstance(value, bool) else value
        quoted = "" if isinstance(value, NumberFromTemplate) else f': "{text}"'
        return (
            "E0114",
            summary,
            f"Put it into quotes{quoted}. Without quotes it is not text, and zeros are lost.",
        )
    if not isinstance(value, str):
        return "E0111", summary, f"Write {words}."
    if "{{" in value or (plain(value) != value and wanted != ["array"]):
        return (
            "E0111",
            summary,
            "Write it without quotes; of a template: {{ var('x') | int }} or {{ … | bool }}.",
        )
    shown = not isinstance(value, FromTemplate | _Hidden)
    if "array" in wanted and shown and not SECRET_KEY.search(str(path[-1])):
        return "E0111", summary, f"Write a list: [{value}]."
    return "E0111", summary, f"Write {words}."


def _said(value: Any, path: Sequence[Any]) -> str:
    return "this value" if path and SECRET_KEY.search(str(path[-1])) else spelled(value)


def _wrong_value(error: Any, path: Sequence[Any]) -> tuple[str, str]:
    value = _said(error.instance, path)
    where = _dotted(path) or "the file"
    match error.validator:
        case "const":
            return (
                f"{where} cannot be {value}",
                f"Write {error.validator_value}: this version reads no other.",
            )
        case "enum":
            words = [str(choice) for choice in error.validator_value if choice is not None]
            return f"{where} cannot be {value}", did_you_mean(str(error.instance), words)
        case "pattern":
            titled = error.schema.get("title")
            return f"{where} cannot be {value}", f"Write {titled}." if titled else _pattern(error)
        case "uniqueItems":
            return f"{where} names something twice", "Keep one of the two."
        case "minItems" if path[-1:] == ["key"]:
            return f"{where} is empty", "Name the fields that together tell every row from all others."
        case "minItems" | "minProperties" | "minLength":
            return f"{where} is empty", "Write at least one."
        case "maxLength" | "maxItems" | "maxProperties":
            return f"{where} is too long", f"At most {error.validator_value}."
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            limit = "more" if "inimum" in str(error.validator) else "less"
            return f"{where} cannot be {value}", f"It must be {error.validator_value} or {limit}."
        case _:
            return f"{where}: {_plain(error)}", ""


def _pattern(error: Any) -> str:
    pattern = str(error.validator_value)
    if pattern.startswith("^(") and pattern.endswith(")$"):
        return did_you_mean(str(error.instance), pattern[2:-2].split("|"))
    return _NAMES if "\\w" in pattern else "Control characters are not allowed here."


def _plain(error: Any) -> str:
    return f"it does not fit `{error.validator}`"


def conforms(value: Any, wanted: Mapping[str, Any]) -> Iterator[Misfit]:
    """Everything in *value* that departs from the JSON Schema *wanted*; secrets count as text and are never repeated."""
    for error in Draft202012Validator(wanted).iter_errors(_opened(value)):
        path = list(error.absolute_path)
        match error.validator:
            case "additionalProperties":
                known = list(error.schema.get("properties", ()))
                for key in error.instance:
                    if key not in known:
                        hint = (
                            f"Did you mean `{close}`?"
                            if (close := near(key, known))
                            else did_you_mean(key, known)
                        )
                        yield Misfit(tuple(path), f"unknown key `{key}`. {hint}".strip(), key)
            case "required":
                for key in error.validator_value:
                    if key not in error.instance:
                        yield Misfit(tuple(path), f"`{key}` is missing")
            case "type":
                yield Misfit(tuple(path), _wrong_type(error, path)[1])
            case _:
                summary, hint = _wrong_value(error, path)
                yield Misfit(tuple(path), f"{summary}. {hint}" if hint else summary)
