"""Columns of fields and columns of ours cannot be called the same, whatever fields are called."""

from __future__ import annotations

from erpoa_cli.core import columns
from erpoa_cli.core.columns import Columns
from erpoa_cli.core.schema import STRING
from erpoa_cli.state.layout import FieldLayout, Layout

KINDS = [kind for kind in vars(columns).values() if isinstance(kind, Columns) and kind.prefix]
"""Those that stand beside others: a relation alone (`PLAIN`) has no columns of ours."""


def test_no_kind_of_column_begins_like_another() -> None:
    prefixes = [kind.prefix for kind in KINDS]
    assert len(prefixes) > 10
    assert not [(a, b) for a in prefixes for b in prefixes if a is not b and b.startswith(a)]


def test_no_column_of_ours_at_rest_begins_like_one_of_a_field() -> None:
    field = FieldLayout(STRING, pending=True)
    layout = Layout(
        target="t", system="s", object="o", key={"x": STRING}, id={"x": STRING}, fields={"x": field}
    )
    for schema in (layout.plan_schema(), layout.base_schema()):
        ours = [n for n in schema.names if n not in {kind("x") for kind in KINDS}]
        assert "generation" in ours
        assert not [n for n in ours for kind in KINDS if kind.has(n)]
