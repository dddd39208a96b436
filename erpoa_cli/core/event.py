"""What happens while a command works: small values for whoever shows progress or keeps a log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    task: str  # e.g. "read erp_suppliers"
    system: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Progressed:
    task: str
    rows: int


@dataclass(frozen=True, slots=True)
class Finished:
    task: str
    rows: int
    note: str = ""


Event = Started | Progressed | Finished
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener of someone who does not want to know."""
