"""From a system's config to an SQLAlchemy engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import Fatal


def database(config: Mapping[str, Any]) -> Engine:
    """The engine for *config*; nothing is connected to yet. Raises `Fatal` for a dialect or driver that is not there."""
    password = config.get("password")
    url = URL.create(
        config["dialect"],
        username=config.get("user"),
        password=password.reveal() if isinstance(password, Secret) else password,
        host=config.get("host"),
        port=config.get("port"),
        database=config.get("database"),
        query=config.get("query", {}),
    )
    more: dict[str, Any] = {}
    if url.get_backend_name() in _WITH_JSON:  # its text, digit for digit
        more = {"json_serializer": str, "json_deserializer": _as_text}
    try:
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, **more)
    except NoSuchModuleError as error:
        raise Fatal(f"no SQLAlchemy dialect {config['dialect']!r} is installed") from error
    except (ArgumentError, ImportError) as error:
        raise Fatal(f"{config['dialect']}: {error}") from error
    if engine.dialect.name == "sqlite":
        _with_transactions(engine)
        _with_foreign_keys(engine)
    return engine


def _as_text(json: str | bytes) -> str:
    return json.decode() if isinstance(json, bytes) else json


_WITH_JSON = {"postgresql", "mysql", "mariadb", "sqlite", "mssql"}


def _with_foreign_keys(engine: Engine) -> None:
    """SQLite enforces them only where it is told to."""

    @event.listens_for(engine, "connect")
    def enforced(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
        connection.execute("PRAGMA foreign_keys = ON")


def _with_transactions(engine: Engine) -> None:
    """Python's SQLite driver begins transactions when it thinks fit, and savepoints suffer; SQLAlchemy's own remedy."""

    @event.listens_for(engine, "connect")
    def plain(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN" if options.get("erpoa_reading") else "BEGIN IMMEDIATE")
