"""How a twin is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from erpoa_twin.faults import Rule

CREATE_SAFETIES = ("key", "lookup", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`port` 0: any free one. `data`: a SQLite file, or memory. `create_safety`: `key` honours `Idempotency-Key` and keeps
    references unique, `lookup` keeps them unique only, `none` does neither. `token_lasts`: seconds of the twin's clock.
    `certificate` and `private_key`: PEM files for TLS."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    faults: Mapping[str, Rule] = field(default_factory=dict)
    data: Path | None = None
    create_safety: str = "key"
    client_id: str = "twin"
    client_secret: str = field(default="twin-secret", repr=False)
    token_lasts: int = 3600
    certificate: Path | None = None
    private_key: Path | None = None

    def __post_init__(self) -> None:
        if self.create_safety not in CREATE_SAFETIES:
            raise ValueError(
                f"create_safety is one of {', '.join(CREATE_SAFETIES)}, not {self.create_safety!r}"
            )
        if self.private_key and not self.certificate:
            raise ValueError("a private key needs its certificate")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"a port is 0 to 65535, not {self.port}")
