"""The effects digest: RFC 8785 in fact, and the same for the same effects wherever it is made."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import BOOLEAN, INTEGER, STRING, TIMESTAMPTZ, Sensitivity, decimal, parse_type
from erpoa_cli.core.target import Ownership
from erpoa_cli.engine.changes import effects
from erpoa_cli.engine.changes.effects import Effects
from erpoa_cli.state import FieldLayout, Layout, Sealer
from tests import depth

SEALER = Sealer(b"s" * 32)


def effects_digest(
    changes: dict[str, tuple[Layout, pa.Table | pa.RecordBatchReader]],
    identities: dict[str, str],
    sealer: Sealer | None = None,
) -> str:
    """The digest when these rows passed; they pass unchanged."""
    seen = Effects(identities, sealer)
    for target, (layout, rows) in sorted(changes.items(), key=lambda change: change[0].encode()):
        table = rows if isinstance(rows, pa.Table) else rows.read_all()
        assert seen.passing(replace(layout, target=target), table.to_reader).read_all() == table
    return seen.digest()


LAYOUT = Layout(
    target="订单",
    system="oa",
    object="po",
    key={"no": STRING, "line": INTEGER},
    id={"id": INTEGER},
    fields={
        "name": FieldLayout(STRING),
        "amount": FieldLayout(decimal(38, 9)),
        "rate": FieldLayout(decimal(9, 4)),
        "at": FieldLayout(TIMESTAMPTZ),
        "active": FieldLayout(BOOLEAN),
        "iban": FieldLayout(STRING, Sensitivity.SECRET),
        "lines": FieldLayout(parse_type("list<struct<qty: decimal(9,3), no: integer>>")),
        "dep": FieldLayout(INTEGER, pending=True),
        "phone": FieldLayout(STRING, ownership=Ownership.THEIRS),
        "😀": FieldLayout(STRING),
        "ﬀ": FieldLayout(STRING),  # after 😀 in code points, before it in UTF-16
    },
)
IDENTITY = 'sqlite:/srv/"oa".db'
TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\\", "\x00\x1f\x7f", "\u2028", "张三,", ","]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXT,
    "amount": st.decimals(-(10**20), 10**20, places=9),
    "rate": st.decimals(-99999, 99999, places=4),
    "at": st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC)),
    "active": st.booleans(),
    "iban": TEXT,
    "lines": st.lists(st.fixed_dictionaries({"qty": st.decimals(0, 9, places=3), "no": st.integers() .filter(lambda n: abs(n) < 2**63)}), max_size=2),
    "dep": st.integers(-(2**63), 2**63 - 1),
    "phone": TEXT,
    "😀": TEXT,
    "ﬀ": TEXT,
}  # fmt: skip


@st.composite
def change(draw: st.DrawFn) -> dict[str, Any]:
    row: dict[str, Any] = {
        "k_no": draw(TEXT),
        "k_line": draw(st.integers(-3, 12)),
        "step": draw(st.integers(1, 2)),
        "action": draw(st.sampled_from(["create", "update", "delete", "deactivate"])),
        "fields": draw(st.lists(st.sampled_from(list(VALUES)), unique=True)),
        "p_dep": draw(st.none() | st.just('["部门","{\\"code\\":\\"D\\\\\\"1\\"}","id"]')),
        # not part of the effects:
        "ordinal": draw(st.integers(0, 99)),
        "wave": draw(st.integers(0, 9)),
        "id_id": draw(st.integers(0, 9)),
    }
    for name, values in VALUES.items():
        row[f"d_{name}"], row[f"a_{name}"] = draw(st.none() | values), draw(st.none() | values)
    return row


CHANGES = st.lists(change(), max_size=6, unique_by=lambda row: (row["k_no"], row["k_line"], row["step"]))


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, LAYOUT.plan_schema())


def digest(rows: list[dict[str, Any]], **changed: Any) -> str:
    return effects_digest(
        {"订单": (LAYOUT, table(rows))}, {"订单": changed.get("identity", IDENTITY)}, SEALER
    )


def plain(name: str, value: Any) -> Any:
    """A value as RFC 8785 gets it."""
    field = LAYOUT.fields[name]
    if value is None or isinstance(value, bool):
        return value
    if field.sealed:
        return "hmac:" + SEALER.mac(pa.array([value]), field.type, f"订单.{name}")[0].as_py().hex()
    if name == "lines":
        return [{"qty": f"{line['qty']:.3f}", "no": str(line["no"])} for line in value]
    return canonical(value, field.type)


def expected(rows: list[dict[str, Any]]) -> str:
    content = b""
    for row in sorted(rows, key=lambda r: (r["k_no"].encode(), str(r["k_line"]).encode(), r["step"])):
        wants = {name: plain(name, row[f"d_{name}"]) for name in row["fields"]}
        if "dep" in wants and row["p_dep"] is not None:
            wants["dep"] = {"ref": ["部门", '{"code":"D\\"1"}', "id"]}
        must_have = {name: plain(name, row[f"a_{name}"]) for name in VALUES if name != "phone"}
        line = [
            "订单",
            IDENTITY,
            {"no": row["k_no"], "line": str(row["k_line"])},
            row["step"],
            row["action"],
            wants,
            {} if row["action"] == "create" else must_have,
        ]
        content += rfc8785.dumps(line) + b"\n"
    return hashlib.sha256(content).hexdigest()


@settings(max_examples=depth.examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES, st.randoms())
def test_it_is_sha256_over_rfc_8785(rows: list[dict[str, Any]], random: Any) -> None:
    assert digest(rows) == expected(rows)
    random.shuffle(rows)
    assert digest([{**row, "ordinal": 7, "wave": 3, "id_id": None} for row in rows]) == expected(rows)


@settings(max_examples=depth.examples(8), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES.filter(lambda rows: len(rows) > 2))
def test_pieces_of_work_do_not_matter(rows: list[dict[str, Any]]) -> None:
    whole = digest(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(effects, "_SLICE", 2)
        patch.setattr(effects, "_WORKERS", 3)
        assert digest(rows) == whole
    pieces = pa.concat_tables([table(rows[:1]), table(rows[1:])])
    for rows_ in (pieces, pieces.to_reader()):
        assert effects_digest({"订单": (LAYOUT, rows_)}, {"订单": IDENTITY}, SEALER) == whole


BASE = {
    "k_no": "PO-1", "k_line": 1, "step": 1, "action": "update", "fields": ["name", "dep"], "ordinal": 0,
    "d_name": "张三", "d_amount": Decimal("1.20"), "a_name": "old", "d_iban": "DE1", "a_iban": "DE0", "a_phone": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"k_no": "PO-2"},
        {"k_line": 2},
        {"step": 2},
        {"action": "deactivate"},
        {"fields": ["name"]},
        {"d_name": "张三 "},
        {"d_name": ""},
        {"d_name": None},
        {"d_name": "null"},
        {"a_name": "older"},
        {"a_amount": Decimal("0.000000001")},
        {"a_iban": "DE2"},
        {"p_dep": '["t","{}",""]'},
    ],
)
def test_every_effect_counts(other: dict[str, Any]) -> None:
    assert digest([BASE]) != digest([{**BASE, **other}])


@pytest.mark.parametrize(
    "other", [{"a_phone": "2"}, {"d_amount": Decimal(9)}, {"d_iban": "DE9"}, {"wave": 9}]
)
def test_what_is_no_effect_does_not_count(other: dict[str, Any]) -> None:
    assert digest([BASE]) == digest([{**BASE, **other}])


def test_the_identity_of_the_system_counts() -> None:
    assert digest([BASE]) != digest([BASE], identity="sqlite:/elsewhere.db")


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4], [1, 2, 4, 3], [4, 3, 2, 1], [2, 10, 1, 3]])
def test_rows_may_come_in_any_order_and_in_any_batches(numbers: list[int]) -> None:
    rows = table([{**BASE, "k_line": n, "d_name": f"第{n}行"} for n in numbers]).to_pylist()
    one_by_one = pa.concat_tables([table([row]) for row in rows])
    assert effects_digest({"订单": (LAYOUT, one_by_one)}, {"订单": IDENTITY}, SEALER) == expected(rows)
    assert digest(rows) == expected(rows)


def test_targets_follow_each_other_whatever_the_order_of_their_rows() -> None:
    rows = [{**BASE, "k_line": number} for number in (1, 2, 3)]
    digests = [
        effects_digest(
            {"a": (LAYOUT, table(first)), "订单": (LAYOUT, table(then))}, {"a": "y", "订单": "x"}, SEALER
        )
        for first in (rows, rows[::-1])
        for then in (rows, rows[::-1])
    ]
    assert len(set(digests)) == 1


def test_a_target_that_passes_out_of_order_is_refused() -> None:
    seen = Effects({"订单": "x", "a": "y"}, SEALER)
    for target in ("订单", "a"):
        reader = seen.passing(replace(LAYOUT, target=target), table([BASE]).to_reader)
        if target == "a":
            with pytest.raises(ValueError, match="out of order"):
                reader.read_all()
        else:
            reader.read_all()


def test_an_instant_is_the_same_in_every_zone() -> None:
    noon = datetime(2026, 7, 28, 12, tzinfo=UTC)
    there = noon.astimezone(timezone(timedelta(hours=8)))
    rows = [{**BASE, "fields": ["at"], "d_at": moment} for moment in (noon, there)]
    assert digest(rows[:1]) == digest(rows[1:])


ELSEWHERE = """
import locale, sys
locale.setlocale(locale.LC_ALL, "")
import pyarrow as pa
pa.set_cpu_count(int(sys.argv[1]))
from tests.unit.engine.changes.test_effects import BASE, digest
from datetime import datetime, UTC
rows = [{**BASE, "k_no": n, "fields": ["at", "amount", "name"], "d_at": datetime(1899, 12, 31, 23, 59, tzinfo=UTC)} for n in ("ä", "z", "Z", "张", "a")]
print(digest(rows))
"""


@pytest.mark.process
def test_the_same_in_another_zone_locale_and_thread_count() -> None:
    answers = set()
    for zone, language, threads in (
        ("UTC", "C", "1"),
        ("Asia/Shanghai", "C.UTF-8", "4"),
        ("America/St_Johns", "", "2"),
    ):
        environment = {
            **os.environ,
            "TZ": zone,
            "LC_ALL": language,
            "PYTHONHASHSEED": threads,
            "PYTHONUTF8": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, threads],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        answers.add(done.stdout)
    assert len(answers) == 1
