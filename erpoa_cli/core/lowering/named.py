"""A name and where it is written."""

from __future__ import annotations

from dataclasses import dataclass

from erpoa_cli.core.diagnostic import Location


@dataclass(frozen=True, slots=True)
class Named:
    text: str
    at: Location
