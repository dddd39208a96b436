"""Declared types as Arrow types."""

from __future__ import annotations

import pyarrow as pa

from erpoa_cli.core.schema import Field, Kind, Type

_SIMPLE = {
    Kind.STRING: pa.utf8(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    Kind.JSON: pa.utf8(),
    Kind.BYTES: pa.binary(),
}


def arrow_type(type_: Type) -> pa.DataType:
    """The Arrow type in which a value of *type_* travels; JSON as its text."""
    match type_.kind:
        case Kind.DECIMAL:
            return pa.decimal128(type_.precision, type_.scale)
        case Kind.LIST:
            assert type_.item is not None
            return pa.list_(arrow_type(type_.item))
        case Kind.STRUCT:
            return pa.struct([(name, arrow_type(member)) for name, member in type_.members])
        case _:
            return _SIMPLE[type_.kind]


def arrow_schema(fields: tuple[Field, ...]) -> pa.Schema:
    return pa.schema([(f.name, arrow_type(f.type)) for f in fields])
