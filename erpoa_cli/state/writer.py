"""Writing the state of one environment. A `StateWriter` is a held lock: who has one may write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from erpoa_cli.core.project import Project
from erpoa_cli.state.journal import Journal
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.reader import StateReader
from erpoa_cli.state.seal import Sealer


class StateWriter(StateReader):
    """Reads like a `StateReader` (the present, not the moment of opening) and writes under the lock.

    Every write checks the fencing number of the lock: a writer that lost its lock (it slept too long and
    another took over) is refused with E0520, exit 7.
    """

    def open_run(self, plan: PlanFile, sealer: Sealer | None = None) -> Journal:
        """Archive the plan, mark it consumed and open its run, in one transaction.

        Refused with exit 6: a plan applied before (E0510); made from another state (E0511); a state that
        moved on since and touched rows of the plan (E0512)."""
        raise NotImplementedError

    def resume(self, run: str, sealer: Sealer | None = None) -> Journal:
        """The journal of a run that was not finished, or that has rows in doubt."""
        raise NotImplementedError

    def protect(self, target: str, key: str, reason: str = "") -> None: ...

    def unprotect(self, target: str, key: str) -> bool:
        raise NotImplementedError

    def retry(self, target: str | None = None) -> int:
        """Forget recorded rejections, so that the next plan includes those rows; how many."""
        raise NotImplementedError

    def forget(self, target: str, key: str) -> bool:
        """Remove a row from the base (it stays in their system); whether it was there."""
        raise NotImplementedError

    def adopt(self, target: str, key: str, id: Mapping[str, str]) -> None:
        """Link a key (JSON) to their row's own id (canonical texts); no field has a base yet."""
        raise NotImplementedError

    def rekey(self, target: str, old: str, new: str) -> bool:
        """Give a managed row another key (JSON texts); whether the old one was there."""
        raise NotImplementedError

    def record_audit(self, event: str, *, plan: str = "", run: str = "", detail: str = "{}") -> None: ...
