"""Plan files: what was written comes back; anything else is refused, with its own code."""

import hashlib
import json
import stat
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.state import PlanFile, Sealer, planfile, planzip
from tests.unit.state.samples import GUARD, HOSTILE, NOON, READ, SEALER, SUPPLIERS, header, make_plan, row

ROWS = [
    row(2, "002", "update", d_name=None, d_iban=None, fields=["name"], a_name=""),
    row(
        0,
        "001",
        "create",
        d_name="张三\u202e",
        d_iban="DE02 1203",
        d_amount=Decimal("0.000000001"),
        d_at=NOON,
    ),
    row(1, "００１", "delete", a_amount=Decimal("-99999999999999999999.000000001")),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p1.erpoaplan"


def refusal(path):
    with pytest.raises(Failure) as caught:
        PlanFile.open(path)
    return caught.value.diagnostics[0].code, caught.value.kind


def test_what_was_written_comes_back(path):
    plan = make_plan(path, ROWS, [row(3, "x", "adopt", settled=["name"], d_name="n", a_name="N")])
    assert plan.header.project == "huaxin"
    assert plan.header.author == "陈洁"
    assert plan.header.created == NOON
    assert plan.reads == (READ,)
    assert plan.guards == (GUARD,)
    assert plan.targets == {"suppliers": {"system": "oa", "identity": "sqlite:oa.db"}}
    assert plan.inputs["files"] == {"erpoa.yml": "ab" * 32}
    assert plan.members("changes") == plan.members("state") == ("suppliers",)
    assert plan.members("held") == ()
    table = plan.table("changes", "suppliers", SEALER)
    assert table.schema == SUPPLIERS.plan_schema()
    assert table == pa.Table.from_pylist(sorted(ROWS, key=lambda r: r["ordinal"]), SUPPLIERS.plan_schema())
    assert plan.table("held", "suppliers").num_rows == 0
    assert plan.layout("suppliers") == SUPPLIERS


def test_hostile_text_survives(path):
    rows = [row(i, f"{i}{text}", "create", d_name=text, d_iban=text) for i, text in enumerate(HOSTILE)]
    table = make_plan(path, rows).table("changes", "suppliers", SEALER)
    assert table["d_name"].to_pylist() == table["d_iban"].to_pylist() == HOSTILE
    assert table["k_code"].to_pylist() == [f"{i}{text}" for i, text in enumerate(HOSTILE)]


def test_sensitive_values_are_sealed(path):
    make_plan(path, ROWS)
    assert b"DE02 1203" not in path.read_bytes()
    sealed = PlanFile.open(path).table("changes", "suppliers")["d_iban"]
    assert sealed.type == pa.binary()
    assert sealed.null_count == 2
    with pytest.raises(Failure) as caught:
        PlanFile.open(path).table("changes", "suppliers", Sealer(b"x" * 32))
    assert caught.value.diagnostics[0].code == "E0514"


def test_private_and_atomic(path, monkeypatch):
    make_plan(path, ROWS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()

    def full(file):
        raise OSError("no space left")

    monkeypatch.setattr(planfile, "sign_off", full)  # the last step: the new file is there, and not whole
    with pytest.raises(OSError, match="no space"):
        make_plan(path, ROWS[:1])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_same_plan_is_the_same_bytes(tmp_path):
    (tmp_path / "b").mkdir()
    plain = [{**r, "d_iban": None} for r in ROWS]  # sealing is random on purpose
    make_plan(tmp_path / "p.erpoaplan", plain)
    make_plan(tmp_path / "b" / "p.erpoaplan", plain)
    assert (tmp_path / "p.erpoaplan").read_bytes() == (tmp_path / "b" / "p.erpoaplan").read_bytes()


def test_every_damaged_byte_is_found(path):
    make_plan(path, ROWS[:1])
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ (1 << position % 8)]) + content[position + 1 :]
        )
        assert refusal(path) == ("E0502", FailureKind.STALE), position


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_plan_is_damaged(path, keep):
    make_plan(path, ROWS)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert refusal(path) == ("E0502", FailureKind.STALE)


