"""Order, circles, waves and the selection grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.core.diagnostic import Failure, Location
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.graph import Graph
from erpoa_cli.core.project import Project, Seed, Source, Transform
from erpoa_cli.core.target import Column, Lines, Reference, Result, Target, TargetField


def source(name: str, system: str = "erp", tags: tuple[str, ...] = ()) -> Source:
    at = Location(f"sources/{name}.yml", 1, 1)
    return Source(
        name=name, system=system, key=("id",), fields=(), at=at, object=name, tags=tags, owner="a@x"
    )


def transform(name: str, *, sources: tuple[str, ...] = (), refs: tuple[str, ...] = ()) -> Transform:
    file = f"transforms/{name}.sql"
    return Transform(
        name=name,
        file=file,
        sql="",
        sources=sources,
        refs=refs,
        actuals=(),
        at=Location(file, 1, 1),
        owner="b@x",
    )


def target(name: str, from_: str, *values: Reference | Result, **more: object) -> Target:
    at = Location(f"targets/{name}.yml", 1, 1)
    fields = tuple(TargetField(f"f{n}", value, at) for n, value in enumerate((Column("id"), *values)))
    return Target(
        name=name,
        from_=from_,
        system="oa",
        object=name,
        key=("id",),
        fields=fields,
        at=at,
        **more,  # type: ignore[arg-type]
    )


def project(*parts: Source | Seed | Transform | Target) -> Project:
    def of(kind: type) -> dict:
        return {part.name: part for part in parts if isinstance(part, kind)}

    return Project(
        name="p",
        root="/",
        environment="dev",
        sources=of(Source),
        seeds=of(Seed),
        transforms=of(Transform),
        targets=of(Target),
    )


def ref(name: str, *, defer: bool = False) -> Reference:
    return Reference(name, ("id",), defer=defer)


COMPANY = project(
    source("erp_people", tags=("hr", "daily")),
    source("erp_departments", tags=("hr",)),
    source("oa_forms", system="oa"),
    Seed(name="units", file="seeds/units.csv", fields=(), at=Location("seeds/units.csv", 1, 1)),
    transform("people", sources=("erp_people",)),
    transform("orders", sources=("oa_forms",), refs=("people", "units")),
    target("oa_departments", "erp_departments", ref("oa_departments"), ref("oa_people", defer=True)),
    target("oa_people", "people", ref("oa_departments"), tags=("master",)),
    target("erp_orders", "orders", owner="buyer@x"),
    target("erp_orders.lines", "orders", ref("erp_orders"), lines=Lines("erp_orders", "lines", "order")),
    target("oa_numbers", "orders", Result("erp_orders", "number", ("id",))),
)
GRAPH = Graph(COMPANY)


def names(*expressions: str, exclude: str = "") -> set[str]:
    return {GRAPH.nodes[i].name for i in GRAPH.select(expressions, exclude)}


def test_order_has_everything_after_what_it_needs():
    order = GRAPH.order()
    assert sorted(order) == sorted(GRAPH.nodes)
    for node, parents in GRAPH.parents.items():
        deferred = {"target:oa_people"} if node == "target:oa_departments" else set()
        assert all(order.index(parent) < order.index(node) for parent in set(parents) - deferred)


def test_waves():
    assert GRAPH.waves() == (
        ("oa_departments", "erp_orders"),
        ("oa_people", "erp_orders.lines", "oa_numbers"),
    )
    assert GRAPH.cycles == ()


def test_a_tree_and_a_deferred_ref_are_no_circles_but_a_plain_one_is():
    circle = Graph(
        project(
            source("s"), target("a", "s", ref("b")), target("b", "s", ref("c")), target("c", "s", ref("a"))
        )
    )
    assert circle.cycles == (("target:a", "target:c", "target:b"),)
    assert len(circle.order()) == 4
    mended = Graph(project(source("s"), target("a", "s", ref("b", defer=True)), target("b", "s", ref("a"))))
    assert mended.cycles == ()


def test_circles_of_models():
    graph = Graph(
        project(transform("a", refs=("b",)), transform("b", refs=("a",)), transform("c", refs=("c",)))
    )
    assert graph.cycles == (("transform:a", "transform:b"), ("transform:c",))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("people", "people"),
        ("+people", "erp_people people"),
        ("people+", "people orders oa_people oa_departments erp_orders erp_orders.lines oa_numbers"),
        ("people+1", "people orders oa_people"),
        ("1+orders", "orders people units oa_forms"),
        ("2+orders", "orders people units oa_forms erp_people"),
        ("+people+1", "erp_people people orders oa_people"),
        ("oa_*", "oa_forms oa_departments oa_people oa_numbers"),
        ("erp_orders*", "erp_orders erp_orders.lines"),
        ("erp_orders.lines", "erp_orders.lines"),
        ("people units", "people units"),
        ("tag:hr,tag:daily", "erp_people"),
        ("tag:hr, tag:daily", "erp_people"),
        ("tag:master tag:daily", "oa_people erp_people"),
        ("tag:none", ""),
        ("kind:target,oa_*", "oa_departments oa_people oa_numbers"),
        ("target:oa_people", "oa_people"),
        ("+target:oa_people,kind:source", "erp_people erp_departments"),
        ("system:oa,kind:source", "oa_forms"),
        ("owner:buyer@x", "erp_orders"),
        ("owner:b@*", "people orders"),
        ("path:seeds", "units"),
        ("path:transforms/", "people orders"),
        ("path:./targets/oa_*.yml", "oa_departments oa_people oa_numbers"),
    ],
)
def test_selection(expression: str, expected: str):
    assert names(expression) == set(expected.split())


def test_nothing_said_selects_everything_and_exclude_takes_away():
    assert names() == {node.name for node in GRAPH.nodes.values()}
    assert names("kind:target", exclude="erp_orders+ tag:master") == {"oa_departments"}
    assert names("people", "units") == {"people", "units"}


def test_sets_of_earlier_runs_come_from_the_caller():
    given_sets = {"state:modified": ["transform:people", "target:gone"]}
    assert GRAPH.select("state:modified", given=given_sets) == {"transform:people"}
    assert {GRAPH.nodes[i].name for i in GRAPH.select("1+state:modified", given=given_sets)} == {
        "people",
        "erp_people",
    }
    with pytest.raises(Failure) as caught:
        GRAPH.select("state:new")
    assert caught.value.diagnostics[0].code == "E0150"


@pytest.mark.parametrize(
    ("expression", "code", "remedy"),
    [
        ("poeple", "E0151", "`people`"),
        ("People", "E0151", "`people`"),
        ("tags:hr", "E0150", "`tag:`"),
        ("kind:table", "E0150", "There are"),
        ("+", "E0150", "NAME"),
        ("a,,b", "E0151", ""),
        ("people,", "E0150", "NAME"),
        ("target:people", "E0151", "oa_people"),
        ("state:new", "E0150", "earlier runs"),
    ],
)
def test_what_cannot_be_selected(expression: str, code: str, remedy: str):
    with pytest.raises(Failure) as caught:
        GRAPH.select(expression)
    assert caught.value.kind is FailureKind.INVALID
    assert caught.value.diagnostics[0].code == code
    assert remedy in caught.value.diagnostics[0].remedy


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_order_and_circles_agree(edges: list[tuple[int, int]]):
    parts = [transform(f"t{n}", refs=tuple(f"t{b}" for a, b in edges if a == n)) for n in range(8)]
    graph = Graph(project(*parts))
    order = graph.order()
    kept = all(order.index(p) < order.index(n) for n, parents in graph.parents.items() for p in parents)
    assert kept == (not graph.cycles)
    for circle in graph.cycles:
        for here, following in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert here in graph.parents[following]
