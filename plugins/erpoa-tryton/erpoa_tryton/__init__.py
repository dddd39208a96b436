"""The connector for Tryton, through its JSON-RPC."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from erpoa_cli.core.project import Limits
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.caps import Caps, schema
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
            "lingers": {
                "type": "number",
                "minimum": 0,
                "default": 30,
                "description": "seconds after which a call whose answer was lost has surely ended in the server",
            },
            "caps": schema("bytes", "depth", "values"),
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
        },
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Movable,)
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER_SCHEMA

    paced: ClassVar[bool] = True

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        super().__init__(limits)
        self._guard = threading.Lock()
        self._client: Client | None = None
        self._users = 0

    def open(self, config: Mapping[str, Any]) -> TrytonSession:
        return TrytonSession(
            self._take(config),
            read_only=config.get("read_only", False),
            lingers=config.get("lingers", 30),
            release=self._release,
        )

    def _take(self, config: Mapping[str, Any]) -> Client:
        """The one client of this system: its sessions log in once, and a refused password is refused to all of them."""
        password = config["password"]
        with self._guard:
            if self._client is None:
                self._client = Client(
                    config["url"],
                    config["database"],
                    config["user"],
                    password if isinstance(password, Secret) else Secret(password),
                    company=config.get("company"),
                    language=config.get("language", "en"),
                    timeout=config.get("timeout", 120),
                    rate=self.limits.requests_per_second,
                    caps=Caps.of(config),
                )
            self._users += 1
            return self._client

    def _release(self) -> None:
        with self._guard:
            self._users -= 1
            if self._users or self._client is None:
                return
            client, self._client = self._client, None
        client.close()
