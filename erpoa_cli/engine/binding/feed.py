"""Binding targets: the types and sensitivity of their fields, from the relation they are fed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from erpoa_cli.core.diagnostic import Diagnostic, Findings, Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Project
from erpoa_cli.core.schema import BOOLEAN, INTEGER, STRING, Field, Kind, Sensitivity, Type, decimal
from erpoa_cli.core.target import Column, Constant, Reference, Result, Target, TargetField


def bind_target(target: Target, relations: Mapping[str, tuple[Field, ...]], findings: Findings) -> Target:
    """*target* with the type and sensitivity of its fields; references and results get their types online."""
    columns = feed_columns(target, relations)
    if columns is None:
        return target
    for name in target.key:
        if name not in columns:
            findings.add(_no_column(target, "key", name, columns, target.at))
        elif columns[name].sensitivity.sealed:
            findings.add(
                Diagnostic(
                    "E0335",
                    f"target {target.name}: key column {name} is {columns[name].sensitivity}",
                    remedy="Keys stand in addresses and reports. Use another key, or declassify the column with a reason.",
                    at=target.at,
                )
            )
    return replace(target, fields=tuple(_field(target, field, columns, findings) for field in target.fields))


def feed_columns(target: Target, relations: Mapping[str, tuple[Field, ...]]) -> dict[str, Field] | None:
    """The columns a target is fed from; for lines also the members of the list. None when they are unknown."""
    if target.from_ not in relations:
        return None
    columns = {f.name: f for f in relations[target.from_]}
    if target.lines is None:
        return columns
    listing = columns.get(target.lines.column)
    if listing is None or listing.type.item is None or listing.type.item.kind is not Kind.STRUCT:
        return None
    parent = dict(columns)
    members = {
        name: Field(name, type_, sensitivity=listing.sensitivity) for name, type_ in listing.type.item.members
    }
    keys = {name: parent[name] for name in target.key if name in parent}
    return parent | members | keys


def _field(
    target: Target, field: TargetField, columns: Mapping[str, Field], findings: Findings
) -> TargetField:
    match field.value:
        case Column(name):
            if name not in columns:
                findings.add(_no_column(target, f"field {field.name}", name, columns, field.at))
                return field
            column = columns[name]
            sensitivity = max(field.sensitivity, column.sensitivity, key=list(Sensitivity).index)
            return replace(field, type=column.type, sensitivity=sensitivity)
        case Constant(value):
            return replace(field, type=constant_type(value))
        case Reference(by=by) | Result(by=by):
            for name in by:
                if name not in columns:
                    findings.add(_no_column(target, f"field {field.name}: by", name, columns, field.at))
            return field


def expected_actual(
    project: Project, target: Target, relations: Mapping[str, tuple[Field, ...]]
) -> tuple[list[Field], list[str]]:
    """The columns of `actual."T"` as far as they are known offline, and the fields whose type is not.

    Identifiers and returned fields have the type under which a source reads them, else they are strings."""
    bound = bind_target(target, relations, Findings())
    contract = project.contracts.get(target.contract)
    agreed = {p.name: p.type for p in contract.properties} if contract else {}
    elsewhere = {
        f.source: f.type
        for source in project.sources.values()
        if (source.system, source.object) == (target.system, target.object)
        for f in source.fields
    }
    found: dict[str, Field] = {}
    unknown: list[str] = []
    for field in bound.fields:
        type_ = field.type or agreed.get(field.name) or elsewhere.get(field.name)
        if type_:
            found[field.name] = Field(field.name, type_, sensitivity=field.sensitivity)
        elif isinstance(field.value, Column | Constant):
            unknown.append(field.name)
        else:
            found[field.name] = Field(field.name, STRING)
    for name in (*target.id, *target.returns, *(n for match in target.match for n in match)):
        found.setdefault(name, Field(name, elsewhere.get(name, STRING)))
    return [f for f in found.values() if f.name not in unknown], unknown


def constant_type(value: str | int | bool | Decimal | None) -> Type:
    """The type a constant has by itself."""
    match value:
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case Decimal():
            _, digits, exponent = value.as_tuple()
            scale = max(0, -exponent) if isinstance(exponent, int) else 0
            return decimal(min(38, max(len(digits), scale + 1)), scale)
        case _:
            return STRING


def _no_column(
    target: Target, what: str, name: str, columns: Mapping[str, Field], at: Location
) -> Diagnostic:
    return Diagnostic(
        "E0334",
        f"target {target.name}: {what}: {target.from_} has no column {name!r}",
        remedy=did_you_mean(name, columns),
        at=at,
    )
