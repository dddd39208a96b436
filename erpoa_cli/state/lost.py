"""A local control store that is gone while what belongs to it is still there."""

from __future__ import annotations

from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state import place
from erpoa_cli.state.control import Control
from erpoa_cli.state.durable import file_name


def refuse_lost(root: Path, environment: str, url: place.URL, control: Control) -> None:
    """Failure E0512 when *control*, a local store, does not know *environment*, and base images of it are there: before the
    first of them is written the store knows it. Of a shared store they are copies."""
    if place.is_shared(url):
        return
    if control.row("SELECT serial FROM environments WHERE environment = ?", environment):
        return
    base = Path(".erpoa") / "base" / file_name(environment)
    if next((root / base).glob("*/*.parquet"), None) is None:
        return
    raise Failure(
        Diagnostic(
            "E0512",
            f"{place.STORE.as_posix()} is not there, or knows nothing of {environment!r}, while {base.as_posix()} holds what was applied",
            detail="Without it every row would be met as for the first time, and runs, protections and the audit trail are lost.",
            remedy=f"bring it back, or run `erpoa state restore FILE` with a backup; to begin anew, move {base.as_posix()} "
            "and .erpoa/archive away",
        ),
    )
