"""The connector for databases that have an SQLAlchemy dialect: SQL Server, Oracle, Dameng and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA
from erpoa_sql.database import database
from erpoa_sql.session import AlchemySession


class SqlConnector(Connector):
    """One database, reached through an installed dialect. Correct first: every row is locked, compared, written and
    read back in the transaction of its batch."""

    name: ClassVar[str] = "sql"
    config_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["dialect"],
        "additionalProperties": False,
        "properties": {
            "dialect": {
                "type": "string",
                "pattern": r"^[a-z0-9_]+(\+[a-z0-9_]+)?$",
                "description": "dialect and driver as SQLAlchemy names them: mssql+mssqlpython, oracle+oracledb, dm+dmPython",
            },
            "host": {"type": "string", "minLength": 1},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "database": {"type": "string", "description": "name, or for file databases the path"},
            "user": {"type": "string", "minLength": 1},
            "password": {"type": "string", "x-erpoa": {"secret": True}},
            "query": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "what the driver's URL takes behind the question mark: service_name, Encrypt, sslmode …",
            },
            "schema": {"type": "string", "minLength": 1, "description": "default: the user's own"},
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
            "replica": {
                "type": "boolean",
                "default": False,
                "description": "what a replica shows is taken for the truth, though it may come late",
            },
        },
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA
    queries: ClassVar[bool] = True

    def open(self, config: Mapping[str, Any]) -> AlchemySession:
        return AlchemySession(
            database(config),
            schema=config.get("schema"),
            read_only=bool(config.get("read_only", False)),
            replica=bool(config.get("replica", False)),
        )
