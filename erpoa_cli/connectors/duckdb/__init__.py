"""The connector for DuckDB files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA

if TYPE_CHECKING:
    from erpoa_cli.connectors.duckdb.session import DuckdbSession


class DuckdbConnector(Connector):
    """One existing DuckDB file; it is never created. While it is open for writing, DuckDB lets no other process in."""

    name: ClassVar[str] = "duckdb"
    config_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["path"],
        "additionalProperties": False,
        "properties": {
            "path": {
                "type": "string",
                "minLength": 1,
                "x-erpoa": {"path": True},
                "description": "the database file",
            },
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
        },
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA
    queries: ClassVar[bool] = True

    def open(self, config: Mapping[str, Any]) -> DuckdbSession:
        from erpoa_cli.connectors.duckdb.session import DuckdbSession  # noqa: PLC0415 - loads the driver

        return DuckdbSession(Path(config["path"]), read_only=bool(config.get("read_only", False)))
