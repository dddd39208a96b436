"""Where the state of a project is kept: below its directory, or in a PostgreSQL server that `state:` names.

A URL is `postgresql://USER@HOST:PORT/DATABASE?schema=NAME`, with few other settings of libpq. Servers elsewhere are
reached over verified TLS only; a password comes from a secret, never from a text.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.secret import Secret
from erpoa_cli.state.database import Database
from erpoa_cli.state.sqlite import SqliteDatabase

URL: TypeAlias = str | Secret

STORE = Path(".erpoa") / "control.db"
SCHEMA = "erpoa"
VERIFIED = "verify-full"

_FORM = "write postgresql://USER@HOST/DATABASE"
_SCHEMES = frozenset({"postgresql", "postgres"})
_FILES = ("sslrootcert", "sslcert", "sslkey")
_SETTINGS = frozenset({"host", "port", "user", "dbname", "sslmode", "connect_timeout", "passfile", *_FILES})
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def reading(root: Path, url: URL = "") -> Database:
    """The store of the project at *root*, or the one that *url* names, for reading: as it is now."""
    if not (text := _text(url)):
        return SqliteDatabase.reading(root / STORE)
    settings, schema = _server(root, text, secret=isinstance(url, Secret))
    return _postgres().PostgresDatabase(settings, schema, reading=True)


def writing(root: Path, url: URL = "") -> Database:
    """The same for writing; made when missing."""
    if not (text := _text(url)):
        return SqliteDatabase.writing(root / STORE)
    settings, schema = _server(root, text, secret=isinstance(url, Secret))
    return _postgres().PostgresDatabase(settings, schema)


def is_shared(url: URL) -> bool:
    """Whether *url* names a store of other machines too."""
    return bool(_text(url))


def _text(url: URL) -> str:
    return url.reveal() if isinstance(url, Secret) else url


def _postgres() -> Any:
    try:
        return importlib.import_module("erpoa_cli.state.postgres")
    except ImportError as error:
        raise Failure(
            Diagnostic(
                "E0515",
                f"shared state needs the PostgreSQL driver: {error}",
                remedy="pip install 'erpoa[postgres]'",
            ),
        ) from None


def _server(root: Path, url: str, *, secret: bool) -> tuple[dict[str, str], str]:
    """The settings of libpq and the schema that *url* names. Failure E0528 (INVALID) for a URL that cannot be used;
    it never repeats what the URL holds."""
    address, _, query = url.partition("?")
    if address.partition("://")[0] not in _SCHEMES:
        raise _unusable("only postgresql:// is known", _FORM)
    try:
        asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        schema = asked.pop("schema", SCHEMA)
        found = _postgres().settings(
            f"{address}?{urlencode({n: v for n, v in asked.items() if n in _SETTINGS})}"
        )
    except ValueError:
        raise _unusable("it is not a URL that libpq understands", _FORM) from None
    if unknown := sorted(set(asked) - _SETTINGS):
        named = "a setting that is not known" if secret else f"the setting {', '.join(unknown)}"
        raise _unusable(f"it has {named}", f"use only schema, {', '.join(sorted(_SETTINGS))}")
    if "password" in found and not secret:
        raise _unusable(
            "it holds a password in the open",
            "take the whole URL from a secret: state: \"{{ secret('state_url') }}\"; or leave the password to PGPASSFILE",
        )
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise _unusable("the schema is not a plain name", "use small letters, digits and _")
    return {**found, **_paths(root, asked), **_transport(found)}, schema


def _paths(root: Path, asked: Mapping[str, str]) -> dict[str, str]:
    """Files that the URL names are looked for from the project's directory."""
    return {name: str(root / asked[name]) for name in _FILES if name in asked and asked[name] != "system"}


def _transport(settings: Mapping[str, str]) -> dict[str, str]:
    """How the server is to be reached, given where it is."""
    hosts = (settings.get("host") or os.environ.get("PGHOST", "")).split(",")
    address = os.environ.get("PGHOSTADDR", "")
    if all(map(_local, [*hosts, *filter(None, [address])])):
        return {}
    if settings.get("sslmode", VERIFIED) != VERIFIED:
        raise _unusable(
            f"it asks for sslmode={settings['sslmode']}, which does not verify the server",
            f"leave sslmode out ({VERIFIED} is used), and name the certificate authority with sslrootcert=FILE",
        )
    found = {"sslmode": VERIFIED, "gssencmode": "disable"}
    if "sslrootcert" not in settings and "PGSSLROOTCERT" not in os.environ:
        found["sslrootcert"] = "system"
    return found


def _local(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unusable(what: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0528", f"the URL of the state cannot be used: {what}", remedy=remedy))
