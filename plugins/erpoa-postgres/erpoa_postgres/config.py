"""Where the server is and how it is spoken to: over verified TLS, unless it is this machine."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from erpoa_cli.core.schema import identifier
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import Fatal
from erpoa_cli.sdk.sql.server import identity, is_verified

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# what values look like as text, and how literals are read; the same for everybody
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A database and how to reach it. `conninfo` holds the password: it goes to the drivers and nowhere else."""

    database: str  # its address, without the schema
    conninfo: Secret
    settings: Mapping[str, str]
    read_only: bool
    schema: str = ""
    replica: bool = False  # a replica may be read as if it were the primary

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Place:
        """The place that a valid *config* names; `Fatal` when it would be spoken to unsafely."""
        host, port = str(config.get("host", "localhost")), int(config.get("port", 5432))
        password = config.get("password")
        parameters = {
            "host": host,
            "port": port,
            "dbname": config["database"],
            "user": config["user"],
            # empty, not absent: libpq would look for a password in the environment and in files
            "password": password.reveal() if isinstance(password, Secret) else "",
            "passfile": f"{os.devnull}/none",  # of the null device itself libpq complains
            "application_name": "erpoa",
            "client_encoding": "UTF8",
            "connect_timeout": 10,
            "gssencmode": "disable",
            "options": "",
            **_KEEPALIVE,
            **_tls(config, host),
        }
        read_only = bool(config.get("read_only", False))
        settings = {
            **_SETTINGS,
            "statement_timeout": f"{config.get('statement_timeout', 3600)}s",
            "lock_timeout": f"{config.get('lock_timeout', 60)}s",
            "default_transaction_read_only": "on" if read_only else "off",
        }
        schema = config.get("schema")
        if schema:
            settings["search_path"] = f"{identifier(schema)}, public"
        return cls(
            identity("postgres", host, port, config["database"]),
            Secret(make_conninfo("", **parameters)),
            settings,
            read_only,
            schema or "",
            bool(config.get("replica", False)),
        )


def _tls(config: Mapping[str, Any], host: str) -> dict[str, str]:
    """Libpq's parameters: the certificate must be good and name the host."""
    own = (
        {"sslcert": str(config["cert_file"]), "sslkey": str(config["key_file"])}
        if "cert_file" in config
        else {}
    )
    strict = {"ssl_min_protocol_version": "TLSv1.2", **own}
    if "ca_file" in config:
        return {"sslmode": "verify-full", "sslrootcert": str(config["ca_file"]), **strict}
    if not is_verified(config, host):
        return {"sslmode": "prefer", **strict}
    return {"sslmode": "verify-full", "sslrootcert": _authorities(host), **strict}


def _authorities(host: str) -> str:
    """The file with the authorities that this machine trusts."""
    found = next(
        (f for f in (ssl.get_default_verify_paths().cafile, *_BUNDLES) if f and Path(f).is_file()), None
    )
    if found is None:
        raise Fatal(f"this machine has no file of trusted authorities: name one for {host} in ca_file")
    return found
