"""The suite that every connector must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from erpoa_mysql import MysqlConnector

from erpoa_cli.core.schema import Field, Kind, Type
from erpoa_cli.sdk.conformance import Conformance

_LONGEST = 700
_SECONDS = (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2038, 1, 19, tzinfo=UTC))  # of a timestamp
_NATIVE = {
    Kind.STRING: f"varchar({_LONGEST})",  # what an index takes
    Kind.INTEGER: "bigint",
    Kind.BYTES: "longblob",
    Kind.TIME: "time(6)",
    Kind.TIMESTAMP: "datetime(6)",
    Kind.TIMESTAMPTZ: "timestamp(6)",
    Kind.LIST: "json",
    Kind.STRUCT: "json",
}


def native(field: Field) -> str:
    type_ = field.type
    if type_.kind is Kind.DECIMAL:
        return f"decimal({type_.precision},{type_.scale})"
    return _NATIVE.get(type_.kind, type_.kind.value)


class TestMysql(Conformance):
    connector = MysqlConnector

    @pytest.fixture(autouse=True)
    def _at(self, server):
        self.server = server

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        config = self.server.schema()
        columns = [f"`{f.name}` {native(f)} NULL" for f in fields]
        columns[0] = columns[0].replace("NULL", "COLLATE utf8mb4_bin PRIMARY KEY")
        if any(f.name == "name" for f in fields):
            columns.append("CHECK (name <> 'refused')")
        self.server.execute(f"CREATE TABLE thing ({', '.join(columns)})", config=config)
        return config, "thing"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        other = self.server.schema()
        self.server.execute(f"CREATE TABLE thing AS SELECT * FROM `{config['database']}`.thing", config=other)
        return other

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        """A view of a table that is there no more."""
        self.server.execute(
            f"RENAME TABLE {object} TO kept",
            f"CREATE VIEW {object} AS SELECT * FROM kept",
            "DROP TABLE kept",
            config=config,
        )

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        config = self.server.schema()
        self.server.execute(
            "CREATE TABLE lossy (a float, b double, c decimal(65,30), d decimal(39,0), e point, f geometry, g inet6, "
            "h double(10,2))",
            config=config,
        )
        return config, "lossy", list("abcdefgh")

    def holds(self, value: Any, type_: Type) -> bool:
        if type_.kind is Kind.TIMESTAMPTZ:
            return _SECONDS[0] <= value <= _SECONDS[1]
        return type_.kind is not Kind.STRING or len(value) <= _LONGEST
