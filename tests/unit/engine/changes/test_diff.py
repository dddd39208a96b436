"""References, results, trees, lines and waves: several targets compared together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.reconcile.desired import Feed
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.recognise import remembered
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.schema import INTEGER, STRING, Field, Kind, Type
from erpoa_cli.core.target import (
    Column,
    Lines,
    OnSourceGone,
    Reference,
    Result,
    Target,
    TargetField,
    Value,
)
from erpoa_cli.engine.changes.diff import Differ, Task
from erpoa_cli.engine.staging import Staging

AT = Location("t.yml", 1, 1)


def make(name: str, fields: dict[str, Value], *, key: tuple[str, ...] = ("code",), **more: Any) -> Shape:
    """A target whose columns are text, but for references, which are integers."""
    typed = tuple(
        TargetField(n, v, AT, type=INTEGER if isinstance(v, Reference) else STRING) for n, v in fields.items()
    )
    more.setdefault("on_source_gone", OnSourceGone.DELETE)
    document = more.pop("document", 0)
    target = Target(name=name, from_=name, system="oa", object=name, key=key, fields=typed, at=AT, **more)
    return Shape(
        target=target, key=dict.fromkeys(key, STRING), id={"id": INTEGER}, extras={}, document=document
    )


class Area:
    """A staging area with targets whose relations are given as rows."""

    def __init__(self, staging: Staging) -> None:
        self.staging = staging
        self.tasks: list[Task] = []

    def table(self, place: str, columns: dict[str, str], rows: list[tuple[Any, ...]]) -> None:
        self.staging.execute(
            f"CREATE OR REPLACE TABLE {place} ({', '.join(f'{n} {t}' for n, t in columns.items())})"
        )
        for row in rows:
            self.staging.execute(f"INSERT INTO {place} VALUES ({', '.join('?' for _ in row)})", row)

    def add(
        self,
        shape: Shape,
        source: list[tuple[Any, ...]],
        columns: dict[str, str],
        actual: list[tuple[Any, ...]] = [],  # noqa: B006 - never changed
        base: list[tuple[Any, ...]] = [],  # noqa: B006 - never changed
        feed: Feed | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        """*actual*: id, then fields; *base*: key…, id (agreed and seen are what actual has)."""
        name = shape.name
        types = {n: t.duckdb for n, t in shape.columns.items()}
        if feed is None:
            self.table(f'source."{name}"', columns, source)
        returns = dict.fromkeys(shape.target.returns, "VARCHAR")
        theirs = {f"a_{field}": type_ for field, type_ in {"id": "BIGINT", **types, **returns}.items()}
        self.table(f'theirs."{name}"', theirs, actual)
        keys = {f"k_{k}": "VARCHAR" for k in shape.key}
        self.table(f'base."{name}"', {**keys, "id_id": "BIGINT"}, base)
        images = ", ".join(f"a.a_{n} AS agreed_{n}, a.a_{n} AS seen_{n}" for n in types)
        known = ", ".join(f"'{n}'" for n in sorted(types))
        self.staging.execute(
            f'CREATE OR REPLACE TABLE base."{name}/rows" AS SELECT b.*, b.rowid AS row_b, 1::BIGINT AS generation, '
            f'[{known}] AS known, {images} FROM base."{name}" b LEFT JOIN theirs."{name}" a ON a.a_id = b.id_id'
        )
        self.staging.make("base", name, self.staging.reader(f'FROM base."{name}/rows"'), remembered(shape))
        self.table(f'diff."{name}/gone"', {**keys, "generation": "BIGINT"}, [])
        fed = feed or Feed(schema="source", name=name, columns=())
        self.tasks.append(Task(shape=shape, feed=fed, evidence=evidence or Evidence()))

    def run(self) -> Differ:
        staging = self.staging
        differ = Differ(
            self.tasks, staging.execute, staging.scalar,
            rows=staging.sql, make=staging.make, recall=lambda _: None, compact=staging.compact,
        )  # fmt: skip
        differ.run()
        return differ

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        """Rows by key values; second steps as `KEY#2`."""
        found = self.staging.sql(f'SELECT * FROM diff."{name}" ORDER BY ordinal').to_pylist()
        shape = next(t.shape for t in self.tasks if t.name == name)
        return {
            ",".join(str(r[f"k_{k}"]) for k in shape.key) + ("#2" if r["step"] == 2 else ""): r for r in found
        }


@pytest.fixture
def area() -> Iterator[Area]:
    with Staging(None, as_of=datetime(2026, 1, 1, tzinfo=UTC)) as staging:
        yield Area(staging)


DEPARTMENTS = make("departments", {"code": Column("code"), "name": Column("name")})
TEXT = {"code": "VARCHAR", "name": "VARCHAR"}


def users(**reference: Any) -> Shape:
    return make("users", {"code": Column("code"), "dept": Reference("departments", ("dept",), **reference)})


def test_a_reference_is_the_id_that_exists_or_waits_for_the_row_that_is_created(area: Area):
    area.add(
        DEPARTMENTS, [("001", "财务"), ("新", "新")], TEXT, actual=[(7, "001", "财务")], base=[("001", 7)]
    )
    area.add(
        users(),
        [("a", "001"), ("b", "新"), ("c", None), ("d", "没有")],
        {"code": "VARCHAR", "dept": "VARCHAR"},
    )
    area.run()
    found = area.rows("users")
    assert found["a"]["d_dept"] == 7
    assert (found["b"]["d_dept"], found["b"]["p_dept"]) == (
        None,
        '["departments","{\\"code\\":\\"新\\"}",""]',
    )
    assert found["b"]["wave"] > area.rows("departments")["新"]["wave"] == 1
    assert (found["c"]["action"], found["c"]["d_dept"], found["c"]["p_dept"]) == ("create", None, None)
    assert (found["d"]["kind"], found["d"]["code"]) == ("held", "E0405")
    assert "没有" in found["d"]["reason"]


def test_null_and_missing_references_do_what_they_are_told(area: Area):
    area.add(DEPARTMENTS, [("001", "x")], TEXT)
    area.add(
        users(when_null="hold", missing="null"),
        [("c", None), ("d", "?")],
        {"code": "VARCHAR", "dept": "VARCHAR"},
    )
    area.run()
    found = area.rows("users")
    assert (found["c"]["kind"], found["c"]["code"]) == ("held", "E0406")
    assert (found["d"]["action"], found["d"]["d_dept"]) == ("create", None)


def test_a_row_that_waits_for_a_held_row_is_held_too(area: Area):
    area.add(DEPARTMENTS, [("001", "x"), ("001", "y")], TEXT)
    area.add(users(), [("a", "001")], {"code": "VARCHAR", "dept": "VARCHAR"})
    area.run()
    assert area.rows("departments")["001"]["code"] == "E0402"
    assert (area.rows("users")["a"]["kind"], area.rows("users")["a"]["code"]) == ("held", "E0409")


TREE = make("tree", {"code": Column("code"), "parent": Reference("tree", ("parent",))})
TREE_COLUMNS = {"code": "VARCHAR", "parent": "VARCHAR"}


def test_parents_before_children_and_circles_held(area: Area):
    area.add(TREE, [("c", "b"), ("b", "a"), ("a", None), ("x", "y"), ("y", "x"), ("z", "x")], TREE_COLUMNS)
    area.run()
    found = area.rows("tree")
    assert [found[k]["wave"] for k in "abc"] == [1, 2, 3]
    assert {k: found[k]["code"] for k in "xy"} == {"x": "E0411", "y": "E0411"}
    assert found["z"]["kind"] == "held"


def test_children_are_removed_before_their_parents(area: Area):
    area.add(
        TREE, [("k", None)], TREE_COLUMNS,
        actual=[(1, "a", None), (2, "b", 1), (3, "c", 2), (4, "k", None)],
        base=[("a", 1), ("b", 2), ("c", 3), ("k", 4)],
    )  # fmt: skip
    area.run()
    found = area.rows("tree")
    assert {k: r["action"] for k, r in found.items()} == dict.fromkeys("abc", "delete")
    assert found["c"]["wave"] < found["b"]["wave"] < found["a"]["wave"]


def test_a_deferred_reference_is_a_second_step_after_all_creates(area: Area):
    departments = make(
        "departments", {"code": Column("code"), "head": Reference("users", ("head",), defer=True)}
    )
    area.add(departments, [("D", "u"), ("E", None), ("F", "?")], {"code": "VARCHAR", "head": "VARCHAR"})
    area.add(users(), [("u", "D")], {"code": "VARCHAR", "dept": "VARCHAR"})
    area.run()
    found = area.rows("departments")
    assert found["D"]["fields"] == ["code"]
    assert (found["D#2"]["action"], found["D#2"]["fields"]) == ("update", ["head"])
    assert found["D#2"]["wave"] > area.rows("users")["u"]["wave"] > found["D"]["wave"]
    assert "E#2" not in found
    assert found["E"]["fields"] == ["code", "head"]
    assert found["F"]["kind"] == "held"


def test_a_result_is_what_the_row_holds_now_or_comes_after_its_wave(area: Area):
    orders = make("orders", {"code": Column("code")}, returns=("number",))
    numbers = make("numbers", {"code": Column("code"), "no": Result("orders", "number", ("code",))})
    area.add(orders, [("1",), ("2",)], {"code": "VARCHAR"}, actual=[(5, "1", "PO-5")], base=[("1", 5)])
    area.add(
        numbers,
        [("1",), ("2",), ("3",)],
        {"code": "VARCHAR"},
        actual=[(1, "1", None), (2, "2", None), (3, "3", None)],
    )
    area.run()
    found = area.rows("numbers")
    assert (found["1"]["d_no"], found["1"]["fields"]) == ("PO-5", ["no"])
    assert (found["2"]["d_no"], found["2"]["p_no"]) == (None, '["orders","{\\"code\\":\\"2\\"}","number"]')
    assert found["2"]["wave"] > area.rows("orders")["2"]["wave"]
    assert found["3"]["action"] == "adopt"


def test_several_results_are_joined_in_key_order_and_wait_while_one_is_missing(area: Area):
    orders = make(
        "orders", {"code": Column("code"), "part": Column("part")}, key=("code", "part"), returns=("number",)
    )
    numbers = make(
        "numbers",
        {
            "code": Column("code"),
            "no": Result("orders", "number", ("code",), join="、", text="采购订单 {value}"),
        },
    )
    area.add(
        orders, [("1", "b"), ("1", "a"), ("2", "a"), ("2", "b")], {"code": "VARCHAR", "part": "VARCHAR"},
        actual=[(1, "1", "b", "PO-B"), (2, "1", "a", "PO-A"), (3, "2", "a", "PO-C")],
        base=[("1", "b", 1), ("1", "a", 2), ("2", "a", 3)],
    )  # fmt: skip
    area.add(
        numbers,
        [("1",), ("2",)],
        {"code": "VARCHAR"},
        actual=[(1, "1", None), (2, "2", "old")],
        base=[("2", 2)],
    )
    area.run()
    found = area.rows("numbers")
    assert found["1"]["d_no"] == "采购订单 PO-A、PO-B"
    assert "2" not in found  # the old text stays until all numbers are known


def test_an_unread_target_gives_no_empty_results(area: Area):
    orders = make("orders", {"code": Column("code")}, returns=("number",))
    numbers = make("numbers", {"code": Column("code"), "no": Result("orders", "number", ("code",))})
    area.add(orders, [("1",)], {"code": "VARCHAR"}, evidence=Evidence(actual="a page was lost"))
    area.add(numbers, [("9",)], {"code": "VARCHAR"}, actual=[(1, "9", "PO-1")], base=[("9", 1)])
    area.run()
    assert area.rows("orders")["1"]["code"] == "E0421"
    assert area.rows("numbers") == {}


LINE = Type(Kind.STRUCT, members=(("no", STRING), ("item", STRING)))
LINES = Feed(
    schema="source", name="docs",
    columns=(Field("code", STRING), Field("lines", Type(Kind.LIST, item=LINE))),
)  # fmt: skip


def documents(
    area: Area,
    docs: list[tuple[str, str]],
    *,
    actual=(),
    base=(),
    line_actual=(),
    line_base=(),
    **manner: Any,
) -> None:
    area.staging.execute(
        "CREATE OR REPLACE TABLE source.docs (code VARCHAR, lines STRUCT(no VARCHAR, item VARCHAR)[])"
    )
    for code, lines in docs:
        area.staging.execute(f"INSERT INTO source.docs VALUES ('{code}', {lines})")
    parent = make("docs", {"code": Column("code")})
    child = make(
        "docs.lines", {"doc_id": Reference("docs", ("code",)), "no": Column("no"), "item": Column("item")},
        key=("code", "no"), lines=Lines("docs", "lines", "doc_id"), document=1, match=(("doc_id", "no"),), **manner,
    )  # fmt: skip
    area.add(parent, [], {}, list(actual), list(base), feed=replace(LINES))
    area.add(child, [], {}, list(line_actual), list(line_base), feed=replace(LINES))
    area.run()


def test_a_document_is_created_before_its_lines(area: Area):
    documents(
        area, [("A", "[{'no': '1', 'item': 'x'}, {'no': '2', 'item': 'y'}]"), ("B", "[]"), ("C", "NULL")]
    )
    assert list(area.rows("docs")) == ["A", "B", "C"]
    lines = area.rows("docs.lines")
    assert list(lines) == ["A,1", "A,2"]
    assert lines["A,1"]["p_doc_id"] == '["docs","{\\"code\\":\\"A\\"}",""]'
    assert lines["A,1"]["wave"] == 2


def test_a_bad_line_holds_its_document_and_the_other_lines(area: Area):
    documents(
        area,
        [("A", "[{'no': '1', 'item': 'x'}, {'no': NULL, 'item': 'y'}]"), ("B", "[{'no': '1', 'item': 'z'}]")],
    )
    assert area.rows("docs")["A"]["code"] == "E0412"
    assert {r["kind"] for k, r in area.rows("docs.lines").items() if k.startswith("A")} == {"held"}
    assert area.rows("docs")["B"]["action"] == area.rows("docs.lines")["B,1"]["action"] == "create"


def test_lines_go_with_their_document_and_alone_only_while_it_stays(area: Area):
    documents(
        area, [("A", "[{'no': '1', 'item': 'x'}]")],
        actual=[(1, "A"), (2, "B")], base=[("A", 1), ("B", 2)],
        line_actual=[(11, 1, "1", "x"), (12, 1, "2", "old"), (21, 2, "1", "z")],
        line_base=[("A", "1", 11), ("A", "2", 12), ("B", "1", 21)],
    )  # fmt: skip
    lines, docs = area.rows("docs.lines"), area.rows("docs")
    assert {k: r["action"] for k, r in lines.items()} == {"A,2": "delete", "B,1": "delete"}
    assert docs["B"]["action"] == "delete"
    assert lines["B,1"]["wave"] < docs["B"]["wave"]


def test_a_line_that_is_gone_alone_may_be_for_a_person_to_remove(area: Area):
    documents(
        area, [("A", "[{'no': '1', 'item': 'x'}]")],
        actual=[(1, "A"), (2, "B")], base=[("A", 1), ("B", 2)],
        line_actual=[(11, 1, "1", "x"), (12, 1, "2", "old"), (21, 2, "1", "z")],
        line_base=[("A", "1", 11), ("A", "2", 12), ("B", "1", 21)],
        on_source_gone=OnSourceGone.TASK,
    )  # fmt: skip
    lines = area.rows("docs.lines")
    assert {k: (r["kind"], r["code"]) for k, r in lines.items()} == {
        "A,2": ("task", "E0456"),
        "B,1": (None, None),
    }
    assert area.rows("docs")["B"]["action"] == lines["B,1"]["action"] == "delete"


def test_deletes_of_rows_that_others_refer_to_are_counted(area: Area):
    area.add(
        DEPARTMENTS,
        [("k", "k")],
        TEXT,
        actual=[(1, "a", "a"), (2, "b", "b"), (3, "k", "k")],
        base=[("a", 1), ("b", 2), ("k", 3)],
    )
    kept = Evidence(desired="source users was read partially")
    area.add(
        users(), [("u", "k")], {"code": "VARCHAR", "dept": "VARCHAR"},
        actual=[(1, "u", 1), (2, "v", 2)], base=[("u", 1), ("v", 2)], evidence=kept,
    )  # fmt: skip
    differ = area.run()
    # u moves to k in this plan; v stays with b, for its own removal is not proven.
    assert area.rows("users")["v"]["code"] == "E0420"
    assert differ.referenced("departments") == 1


LOCKERS = replace(
    make("lockers", {"code": Column("code"), "locker": Column("locker"), "name": Column("name")}),
    unique=(("locker",),),
)
LOCKER_COLUMNS = {"code": "VARCHAR", "locker": "VARCHAR", "name": "VARCHAR"}


def test_who_has_a_value_is_written_before_who_gets_it(area: Area):
    """Chains in both directions, with a new row at their end; who is deleted goes last."""
    area.add(
        LOCKERS,
        [("a", "2", ""), ("b", "3", ""), ("c", None, "new"), ("d", "5", ""), ("n", "1", ""), ("m", "9", "")],
        LOCKER_COLUMNS,
        actual=[
            (1, "a", "1", ""),
            (2, "b", "2", ""),
            (3, "c", "3", ""),
            (4, "d", "4", ""),
            (9, "z", "9", ""),
        ],
        base=[("a", 1), ("b", 2), ("c", 3), ("d", 4), ("z", 9)],
    )
    area.run()
    waves = {key: row["wave"] for key, row in area.rows("lockers").items()}
    assert waves == {"c": 1, "d": 1, "m": 1, "b": 2, "a": 3, "n": 4, "z": 5}


def test_rows_that_exchange_a_value_are_held_and_say_with_whom(area: Area):
    """And who wants something else of one of them, too."""
    area.add(
        replace(LOCKERS, unique=(("locker",), ("name",))),
        [
            ("a", "2", "A"),
            ("b", "3", "B."),
            ("c", "1", "C"),
            ("d", "7", "B"),
            ("e", "6", "D"),
            ("f", "4", "F"),
        ],
        LOCKER_COLUMNS,
        actual=[(at, key, str(at), key.upper()) for at, key in enumerate("abcde", 1)],
        base=[(key, at) for at, key in enumerate("abcde", 1)],
    )
    area.run()
    found = area.rows("lockers")
    assert {key: row["code"] for key, row in found.items() if row["kind"]} == dict.fromkeys(
        "abc", "E0439"
    ) | dict.fromkeys("def", "E0440")
    waits = {"a": "b", "b": "c", "c": "a", "d": "b", "e": "d", "f": "d"}
    assert {key: other for key, other in waits.items() if f'"{other}"' in found[key]["reason"]} == waits


def test_changed_parents_that_lead_round_in_a_circle_are_held(area: Area):
    """Through a row that is there and stays as it is; what hangs below the circle is written."""
    area.add(
        TREE, [("r", None), ("a", "c"), ("b", "a"), ("c", "b"), ("d", "d"), ("e", "a"), ("f", "n"), ("n", "f")],
        TREE_COLUMNS,
        actual=[(1, "r", None), (2, "a", 1), (3, "b", 2), (4, "c", 3), (5, "d", 1), (6, "e", 1), (7, "f", 1)],
        base=[("r", 1), ("a", 2), ("b", 3), ("c", 4), ("d", 5), ("e", 6), ("f", 7)],
    )  # fmt: skip
    area.run()
    found = area.rows("tree")
    assert {key: row["code"] for key, row in found.items() if row["kind"]} == dict.fromkeys("adfn", "E0411")
    assert {key for key, row in found.items() if not row["kind"]} == {"e"}


def test_a_tree_that_is_turned_over_is_written_from_its_new_root(area: Area):
    """a over b over c becomes c over b over a; d is put below a, which is below what moves."""
    area.add(
        TREE, [("a", "b"), ("b", "c"), ("c", None), ("d", "a")],
        TREE_COLUMNS,
        actual=[(1, "a", None), (2, "b", 1), (3, "c", 2), (4, "d", 3)],
        base=[("a", 1), ("b", 2), ("c", 3), ("d", 4)],
    )  # fmt: skip
    area.run()
    assert {key: row["wave"] for key, row in area.rows("tree").items()} == {"c": 1, "b": 2, "a": 3, "d": 4}
