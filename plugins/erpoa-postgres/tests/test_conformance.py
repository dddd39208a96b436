"""The suite that every connector must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from erpoa_postgres import PostgresConnector

from erpoa_cli.core.schema import Field, Kind, Type, identifier
from erpoa_cli.sdk.conformance import Conformance

_NATIVE = {
    Kind.STRING: "text",
    Kind.INTEGER: "bigint",
    Kind.BYTES: "bytea",
    Kind.LIST: "jsonb",
    Kind.STRUCT: "jsonb",
}


def native(type_: Type) -> str:
    if type_.kind is Kind.DECIMAL:
        return f"numeric({type_.precision},{type_.scale})"
    if type_.item is not None and type_.item.kind is Kind.STRING:
        return "text[]"
    return _NATIVE.get(type_.kind, type_.kind.value)


class TestPostgres(Conformance):
    connector = PostgresConnector

    @pytest.fixture(autouse=True)
    def _at(self, server):
        self.server = server

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        config = self.server.schema()
        lines = [f"{identifier(f.name)} {native(f.type)}" for f in fields]
        checks = [" CHECK (name <> 'refused')"] if any(f.name == "name" for f in fields) else []
        table = ", ".join([lines[0] + " PRIMARY KEY", *lines[1:], *checks])
        self.server.execute(f"CREATE TABLE thing ({table})", config=config)
        return config, "thing"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        other = self.server.schema()
        self.server.execute(
            f"""CREATE TABLE thing AS SELECT * FROM "{config["schema"]}".thing""", config=other
        )
        return other

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        """A view that reads well until its last row."""
        self.server.execute(
            f"ALTER TABLE {object} RENAME TO kept",
            f"CREATE VIEW {object} AS SELECT code, name, (amount / (CASE WHEN code = 'C2' THEN 0 ELSE 1 END))"
            f"::numeric(18,4) AS amount, at FROM kept",
            config=config,
        )

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        config = self.server.schema()
        self.server.execute(
            "CREATE TABLE lossy (a real, b double precision, c numeric, d numeric(60,2), e money, f interval, g timetz, "
            "h bit(3), i int4range, j xml, k point, l timestamp[], m inet)",
            config=config,
        )
        return config, "lossy", list("abcdefghijklm")

    def holds(self, value: Any, type_: Type) -> bool:
        return "\0" not in str(value)
