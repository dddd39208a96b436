"""Sealing sensitive values at rest (AES-256-GCM) and comparing them without opening (HMAC-SHA256)."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.schema import Type
from erpoa_cli.core.secret import Secret


class Sealer:
    """Seals single values of columns. NULL stays NULL. *context* (`TARGET.FIELD` or `SOURCE.FIELD`) binds a value
    to its place: sealed bytes moved elsewhere do not open."""

    def __init__(self, key: bytes) -> None: ...

    def seal(self, column: pa.Array | pa.ChunkedArray, type_: Type, context: str) -> pa.BinaryArray:
        raise NotImplementedError

    def open(self, column: pa.Array | pa.ChunkedArray, type_: Type, context: str) -> pa.Array:
        """The values of sealed *column*; Failure E0514 when it was sealed with another key."""
        raise NotImplementedError

    def mac(self, column: pa.Array | pa.ChunkedArray, type_: Type, context: str) -> pa.BinaryArray:
        """32 bytes per value, equal for equal values of one context."""
        raise NotImplementedError


def load_sealer(root: Path, key: Secret | None = None, *, create: bool = False) -> Sealer | None:
    """The project's sealer: from *key* (`key:` of erpoa.yml: 32 bytes as hex or base64), else `.erpoa/key`.

    None when there is no key at all and *create* is off. Refused (E0513): a key file others can read, a key
    that is not 32 bytes."""
    raise NotImplementedError
