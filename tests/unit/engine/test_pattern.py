"""Folding: what happened to a field, exactly; rare things are left to be told one by one."""

from datetime import date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from erpoa_cli.core.schema import BOOLEAN, DATE, INTEGER, STRING, TIMESTAMP, Sensitivity, decimal
from erpoa_cli.engine.pattern import LEAST, fold
from erpoa_cli.state import FieldLayout, Layout

TYPES = {
    "phone": STRING,
    "name": STRING,
    "price": decimal(18, 2),
    "amount": decimal(38, 2),
    "born": DATE,
    "at": TIMESTAMP,
    "active": BOOLEAN,
    "n": INTEGER,
}
LAYOUT = Layout(
    target="t",
    system="s",
    object="o",
    key={"code": STRING},
    id={"id": INTEGER},
    fields={
        **{name: FieldLayout(type_) for name, type_ in TYPES.items()},
        "bank": FieldLayout(STRING, Sensitivity.SENSITIVE),
        "parent": FieldLayout(INTEGER, pending=True),
    },
)


def ask(sql, tables):
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.sql(sql).to_arrow_table()


def folded(rows, **more):
    """*rows*: field → (before, after) per row."""
    made = []
    for ordinal, fields in enumerate(rows, 1):
        row = {
            "ordinal": ordinal,
            "k_code": str(ordinal),
            "id_id": ordinal,
            "action": "update",
            "cause": "data",
        }
        row |= {
            "generation": 1,
            "situation": "confirmed",
            "wave": 1,
            "step": 1,
            "fields": list(fields),
            **more,
        }
        for name, (before, after) in fields.items():
            row |= {f"a_{name}": before, f"d_{name}": after}
        made.append(row)
    told = fold(pa.Table.from_pylist(made, LAYOUT.plan_schema(sealed=True)), LAYOUT, ask)
    patterns = {(p["field"], p["what"]): p["rows"] for p in told.patterns.to_pylist()}
    return patterns, [row["ordinal"] for row in told.outliers.to_pylist()]


@pytest.mark.parametrize(
    ("field", "pairs", "what"),
    [
        ("phone", [(f"+86138{n:08}", f"138{n:08}") for n in range(9)], 'prefix "+86" removed'),
        ("phone", [(f"138{n:08}", f"+86138{n:08}") for n in range(9)], 'prefix "+86" added'),
        ("phone", [(f"0571-88{n:04}", f"057188{n:04}") for n in range(9)], "separators changed"),
        ("name", [(f"华信{n} ", f"华信{n}") for n in range(9)], "trimmed"),
        ("name", [(f"\u3000华信{n}\u3000", f"华信{n}") for n in range(9)], "trimmed"),
        ("name", [(f"ＡＢＣ１{n}（", f"ABC1{n}(") for n in range(9)], "full-width → half-width"),
        ("name", [(f"Ａ{n}　", f"A{n}") for n in range(9)], "full-width → half-width, trimmed"),
        ("name", [(f"ab{n}", f"AB{n}") for n in range(9)], "upper-cased"),
        ("name", [(f"Ab{n}", f"ab{n}") for n in range(9)], "lower-cased"),
        ("name", [(f"{n}有限公司", f"{n}股份公司") for n in range(9)], '"有限" replaced by "股份"'),
        ("name", [(f"http://{n}", f"https://{n}") for n in range(9)], '"s" inserted'),
        ("name", [(f"{n}-旧", f"{n}") for n in range(9)], 'suffix "-旧" removed'),
        ("name", [(str(n), f"000{n}") for n in range(1, 9)], "leading zeros added"),
        ("name", [("active", "blocked")] * 9, '"active" → "blocked"'),
        ("name", [(None, f"n{n}") for n in range(9)], "was NULL"),
        ("name", [("", f"n{n}") for n in range(9)], 'was ""'),
        ("name", [(f"n{n}", None) for n in range(9)], "now NULL"),
        ("name", [(f"n{n}", "其他") for n in range(9)], 'now "其他"'),
        ("name", [(None, "")] * 9, 'NULL → ""'),
        ("price", [(Decimal(n) / 4, Decimal(n) * 25) for n in range(1, 10)], "scaled ×100"),
        ("price", [(Decimal(n * 100), Decimal(n)) for n in range(1, 10)], "scaled ÷100"),
        ("price", [(Decimal(n * 100), Decimal(n * 113)) for n in range(1, 10)], "scaled ×1.13"),
        ("price", [(Decimal(n * n), n * n + Decimal("0.01")) for n in range(1, 10)], "0.01 higher"),
        ("n", [(n * n, n * n - 8) for n in range(9)], "8 lower"),
        ("born", [(date(2020, 1, n), date(2020, 1, n + 1)) for n in range(1, 10)], "1 day later"),
        ("at", [(datetime(2020, 1, n), datetime(2020, 1, n, 8)) for n in range(1, 10)], "8 h later"),
        (
            "at",
            [(datetime(2020, 1, n, 0, 0, 0, n), datetime(2020, 1, n)) for n in range(1, 10)],
            "fraction of a second removed",
        ),
        ("active", [(True, False)] * 9, "true → false"),
        ("bank", [(b"\x01" + bytes([n]), b"\x02") for n in range(9)], "changed (sensitive)"),
    ],
)
def test_a_pattern_is_named(field, pairs, what):
    assert folded([{field: pair} for pair in pairs]) == ({(field, what): len(pairs)}, [])


