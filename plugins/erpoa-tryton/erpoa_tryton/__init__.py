"""The connector for Tryton, through its JSON-RPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from erpoa_cli.sdk.connector import Connector, Session, Writable
from erpoa_cli.sdk.sql import FILTER_SCHEMA
from erpoa_tryton.rpc import Client
from erpoa_tryton.session import TrytonSession


class TrytonConnector(Connector):
    """One database of a Tryton server, as one of its users sees it."""

    name: ClassVar[str] = "tryton"
    config_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["url", "database", "user", "password"],
        "additionalProperties": False,
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^(https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)$",
                "description": "https://erp.example:8000; plain http only for this machine",
            },
            "database": {"type": "string", "pattern": r"^[\w.-]+$"},
            "user": {"type": "string", "minLength": 1},
            "password": {"type": "string", "x-erpoa": {"secret": True}},
            "company": {
                "type": "integer",
                "description": "id of the company to work in; default: the user's own",
            },
            "language": {
                "type": "string",
                "default": "en",
                "description": "of translated texts and of messages",
            },
            "timeout": {
                "type": "number",
                "exclusiveMinimum": 0,
                "default": 120,
                "description": "seconds per call",
            },
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
        },
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA

    def open(self, config: Mapping[str, Any]) -> TrytonSession:
        client = Client(
            config["url"],
            config["database"],
            config["user"],
            config["password"],
            company=config.get("company"),
            language=config.get("language", "en"),
            timeout=config.get("timeout", 120),
        )
        return TrytonSession(client, read_only=bool(config.get("read_only", False)))
