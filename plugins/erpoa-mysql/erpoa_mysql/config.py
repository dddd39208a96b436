"""Where the server is and how it is spoken to: over verified TLS, unless it is this machine."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import Fatal
from erpoa_cli.sdk.sql.server import identity, is_verified

_NO_PASSWORD = Secret("")


@dataclass(frozen=True, slots=True)
class Place:
    """A database and how to reach it. `tls` is None where encryption is taken if offered and nothing is verified;
    timeouts are in seconds, 0 is for ever."""

    identity: str
    host: str
    port: int
    database: str
    user: str
    password: Secret
    tls: ssl.SSLContext | None
    read_only: bool
    statement_timeout: int
    lock_timeout: int
    replica: bool = False  # a replica may be read as if it were the primary

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Place:
        """The place that a valid *config* names; `Fatal` when it would be spoken to unsafely."""
        host, port = str(config.get("host", "localhost")), int(config.get("port", 3306))
        password = config.get("password")
        return cls(
            identity=identity("mysql", host, port, config["database"]),
            host=host,
            port=port,
            database=config["database"],
            user=config["user"],
            password=password if isinstance(password, Secret) else _NO_PASSWORD,
            tls=_tls(config, host),
            read_only=bool(config.get("read_only", False)),
            statement_timeout=int(config.get("statement_timeout", 3600)),
            lock_timeout=int(config.get("lock_timeout", 60)),
            replica=bool(config.get("replica", False)),
        )

    @property
    def socket(self) -> str | None:
        """The path of the server's socket; None when it is reached by its name."""
        return self.host if self.host.startswith("/") else None


def _tls(config: Mapping[str, Any], host: str) -> ssl.SSLContext | None:
    """What a connection must fulfil: the certificate is good and names the host."""
    verifies = is_verified(config, host)
    if not verifies and "cert_file" not in config:
        return None
    try:
        context = ssl.create_default_context(cafile=config.get("ca_file"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not verifies:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if "cert_file" in config:
            context.load_cert_chain(config["cert_file"], config["key_file"])
    except (OSError, ssl.SSLError) as error:
        raise Fatal(f"a certificate or key for {host} cannot be used: {error}") from None
    return context
