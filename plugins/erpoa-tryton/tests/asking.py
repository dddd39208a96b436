"""Short ways to ask a Tryton session in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from erpoa_tryton.session import TrytonSession

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import INTEGER, STRING
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.conformance.writer import Writer, read
from erpoa_cli.sdk.connector import WriteBatch

PARTY = {"id": "integer", "code": "string", "name": "string", "active": "boolean"}


def parties(session: TrytonSession) -> Writer:
    return Writer(session, "party.party", **PARTY)


def named(prefix: str, count: int) -> list[dict[str, Any]]:
    return [{"code": f"{prefix}{at}", "name": f"华鑫 {at} “'\\%"} for at in range(count)]


def by_code(session: TrytonSession, prefix: str) -> dict[str, dict[str, Any]]:
    """The parties whose code begins with *prefix*."""
    rows, verdict = read(session, "party.party", **PARTY)
    assert verdict.status is ReadStatus.COMPLETE, verdict
    return {row["code"]: row for row in rows if row["code"].startswith(prefix)}


def pressed(
    session: TrytonSession, model: str, call: str, ids: Sequence[int], state: str
) -> list[dict[str, Any]]:
    """Press the button *call* of the rows *ids*, which are to be in *state*."""
    rows = pa.RecordBatch.from_pydict(
        {
            "ordinal": pa.array(range(len(ids)), pa.int64()),
            "id.id": pa.array(ids, pa.int64()),
            "was.state": pa.array([state] * len(ids)),
        }
    )
    batch = WriteBatch(
        object=model, action=Action.MOVE, rows=rows, run="run", number=1, effects_digest="sha256:0",
        id=("id",), types={"id": INTEGER, "state": STRING}, call=call,
    )  # fmt: skip
    return [row for answer in session.move(batch) for row in answer.to_pylist()]
