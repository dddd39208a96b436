"""Reading the state of one environment: what planning gets. No method here writes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from erpoa_cli.core.plan import Read
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.records import AuditRecord, Batch, Doubt, Holder, Protection, Rejection, Run
from erpoa_cli.state.seal import Sealer


class StateReader:
    """The state of one environment at one moment; a store that does not exist yet reads as empty.

    Everything is seen as of the opening; reading neither creates nor locks anything.
    """

    def __init__(self, root: Path, environment: str) -> None:
        self.root = root
        self.environment = environment

    @property
    def lineage(self) -> str:
        """Identity of this environment's state; empty before the first apply."""
        raise NotImplementedError

    @property
    def serial(self) -> int:
        """Grows by one with every closed run and every edit of the state; 0 before the first."""
        raise NotImplementedError

    def base(self, layout: Layout, sealer: Sealer | None = None) -> pa.RecordBatchReader:
        """The managed rows of a target, shaped as `layout.base_schema()`, sealed values opened.

        The last image plus whatever runs have done since. A field the image does not have is NULL and not
        in `known`; likewise one whose stored values do not fit the type declared now."""
        raise NotImplementedError

    def generations(self, layout: Layout) -> pa.Table:
        """Keys that were deleted or forgotten (`k_…`, `generation`): created anew they get `generation` + 1.
        A key that is neither here nor in the base gets generation 1."""
        raise NotImplementedError

    def targets(self) -> Mapping[str, Layout]:
        """Targets that have a base, with the layout of their last image."""
        raise NotImplementedError

    def runs(self, limit: int | None = None) -> list[Run]:
        """Latest first."""
        raise NotImplementedError

    def run(self, run: str) -> Run | None: ...

    def batches(self, run: str, sealer: Sealer | None = None) -> Iterator[Batch]:
        """The journal of a run in the order of intents, sealed values opened when a sealer is given."""
        raise NotImplementedError

    def plan(self, run: str) -> PlanFile:
        """The archived plan that a run executed."""
        raise NotImplementedError

    def consumed_by(self, plan: str) -> Run | None:
        """The run that applied the plan with this id."""
        raise NotImplementedError

    def rejected(self, target: str | None = None) -> list[Rejection]:
        raise NotImplementedError

    def in_doubt(self, target: str | None = None) -> list[Doubt]:
        raise NotImplementedError

    def protected(self, target: str | None = None) -> list[Protection]:
        raise NotImplementedError

    def bookmarks(self) -> Mapping[str, str]:
        """Source → watermark (canonical text) up to which applied plans have read."""
        raise NotImplementedError

    def reads(self) -> Mapping[str, Read]:
        """Relation → its read in the last applied plan that used it (row counts for `max_drop`)."""
        raise NotImplementedError

    def inputs(self) -> Mapping[str, str]:
        """Project file → SHA-256, of the last applied plan (tells cause `project` from `data`)."""
        raise NotImplementedError

    def lock_holder(self) -> Holder | None:
        raise NotImplementedError

    def audit(self) -> Iterator[AuditRecord]:
        raise NotImplementedError

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
