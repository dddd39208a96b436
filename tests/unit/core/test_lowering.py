"""Lines become targets of what is declared, without a file."""

from __future__ import annotations

from erpoa_cli.core.diagnostic import Diagnostic, Location
from erpoa_cli.core.lowering.lines import DeclaredLines, lower_lines
from erpoa_cli.core.lowering.match import DeclaredMatch, lower_match
from erpoa_cli.core.lowering.named import Named
from erpoa_cli.core.target import Column, OnLineProblem, OnSourceGone, Reference, Target, TargetField

HERE = Location("targets/orders.yml", 3, 5)
THERE = Location("targets/orders.yml", 9, 7)

ORDERS = Target(
    name="orders",
    from_="erp_orders",
    system="oa",
    object="requisition",
    key=("no",),
    fields=(TargetField("no", Column("no"), HERE),),
    at=HERE,
    match=(("no",),),
    filter={"kind": "PR"},
    contract="order",
)


def column(name: str, **more: object) -> TargetField:
    return TargetField(name, Column(name), THERE, **more)  # type: ignore[arg-type]


def lines(*fields: TargetField, key: str = "line_no", **more: object) -> DeclaredLines:
    match = DeclaredMatch((Named(key, THERE),))
    return DeclaredLines(name="lines", at=HERE, column="lines", fields=fields, match=match, **more)  # type: ignore[arg-type]


def told(findings: list[Diagnostic]) -> list[tuple[str, Location | None]]:
    return [(found.code, found.at) for found in findings]


def test_lines_of_an_object_of_their_own_point_to_their_document():
    parent = Named("order_no", THERE)
    made, findings = lower_lines(ORDERS, lines(column("line_no"), object="requisition_line", parent=parent))
    assert findings == []
    assert (made.name, made.object, made.key) == ("orders.lines", "requisition_line", ("no", "line_no"))
    assert made.fields[0] == TargetField("order_no", Reference("orders", ("no",)), THERE)
    assert made.match == (("order_no", "line_no"),)
    assert (made.filter, made.contract, made.on_source_gone) == ({}, "", OnSourceGone.DELETE)
    assert made.lines is not None
    assert (made.lines.link, made.lines.within, made.embedded) == ("order_no", "", False)


def test_lines_inside_their_document_are_a_field_of_it():
    declared = lines(column("line_no"), id=("id",), on_problem=OnLineProblem.HOLD_LINE)
    made, findings = lower_lines(ORDERS, declared)
    assert findings == []
    assert (made.object, made.id, made.embedded) == ("requisition.lines", ("document", "id"), True)
    assert made.lines is not None
    assert made.lines.on_problem is OnLineProblem.HOLD_LINE


def test_what_does_not_fit_is_told_where_it_is_written():
    at = Location("targets/orders.yml", 12, 9)
    declared = lines(column("no"), column("document", zone="Asia/Shanghai"), key="no", options_at=at)
    _, findings = lower_lines(ORDERS, declared)
    assert told(findings) == [("E0131", THERE), ("E0115", at), ("E0115", THERE), ("E0123", HERE)]


def test_a_key_that_no_field_carries_and_a_field_that_is_none():
    key = DeclaredMatch((Named("no", HERE), Named("line_no", THERE)))
    assert told(lower_match("t", key, ("no", "line_no"), ORDERS.fields)[1]) == [("E0124", THERE)]
    written = DeclaredMatch(key.key, ((Named("no", HERE),), (Named("nr", THERE),)))
    match, findings = lower_match("t", written, ("no",), ORDERS.fields)
    assert (match, told(findings)) == ((("no",), ("nr",)), [("E0125", THERE)])
    assert "`no`" in findings[0].remedy
