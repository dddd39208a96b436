"""The connector for MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA
from erpoa_cli.sdk.sql.server import config_schema

if TYPE_CHECKING:
    from erpoa_mysql.session import MysqlSession


class MysqlConnector(Connector):
    """One database of a MySQL server, version 8.0.19 or newer, or of a MariaDB server, version 10.5 or newer."""

    name: ClassVar[str] = "mysql"
    config_schema: ClassVar[Mapping[str, Any]] = config_schema(
        host="name or address of the server, or the path of its socket",
        port=3306,
        database={"description": "tables of this database are named without it"},
        more={},
        statement_timeout="seconds after which the server ends a statement (MySQL: one that reads); 0: never",
        lock_timeout={"minimum": 1, "description": "seconds that a statement waits for a lock"},
    )
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA
    queries: ClassVar[bool] = True

    def open(self, config: Mapping[str, Any]) -> MysqlSession:
        from erpoa_mysql.config import Place  # noqa: PLC0415 - loads the driver
        from erpoa_mysql.session import MysqlSession  # noqa: PLC0415

        return MysqlSession(Place.of(config))
