"""The connector for SQLite files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA


class SqliteConnector(Connector):
    """One existing SQLite file; it is never created."""

    name: ClassVar[str] = "sqlite"
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

    def open(self, config: Mapping[str, Any]) -> SqliteSession:
        return SqliteSession(Path(config["path"]), read_only=bool(config.get("read_only", False)))
