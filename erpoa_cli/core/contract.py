"""A contract: the agreed shape of a business entity, as a JSON Schema with `x-erpoa` annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.schema import Sensitivity, Type


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
