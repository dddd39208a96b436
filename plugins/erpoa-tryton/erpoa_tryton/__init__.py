"""The connector for Tryton, through its JSON-RPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.connector import Connector, Movable, Session
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
            "settles": {
                "type": "number",
                "minimum": 0,
                "default": 30,
                "description": "seconds after which a call whose answer was lost has surely ended in the server",
            },
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
        },
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Movable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA

    def open(self, config: Mapping[str, Any]) -> TrytonSession:
        password = config["password"]
        client = Client(
            config["url"],
            config["database"],
            config["user"],
            password if isinstance(password, Secret) else Secret(password),
            company=config.get("company"),
            language=config.get("language", "en"),
            timeout=config.get("timeout", 120),
        )
        return TrytonSession(
            client, read_only=config.get("read_only", False), settles=config.get("settles", 30)
        )