def test_what_fits_no_pattern_is_an_outlier():
    rows = [{"phone": (f"+86{n}", f"{n}")} for n in range(10, 30)]
    rows += [{"name": ("甲", "乙")}, {"phone": ("+8699", "99"), "name": ("x", "z")}]
    patterns, outliers = folded(rows)
    assert patterns == {("phone", 'prefix "+86" removed'): 21}
    assert outliers == [21, 22]


def test_fewer_rows_than_a_pattern_needs_are_told_singly():
    patterns, outliers = folded([{"name": ("a", "b")}] * (LEAST - 1))
    assert patterns == {}
    assert outliers == list(range(1, LEAST))


def test_a_label_never_claims_more_than_is_true():
    """Long values with a common beginning are not called the same; a 30-digit amount is not called scaled when
    its last digit differs."""
    long = "长" * 60
    assert folded([{"name": (f"{n}", f"{long}{n}")} for n in range(9)])[0] == {}
    big = Decimal("123456789012345678901234567890.01")
    told, _ = folded([{"amount": (big + n * n, (big + n * n) * 10 + n)} for n in range(1, 9)])
    assert not any("×10" in what for _, what in told)


def test_values_another_row_gives_are_a_pattern_of_their_own():
    rows = [{"parent": (None, None)} for _ in range(9)]
    patterns, outliers = folded(rows, p_parent='["oa_departments","{}",""]')
    assert patterns == {("parent", "set to what another row gives"): 9}
    assert outliers == []


def test_the_label_most_rows_share_wins():
    rows = [{"name": (f"甲{n} ", f"甲{n}")} for n in range(20)] + [{"name": ("乙 ", "乙")}] * 6
    assert folded(rows)[0] == {("name", "trimmed"): 26}


def test_hostile_text_is_data():
    hostile = "'; DROP TABLE changes; --"
    patterns, _ = folded([{"name": (hostile, '"')}] * 9)
    assert patterns == {("name", f'"{hostile}" → """'): 9}


def test_a_row_with_another_change_is_told_by_itself_not_as_an_example():
    """Row 1 and 2 share a pattern with the rest, and each has a change of its own that nobody may miss."""
    rows: list[dict[str, tuple[object, object]]] = [{"active": (True, False)} for _ in range(LEAST + 2)]
    rows[0] |= {"bank": (b"1", b"2")}
    rows[1] |= {"name": ("A", "B")}
    made = [
        {"ordinal": n, "k_code": str(n), "id_id": n, "action": "update", "cause": "data", "generation": 1}
        | {"situation": "confirmed", "wave": 1, "step": 1, "fields": list(fields)}
        | {f"{side}_{name}": pair[at] for name, pair in fields.items() for at, side in enumerate("ad")}
        for n, fields in enumerate(rows, 1)
    ]
    told = fold(pa.Table.from_pylist(made, LAYOUT.plan_schema(sealed=True)), LAYOUT, ask)
    assert told.outliers["ordinal"].to_pylist() == [1, 2]
    [pattern] = told.patterns.to_pylist()
    assert (pattern["rows"], pattern["examples"]) == (LEAST + 2, [3, 4])


def test_a_pattern_whose_rows_are_all_told_singly_tells_nothing():
    rows = [{"active": (True, False), "name": ("x", f"{n}!" * n)} for n in range(1, LEAST + 1)]
    patterns, outliers = folded(rows)
    assert (patterns, outliers) == ({}, [1, 2, 3, 4, 5])
