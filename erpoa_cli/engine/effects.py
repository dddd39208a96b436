"""The effects digest of a plan: what would be written, independent of machine, zone, locale and row order."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer


def effects_digest(
    changes: Mapping[str, tuple[Layout, pa.Table]], identities: Mapping[str, str], sealer: Sealer | None = None
) -> str:
    """SHA-256 (hex) over the effects: *changes* maps targets to their rows (`plan_schema`, sealed values opened),
    *identities* targets to the identity of their system."""
    raise NotImplementedError


def desired_digests(layout: Layout, rows: pa.Table, sealer: Sealer | None = None) -> list[str]:
    """SHA-256 (hex) of what each row wants (key, `d_` and `p_` columns): tells whether a rejected row is still
    the same. *rows* needs those columns only."""
    raise NotImplementedError
