"""The plan file (`*.erpoaplan`): written once, verified whole before anything in it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from erpoa_cli.core.plan import GuardVerdict, Header, Read
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer

MEMBERS = ("changes", "state", "held", "withheld", "drift", "conflicts")


def write_plan(
    path: Path,
    header: Header,
    *,
    inputs: Mapping[str, Any],
    reads: Sequence[Read],
    targets: Mapping[str, Mapping[str, Any]],
    guards: Sequence[GuardVerdict],
    layouts: Mapping[str, Layout],
    tables: Mapping[tuple[str, str], pa.Table | pa.RecordBatchReader],
    sealer: Sealer | None = None,
) -> Header:
    """Write a plan file atomically (mode 0600) and return its header with `members` and `manifest_digest`.

    *inputs*: `{"files": {path: sha256}, "variables": [names], "secrets": [names]}`; *targets*: target → {"system",
    "identity", …}; *tables*: (member, target) → rows with the columns of `layouts[target].plan_schema()` in
    any order (columns that are missing become NULL; values of sealed fields come unsealed). Empty tables are
    left out. The sealer is needed when a layout has sealed fields."""
    raise NotImplementedError


class PlanFile:
    """A verified plan file."""

    header: Header
    inputs: Mapping[str, Any]
    reads: tuple[Read, ...]
    targets: Mapping[str, Mapping[str, Any]]
    guards: tuple[GuardVerdict, ...]

    @staticmethod
    def open(path: Path) -> PlanFile:
        """Read and verify the whole file. Refused: not a plan file (E0501, exit 3), altered or damaged (E0502,
        exit 6), made by a newer format (E0503, exit 3), over the limits of size (E0504, exit 3)."""
        raise NotImplementedError

    def members(self, member: str) -> tuple[str, ...]:
        """Targets that have rows in *member*, sorted."""
        raise NotImplementedError

    def layout(self, target: str) -> Layout: ...

    def table(self, member: str, target: str, sealer: Sealer | None = None) -> pa.Table:
        """Rows of a member, sorted by ordinal, shaped as `layout.plan_schema(sealed=sealer is None)`: values of
        sealed fields are opened only with a sealer. A target without rows gives an empty table if the plan
        knows its layout (from another member)."""
        raise NotImplementedError
