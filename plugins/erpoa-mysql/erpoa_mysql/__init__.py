"""The connector for MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA

if TYPE_CHECKING:
    from erpoa_mysql.session import MysqlSession


class MysqlConnector(Connector):
    """One database of a MySQL server, version 8.0.19 or newer, or of a MariaDB server, version 10.5 or newer."""

    name: ClassVar[str] = "mysql"
    config_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["database", "user"],
        "additionalProperties": False,
        "properties": {
            "host": {
                "type": "string",
                "minLength": 1,
                "default": "localhost",
                "description": "name or address of the server, or the path of its socket",
            },
            "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 3306},
            "database": {
                "type": "string",
                "minLength": 1,
                "description": "tables of this database are named without it",
            },
            "user": {"type": "string", "minLength": 1},
            "password": {"type": "string", "x-erpoa": {"secret": True}},
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
            "ca_file": {
                "type": "string",
                "minLength": 1,
                "x-erpoa": {"path": True},
                "description": "certificates that vouch for the server; default: those of this machine",
            },
            "cert_file": {
                "type": "string",
                "minLength": 1,
                "x-erpoa": {"path": True},
                "description": "our own certificate, where the server asks for one",
            },
            "key_file": {
                "type": "string",
                "minLength": 1,
                "x-erpoa": {"path": True},
                "description": "the key of cert_file",
            },
            "plaintext": {
                "type": "object",
                "required": ["reason", "until"],
                "additionalProperties": False,
                "description": "a dated, reasoned exception: speak without verified TLS to a server that is not on this machine",
                "properties": {
                    "reason": {"type": "string", "minLength": 1},
                    "until": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
                },
            },
            "statement_timeout": {
                "type": "integer",
                "minimum": 0,
                "default": 3600,
                "description": "seconds after which the server ends a statement (MySQL: one that reads); 0: never",
            },
            "lock_timeout": {
                "type": "integer",
                "minimum": 1,
                "default": 60,
                "description": "seconds that a statement waits for a lock",
            },
        },
        "dependentRequired": {"cert_file": ["key_file"], "key_file": ["cert_file"]},
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA
    queries: ClassVar[bool] = True

    def open(self, config: Mapping[str, Any]) -> MysqlSession:
        from erpoa_mysql.config import Place  # noqa: PLC0415 - loads the driver
        from erpoa_mysql.session import MysqlSession  # noqa: PLC0415

        return MysqlSession(Place.of(config))
