"""The rows of a batch read again from the bytes of the file that was made, before it takes the place of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erpoa_cli.connectors.files.layout import Layout
from erpoa_cli.core.schema import Field
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import Held, Outcomes, SecondLook, meant


def read_again(layout: Layout, content: bytes, batch: WriteBatch, outcomes: Outcomes) -> None:
    """Tell *outcomes* what the applied rows hold in *content*. `ContractBroken` where a row is not in it, or is still: then
    the file must not take its place."""
    written = batch.columns("set")
    sources = {n: f"set.{n}" if n in written else f"id.{n}" for n in batch.id}
    if not batch.id or any(column not in batch.rows.schema.names for column in sources.values()):
        return  # nothing tells which row is which
    columns = [batch.rows[column].to_pylist() for column in sources.values()]
    sought = {_key(column[at] for column in columns): at for at in outcomes.applied()}
    if SecondLook(batch, outcomes).judge(_differing(layout, content, batch, sought)):
        raise ContractBroken(
            f"{batch.object}: the file that was made does not have the rows that were written"
        )


def _differing(
    layout: Layout, content: bytes, batch: WriteBatch, sought: Mapping[Any, int]
) -> Mapping[int, list[Held]]:
    wanted = {n: batch.rows[f"set.{n}"].to_pylist() for n in batch.columns("set")}
    fields = tuple(Field(n, batch.types[n]) for n in dict.fromkeys((*batch.id, *wanted)))
    deletes = batch.action is Action.DELETE
    differing: dict[int, list[Held]] = {} if deletes else {at: [] for at in sought.values()}
    alike = set()
    for rows in layout.read(content, fields, []):
        columns = {name: rows[name].to_pylist() for name in rows.schema.names}
        for row, key in enumerate(zip(*(columns[n] for n in batch.id), strict=True)):
            at = sought.get(_key(_value(v, n, batch) for n, v in zip(batch.id, key, strict=True)))
            if at is not None:
                held = {n: _value(columns[n][row], n, batch) for n in wanted}
                differing.setdefault(at, []).append(held)
                if all(held[n] == values[at] for n, values in wanted.items()):
                    alike.add(at)
    return differing if deletes else {at: rows for at, rows in differing.items() if at not in alike}


def _value(value: Any, name: str, batch: WriteBatch) -> Any:
    return meant(value, batch.types[name]) if isinstance(value, str) else value


def _key(values: Any) -> tuple[Any, ...]:
    return tuple(repr(v) if isinstance(v, list | dict) else v for v in values)