def test_appended_bytes_are_found(path):
    make_plan(path, ROWS)
    path.write_bytes(path.read_bytes() + b"\0")
    assert refusal(path) == ("E0502", FailureKind.STALE)


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 5000, "订单".encode() * 100])
def test_something_else_is_not_a_plan(path, content):
    path.write_bytes(content)
    assert refusal(path) == ("E0501", FailureKind.INVALID)


def test_a_missing_file_is_not_a_plan(path):
    assert refusal(path) == ("E0501", FailureKind.INVALID)


def forge(path, change, compression=zipfile.ZIP_STORED):
    """Write the plan again with *change* applied to its members, and a checksum that fits."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    change(members)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.comment = bytes(32)
        for name, content in members.items():
            archive.writestr(name, content)
    content = path.read_bytes()[:-32]
    path.write_bytes(content + hashlib.sha256(content).digest())


def swap_values(members):
    other = members["changes/suppliers.parquet"]
    members["changes/suppliers.parquet"] = other[:-1] + bytes([other[-1] ^ 1])


def drop_a_row(members):
    """Well-formed all the same: only its digest tells."""
    rows = pq.read_table(pa.BufferReader(members["changes/suppliers.parquet"]))
    sink = pa.BufferOutputStream()
    pq.write_table(rows.slice(1), sink)
    members["changes/suppliers.parquet"] = sink.getvalue().to_pybytes()


def extend(members):
    content = json.loads(members["plan.json"])
    members["plan.json"] = json.dumps({**content, "expires": "2099-01-01T00:00:00+00:00"}).encode()


@pytest.mark.parametrize(
    "change",
    [
        swap_values,
        drop_a_row,
        extend,
        lambda members: members.pop("guards.json"),
        lambda members: members.update({"reads.json": b"[]"}),
        lambda members: members.update({"guards.json": b"[]"}),
        lambda members: members.update({"changes/other.parquet": members["changes/suppliers.parquet"]}),
        lambda members: members.update({"../evil.parquet": b""}),
        lambda members: members.update({"plan.json": b"{"}),
        lambda members: members.update({"plan.json": b"[]"}),
    ],
)
def test_a_forged_part_does_not_fit_the_digests(path, change):
    make_plan(path, ROWS)
    forge(path, change)
    assert refusal(path) == ("E0502", FailureKind.STALE)


def test_the_forger_of_these_tests_can_write_a_valid_plan(path):
    make_plan(path, ROWS)
    forge(path, lambda members: None)
    PlanFile.open(path)


def test_compressed_members_are_refused(path):
    make_plan(path, ROWS)
    forge(path, lambda members: None, zipfile.ZIP_DEFLATED)
    assert refusal(path) == ("E0502", FailureKind.STALE)


def test_a_newer_format_is_refused(path, monkeypatch):
    make_plan(path, ROWS)
    monkeypatch.setattr(planfile, "FORMAT", planfile.FORMAT - 1)
    assert refusal(path) == ("E0503", FailureKind.INVALID)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MAX_FILE", 100), ("MAX_MEMBERS", 3), ("MAX_JSON", 10), ("MAX_ROWS", 1), ("MAX_UNPACKED", 10)],
)
def test_limits_of_size(path, monkeypatch, limit, value):
    make_plan(path, ROWS)
    monkeypatch.setattr(planzip if hasattr(planzip, limit) else planfile, limit, value)
    assert refusal(path) == ("E0504", FailureKind.INVALID)


def test_a_file_exchanged_after_verification_is_not_used(path):
    plan = make_plan(path, ROWS)
    content = path.read_bytes()
    start = content.index(b"PAR1")
    path.write_bytes(content[: start + 8] + b"\xff" + content[start + 9 :])
    with pytest.raises(Failure) as caught:
        plan.table("changes", "suppliers")
    assert caught.value.diagnostics[0].code == "E0502"


def test_the_manifest_covers_the_header_too(tmp_path):
    one = make_plan(tmp_path / "p.erpoaplan", ROWS[:1]).header
    two = make_plan(tmp_path / "p.erpoaplan", ROWS[:1], author="someone else").header
    assert one.members == two.members
    assert one.manifest_digest != two.manifest_digest
    assert header().manifest_digest == ""
