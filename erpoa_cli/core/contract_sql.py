"""A contract's promises as SQL conditions: which rows of a relation break them.

The keywords of JSON Schema 2020-12 that concern single values. NULL breaks only `required`: a property that is
not required may be absent, and a column cannot be absent row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from erpoa_cli.core.contract import Property
from erpoa_cli.core.schema import Kind, Type, identifier, literal

_ITEM = '"?item"'  # no column is called so
_OCTET = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_FORMATS = {
    "email": r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    "date-time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]*",
    "ipv4": rf"({_OCTET}\.){{3}}{_OCTET}",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows (alias `r`) that satisfy `where` break the promise; `words` say how, after the field's name."""

    field: str
    where: str
    words: str


def rules(promised: Property, type_: Type) -> Iterator[Rule]:
    """The conditions that *promised* puts on its column, which is of *type_*."""
    column = f"r.{identifier(promised.name)}"
    if promised.required:
        yield Rule(promised.name, f"{column} IS NULL", "is NULL")
    for where, words in _value_rules(promised.schema, column, type_):
        yield Rule(promised.name, f"{column} IS NOT NULL AND ({where})", words)


def _value_rules(schema: Any, column: str, type_: Type) -> Iterator[tuple[str, str]]:
    if "enum" in schema:
        values = [v for v in schema["enum"] if v is not None]
        yield (
            f"NOT coalesce({column} IN ({', '.join(_constant(v, type_) for v in values)}), false)",
            "is none of its values",
        )
    if "const" in schema:
        yield f"{column} IS DISTINCT FROM {_constant(schema['const'], type_)}", f"is not {schema['const']}"
    if type_.kind is Kind.STRING:
        yield from _text_rules(schema, column)
    elif type_.kind in (Kind.INTEGER, Kind.DECIMAL):
        yield from _number_rules(schema, column)
    elif type_.kind is Kind.LIST:
        yield from _list_rules(schema, column, type_)


def _text_rules(schema: Any, column: str) -> Iterator[tuple[str, str]]:
    if "minLength" in schema:
        yield f"length({column}) < {int(schema['minLength'])}", f"is shorter than {schema['minLength']}"
    if "maxLength" in schema:
        yield f"length({column}) > {int(schema['maxLength'])}", f"is longer than {schema['maxLength']}"
    if "pattern" in schema:
        yield (
            f"NOT regexp_matches({column}, {literal(schema['pattern'])})",
            f"does not match {schema['pattern']}",
        )
    if (form := schema.get("format")) in _FORMATS:
        whole = f"NOT regexp_full_match({column}, {literal(_FORMATS[form])})"
        if form == "date":
            whole = f"{whole} OR TRY_CAST({column} AS DATE) IS NULL"
        if form == "date-time":
            whole = f"{whole} OR TRY_CAST(upper({column}) AS TIMESTAMPTZ) IS NULL"
        yield whole, f"is no {form}"


def _number_rules(schema: Any, column: str) -> Iterator[tuple[str, str]]:
    for word, operator, words in (
        ("minimum", "<", "is less than"),
        ("exclusiveMinimum", "<=", "is not more than"),
        ("maximum", ">", "is more than"),
        ("exclusiveMaximum", ">=", "is not less than"),
    ):
        if word in schema:
            yield f"{column} {operator} {_number(schema[word])}", f"{words} {schema[word]}"
    if "multipleOf" in schema:
        yield f"{column} % {_number(schema['multipleOf'])} <> 0", f"is no multiple of {schema['multipleOf']}"


def _list_rules(schema: Any, column: str, type_: Type) -> Iterator[tuple[str, str]]:
    if "minItems" in schema:
        yield f"len({column}) < {int(schema['minItems'])}", f"has fewer than {schema['minItems']} items"
    if "maxItems" in schema:
        yield f"len({column}) > {int(schema['maxItems'])}", f"has more than {schema['maxItems']} items"
    if schema.get("uniqueItems"):
        yield (
            f"len(list_distinct({column})) < len(list_filter({column}, lambda {_ITEM}: {_ITEM} IS NOT NULL))",
            "repeats an item",
        )
    items = schema.get("items")
    if isinstance(items, dict) and type_.item:
        for where, words in _member_rules(items, _ITEM, type_.item):
            yield (
                f"len(list_filter({column}, lambda {_ITEM}: coalesce({where}, false))) > 0",
                f"has an item that {words}",
            )


def _member_rules(schema: Any, name: str, type_: Type) -> Iterator[tuple[str, str]]:
    """The rules of a list's items; of the members of a struct one by one."""
    if type_.kind is not Kind.STRUCT:
        yield from _value_rules(schema, name, type_)
        return
    required = schema.get("required", ())
    for member, member_type in type_.members:
        place = f"{name}.{identifier(member)}"
        if member in required:
            yield f"{place} IS NULL", f"has no {member}"
        inner = schema.get("properties", {}).get(member)
        if isinstance(inner, dict) and member_type.kind is not Kind.LIST:
            for where, words in _value_rules(inner, place, member_type):
                yield f"{place} IS NOT NULL AND ({where})", f"has {member} that {words}"


def _number(value: Any) -> str:
    return f"{Decimal(str(value)):f}"


def _constant(value: Any, type_: Type) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"TRY_CAST({literal(text)} AS {type_.duckdb})"
