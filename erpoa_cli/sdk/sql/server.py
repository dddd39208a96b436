"""Where a database server is and how it is spoken to: over verified TLS, unless it is this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from erpoa_cli.sdk.errors import Fatal

_TEXT = {"type": "string", "minLength": 1}
_FILE = {**_TEXT, "x-erpoa": {"path": True}}


def config_schema(
    *,
    host: str,
    port: int,
    database: Mapping[str, Any],
    more: Mapping[str, Any],
    statement_timeout: str,
    lock_timeout: Mapping[str, Any],
) -> Mapping[str, Any]:
    """The JSON Schema of a server's config. *host* and *statement_timeout* describe these properties, *port* is the usual
    one, *database* and *lock_timeout* are added to these properties, *more* are properties of this kind of server."""
    return {
        "type": "object",
        "required": ["database", "user"],
        "additionalProperties": False,
        "properties": {
            "host": {**_TEXT, "default": "localhost", "description": host},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": port},
            "database": {**_TEXT, **database},
            "user": _TEXT,
            "password": {"type": "string", "x-erpoa": {"secret": True}},
            **more,
            "read_only": {"type": "boolean", "default": False, "description": "never write to this database"},
            "replica": {
                "type": "boolean",
                "default": False,
                "description": "what a replica shows is taken for the truth, though it may come late",
            },
            "ca_file": {
                **_FILE,
                "description": "certificates that vouch for the server; default: those of this machine",
            },
            "cert_file": {**_FILE, "description": "our own certificate, where the server asks for one"},
            "key_file": {**_FILE, "description": "the key of cert_file"},
            "plaintext": {
                "type": "object",
                "required": ["reason", "until"],
                "additionalProperties": False,
                "description": "a dated, reasoned exception: speak without verified TLS to a server that is not on this machine",
                "properties": {
                    "reason": _TEXT,
                    "until": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
                },
            },
            "statement_timeout": {
                "type": "integer",
                "minimum": 0,
                "default": 3600,
                "description": statement_timeout,
            },
            "lock_timeout": {"type": "integer", "minimum": 0, "default": 60, **lock_timeout},
        },
        "dependentRequired": {"cert_file": ["key_file"], "key_file": ["cert_file"]},
    }


def identity(kind: str, host: str, port: int, database: str) -> str:
    """The address of a database, free of secrets."""
    at = host.lower() if ":" not in host else f"[{host.lower()}]"
    return f"{kind}:{at}:{port}/{database}"


def is_local(host: str) -> bool:
    """Whether *host* is this machine: the place of a socket, `localhost`, or a loopback address."""
    if host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_verified(config: Mapping[str, Any], host: str) -> bool:
    """Whether the server must have a good certificate that names *host*: everywhere but on this machine, and where the
    config excepts it for reasons; a `ca_file` is always used. `Fatal` for an exception that has ended."""
    if "ca_file" in config:
        return True
    return not (is_local(host) or _is_excepted(config, host))


def _is_excepted(config: Mapping[str, Any], host: str) -> bool:
    exception = config.get("plaintext")
    if not exception:
        return False
    until = date.fromisoformat(exception["until"])
    if datetime.now(UTC).date() > until:
        raise Fatal(
            f"the exception to speak to {host} without verified TLS ended on {until}: give the server a "
            "certificate, or renew `plaintext` with its reason"
        )
    return True
