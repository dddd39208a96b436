"""The connector for PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA
from erpoa_cli.sdk.sql.server import config_schema

if TYPE_CHECKING:
    from erpoa_postgres.session import PostgresSession


class PostgresConnector(Connector):
    """One database of a PostgreSQL server, version 13 or newer."""

    name: ClassVar[str] = "postgres"
    config_schema: ClassVar[Mapping[str, Any]] = config_schema(
        host="name or address of the server, or the directory of its socket",
        port=5432,
        database={},
        more={
            "schema": {
                "type": "string",
                "minLength": 1,
                "description": "tables of this schema are named without it; default: the first of the role's search path",
            }
        },
        statement_timeout="seconds after which the server ends a statement; 0: never",
        lock_timeout={"description": "seconds that a statement waits for a lock; 0: for ever"},
    )
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA
    queries: ClassVar[bool] = True

    def open(self, config: Mapping[str, Any]) -> PostgresSession:
        from erpoa_postgres.config import Place  # noqa: PLC0415 - loads the drivers
        from erpoa_postgres.session import PostgresSession  # noqa: PLC0415

        return PostgresSession(Place.of(config))
