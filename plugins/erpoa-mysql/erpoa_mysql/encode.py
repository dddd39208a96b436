"""Values on their way in: as SQL, and as the texts that the stage reads."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk import sql
from erpoa_cli.sdk.sql import Encoded

_STAGED = {
    Kind.INTEGER: "bigint",
    Kind.BOOLEAN: "tinyint",
    Kind.DATE: "date",
    Kind.TIME: "time(6)",
    Kind.TIMESTAMP: "datetime(6)",
    Kind.TIMESTAMPTZ: "datetime(6)",
    Kind.BYTES: "longblob",
}


def staged(type_: Type) -> str:
    """The type of a column of the stage that holds every value of *type_* exactly; nested ones as JSON text."""
    if type_.kind is Kind.DECIMAL:
        return f"decimal({type_.precision},{type_.scale})"
    return _STAGED.get(type_.kind, "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")


def quoted(name: str) -> str:
    """*name* as SQL, whatever the session takes double quotes for."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """*text* as an SQL text that no mode of the session reads otherwise."""
    return f"convert(X'{text.encode().hex()}' USING utf8mb4)" if text else "''"


def constant(text: str, type_: Type) -> str:
    """The value that canonical *text* spells, as an SQL expression of the type it has in the stage."""
    match type_.kind:
        case Kind.INTEGER:
            return str(int(text))
        case Kind.BOOLEAN:
            return text
        case Kind.DECIMAL:
            return f"cast({literal(text)} AS decimal({type_.precision},{type_.scale}))"
        case Kind.DATE:
            return f"cast({literal(text)} AS date)"
        case Kind.TIME:
            return f"cast({literal(text)} AS time(6))"
        case Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return f"cast({literal(text.removesuffix('Z').replace('T', ' '))} AS datetime(6))"
        case Kind.BYTES:
            return f"X'{text}'"
        case _:
            return literal(text)


def encode(array: pa.Array, type_: Type) -> Encoded:
    """*array* as what the server reads into a column of `staged`; bytes as hexadecimal digits."""
    if type_.kind is Kind.BOOLEAN:
        return Encoded(array.cast(pa.int8()).cast(pa.utf8()), {})
    return sql.encode(array, type_)


def unfit_json(array: pa.Array) -> dict[int, str]:
    """Positions of the texts whose numbers MySQL's JSON would not keep as they are spelt, and why."""
    why = "MySQL's json would change a number"
    return {
        at: why for at, text in enumerate(array.to_pylist()) if text is not None and not _keeps_numbers(text)
    }


def _keeps_numbers(text: str) -> bool:
    changed: list[str] = []

    def whole(number: str) -> None:
        if not -(1 << 63) <= int(number) < 1 << 64:
            changed.append(number)

    def real(number: str) -> None:
        if repr(float(number)) != number:
            changed.append(number)

    try:
        json.loads(text, parse_int=whole, parse_float=real)
    except ValueError:
        return True  # the server refuses it by itself
    return not changed


def lines(columns: Sequence[pa.Array]) -> memoryview:
    r"""The columns as LOAD DATA reads them unless told otherwise: tabs, line feeds, backslashes, NULL as `\N`."""
    escaped = []
    for column in columns:
        text = column.cast(pa.large_utf8())
        for raw, instead in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n")):
            text = pc.replace_substring(text, raw, instead)
        escaped.append(pc.fill_null(text, "\\N"))
    last = pc.binary_join_element_wise(
        escaped[-1], pa.scalar("\n", pa.large_utf8()), pa.scalar("", pa.large_utf8())
    )
    tab = pa.scalar("\t", pa.large_utf8())
    joined = pc.binary_join_element_wise(*escaped[:-1], last, tab)
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.combine_chunks()
    return memoryview(joined.buffers()[2] or b"")
