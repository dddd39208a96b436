"""Who acts on a project, and from where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """A user in a process. `name` is what locks, runs and the audit trail record; `machine` tells the process numbers of
    here from those of elsewhere, which `host` does not."""

    name: str
    host: str
    machine: str
    pid: int
