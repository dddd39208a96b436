"""A contract: the agreed shape of a business entity, as a JSON Schema with `x-erpoa` annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.schema import Kind, Sensitivity, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property. `type` follows from `type`, `format` and `x-erpoa: {decimal: [p, s]}`."""

    name: str
    type: Type
    required: bool
    schema: Mapping[str, Any]  # its JSON Schema, references resolved
    at: Location
    master: str = ""  # a system's name, `shared`, or empty: the entity's
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    unit: str = ""


def accepts(agreed: Type, found: Type) -> bool:
    """Whether every value of *found* has the shape of *agreed*: the same kind; decimals without losing digits;
    whole numbers where decimals are agreed; lists and structs member by member (structs may have more)."""
    match agreed.kind:
        case Kind.DECIMAL if found.kind is Kind.DECIMAL:
            return (
                found.scale <= agreed.scale
                and found.precision - found.scale <= agreed.precision - agreed.scale
            )
        case Kind.DECIMAL:
            return found.kind is Kind.INTEGER
        case Kind.LIST if found.kind is Kind.LIST:
            return agreed.item is None or (found.item is not None and accepts(agreed.item, found.item))
        case Kind.STRUCT if found.kind is Kind.STRUCT:
            there = dict(found.members)
            return all(name in there and accepts(type_, there[name]) for name, type_ in agreed.members)
        case Kind.JSON:
            return found.kind in (Kind.JSON, Kind.STRUCT, Kind.LIST)
        case _:
            return agreed.kind is found.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    name: str
    properties: tuple[Property, ...]
    at: Location
    key: tuple[str, ...] = ()
    version: str = ""
    master: str = ""
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
